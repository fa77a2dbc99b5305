from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("laboratory", "0001_initial"), ("orders", "0002_secure")]
    operations = [
        SecureTenantTable("Processing", append_only=True),
        SecureTenantTable("TestResult", append_only=True),
    ]
