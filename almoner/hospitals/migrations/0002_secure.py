from django.db import migrations

from almoner.kernel.schema import GrantPlatformTable, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("hospitals", "0001_initial"), ("kernel", "0002_secure")]
    operations = [
        GrantPlatformTable("hospitals_hospital", "SELECT, INSERT, UPDATE"),
        SecureTenantTable("Department"),
        SecureTenantTable("Ward"),
        SecureTenantTable("Bed"),
        SecureTenantTable("ConfigurationVersion", append_only=True),
    ]
