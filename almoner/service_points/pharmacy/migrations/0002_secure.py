from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("pharmacy", "0001_initial"), ("orders", "0002_secure")]
    operations = [
        SecureTenantTable("Dispensing", append_only=True),
    ]
