import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0003_duplicates"),
        ("payments", "0006_merged_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlanCancellation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("reason", models.CharField(max_length=500)),
                ("at", models.DateTimeField()),
                ("cancelled_by", models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="PlanChangeRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("terms", models.JSONField()),
                ("reason", models.CharField(max_length=500)),
                ("at", models.DateTimeField()),
                ("requested_by", models.CharField(max_length=200)),
                ("requester_id", models.UUIDField(null=True)),
                ("idempotency_key", models.CharField(max_length=200)),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("", "Waiting"), ("approved", "Approved"), ("refused", "Refused")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, default="", max_length=200)),
                ("decider_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PlanInstalment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("number", models.SmallIntegerField()),
                ("due_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="paymentplan",
            name="content_hash",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        migrations.AddField(
            model_name="paymentplan",
            name="frequency",
            field=models.CharField(db_default="monthly", max_length=12),
        ),
        migrations.AddField(
            model_name="paymentplan",
            name="grace_days",
            field=models.SmallIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="paymentplan",
            name="patient_agreed_by",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="paymentplan",
            name="replaces",
            field=almoner.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.paymentplan",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentplan",
            constraint=models.CheckConstraint(
                condition=models.Q(("total_minor__gt", 0)), name="plan_total_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentplan",
            constraint=models.CheckConstraint(
                condition=models.Q(("grace_days__range", (0, 30))), name="plan_grace_days"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentplan",
            constraint=models.UniqueConstraint(fields=("hospital_id", "replaces"), name="plan_replaced_once"),
        ),
        migrations.AddField(
            model_name="plancancellation",
            name="plan",
            field=almoner.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.paymentplan",
            ),
        ),
        migrations.AddField(
            model_name="planchangerequest",
            name="plan",
            field=almoner.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.paymentplan",
            ),
        ),
        migrations.AddField(
            model_name="planinstalment",
            name="plan",
            field=almoner.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.paymentplan",
            ),
        ),
        migrations.AddConstraint(
            model_name="plancancellation",
            constraint=models.UniqueConstraint(fields=("hospital_id", "plan"), name="plan_cancelled_once"),
        ),
        migrations.AddConstraint(
            model_name="planchangerequest",
            constraint=models.UniqueConstraint(
                fields=("hospital_id", "idempotency_key"), name="plan_change_key_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="planchangerequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision", "")),
                fields=("hospital_id", "plan"),
                name="plan_change_requested_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="planchangerequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("decided_by", ""), ("decision", "")),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decision__in", ["approved", "refused"]),
                        models.Q(("decided_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="plan_change_decided_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="planchangerequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_by", models.F("requested_by")), _negated=True),
                    models.Q(
                        ("decider_id__isnull", True),
                        ("requester_id__isnull", True),
                        models.Q(("decider_id", models.F("requester_id")), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="plan_change_decided_by_another",
            ),
        ),
        migrations.AddIndex(
            model_name="planinstalment",
            index=models.Index(fields=["hospital_id", "due_on"], name="instalment_by_day"),
        ),
        migrations.AddConstraint(
            model_name="planinstalment",
            constraint=models.UniqueConstraint(
                fields=("hospital_id", "plan", "number"), name="instalment_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="planinstalment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0), ("number__gte", 0)), name="instalment_positive"
            ),
        ),
    ]
