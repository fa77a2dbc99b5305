import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy
from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("consultation", "0002_secure"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsultationNote",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("text", models.TextField(max_length=4000)),
                ("written_at", models.DateTimeField()),
                ("written_by", models.CharField(max_length=200)),
                (
                    "consultation",
                    almoner.kernel.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consultation.consultation",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hospital_id", "consultation", "written_at"], name="note_by_time")
                ],
            },
        ),
        SecureTenantTable("ConsultationNote", append_only=True),
    ]
