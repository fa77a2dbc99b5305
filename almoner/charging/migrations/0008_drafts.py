from django.db import migrations, models

import almoner.kernel.ids
from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("charging", "0007_merged_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChargeDraft",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("code", models.SlugField(max_length=80)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                ("typed", models.JSONField()),
                ("saved_at", models.DateTimeField()),
                ("saved_by", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hospital_id", "code"), name="charge_draft_once")
                ],
            },
        ),
        SecureTenantTable("ChargeDraft", deletable=True),
    ]
