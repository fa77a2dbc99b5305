from django.db import migrations

from almoner.kernel.schema import GrantPlatformTable, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_people")]
    operations = [
        GrantPlatformTable("identity_staffmember", "SELECT, INSERT, UPDATE"),
        GrantPlatformTable("identity_hospitalrole"),
        SecureTenantTable("Invitation", updatable=("expires_at", "accepted_at", "withdrawn_at")),
    ]
