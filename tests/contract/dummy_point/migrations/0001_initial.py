import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy
from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    initial = True
    dependencies = [("patients", "0002_secure")]
    operations = [
        migrations.CreateModel(
            name="Scan",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("taken_at", models.DateTimeField()),
                (
                    "encounter",
                    almoner.kernel.tenancy.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="patients.encounter"
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        SecureTenantTable("Scan", append_only=True),
    ]
