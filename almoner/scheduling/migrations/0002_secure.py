from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial"), ("hospitals", "0002_secure"), ("patients", "0002_secure")]
    operations = [
        SecureTenantTable("QueueToken", updatable=["called_at", "called_by"]),
    ]
