import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy


class Migration(migrations.Migration):
    dependencies = [
        ("charging", "0008_drafts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChargeDispute",
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
                ("recorded_by", models.CharField(max_length=200)),
                (
                    "charge_item",
                    almoner.kernel.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="charging.chargeitem",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DisputeResolution",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("note", models.CharField(max_length=500)),
                ("at", models.DateTimeField()),
                ("resolved_by", models.CharField(max_length=200)),
                (
                    "dispute",
                    almoner.kernel.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="charging.chargedispute",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="chargedispute",
            index=models.Index(fields=["hospital_id", "charge_item"], name="dispute_by_item"),
        ),
        migrations.AddConstraint(
            model_name="disputeresolution",
            constraint=models.UniqueConstraint(
                fields=("hospital_id", "dispute"), name="dispute_resolved_once"
            ),
        ),
    ]
