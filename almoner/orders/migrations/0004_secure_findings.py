from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_findings")]
    operations = [SecureTenantTable("TestFinding", append_only=True)]
