from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]
    operations = [
        LoadSql("almoner.kernel", "refuse_change.sql"),
        SecureTenantTable("NumberSeries", updatable=["last_number"]),
    ]
