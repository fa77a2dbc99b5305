import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy
from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0010_plan_fees"),
        ("hospitals", "0005_refund_approval"),
    ]

    operations = [
        migrations.CreateModel(
            name="RefundRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("at", models.DateTimeField()),
                ("requested_by", models.CharField(max_length=200)),
                ("reason", models.CharField(max_length=500)),
                ("idempotency_key", models.CharField(max_length=200)),
                ("content_hash", models.CharField(max_length=64)),
                ("requester_id", models.UUIDField(null=True)),
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
                ("decision_note", models.CharField(blank=True, default="", max_length=500)),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("cash", "Cash"),
                            ("card", "Card"),
                            ("bank_transfer", "Bank Transfer"),
                            ("cheque", "Cheque"),
                            ("mobile_money", "Mobile Money"),
                        ],
                        max_length=20,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
            ],
        ),
        migrations.AddField(
            model_name="refund",
            name="approved_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("approved_by", models.F("requested_by")), _negated=True),
                name="refund_approved_by_another",
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="payment",
            field=almoner.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(
                fields=("hospital_id", "idempotency_key"), name="refund_request_key_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision", "")),
                fields=("hospital_id", "payment"),
                name="refund_requested_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
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
                name="refund_request_decided_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
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
                name="refund_decided_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="refund_request_positive"
            ),
        ),
        SecureTenantTable(
            "RefundRequest",
            updatable=["decision", "decided_at", "decided_by", "decider_id", "decision_note"],
        ),
    ]
