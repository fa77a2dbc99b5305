from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("laboratory", "0003_reference_ranges")]
    operations = [
        SecureTenantTable("ReferenceRange", append_only=True),
    ]
