from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("consultation", "0001_initial"), ("patients", "0002_secure")]
    operations = [
        SecureTenantTable("Consultation", updatable=["ended_at"]),
    ]
