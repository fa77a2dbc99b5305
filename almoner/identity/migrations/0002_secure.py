from django.db import migrations

from almoner.kernel.schema import GrantPlatformTable, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial"), ("kernel", "0002_secure")]
    operations = [
        GrantPlatformTable("identity_user", "SELECT, INSERT, UPDATE"),
        GrantPlatformTable("identity_membership", "SELECT, INSERT, DELETE"),
        GrantPlatformTable("identity_apikey", "SELECT, INSERT, UPDATE"),
        SecureTenantTable("AuditRecord", append_only=True),
        SecureTenantTable("AuditBlock", append_only=True),
    ]
