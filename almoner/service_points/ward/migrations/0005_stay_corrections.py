import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy
from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0006_secure_referrals"),
        ("ward", "0004_charged_until"),
    ]

    operations = [
        migrations.CreateModel(
            name="StayCorrection",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("came_at_before", models.DateTimeField()),
                ("came_at", models.DateTimeField()),
                ("left_at_before", models.DateTimeField(null=True)),
                ("left_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(max_length=300)),
                ("corrected_at", models.DateTimeField()),
                ("corrected_by", models.CharField(max_length=200)),
                (
                    "admission",
                    almoner.kernel.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orders.admission",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hospital_id", "admission"], name="correction_by_admission")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("left_at", None), ("left_at__gt", models.F("came_at")), _connector="OR"
                        ),
                        name="corrected_stay_ends_after_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="correction_has_a_reason"
                    ),
                ],
            },
        ),
        SecureTenantTable("StayCorrection", append_only=True),
    ]
