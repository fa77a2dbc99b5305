from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("ward", "0001_initial"), ("orders", "0002_secure"), ("hospitals", "0002_secure")]
    operations = [
        SecureTenantTable("BedStay", updatable=["ended_at"]),
    ]
