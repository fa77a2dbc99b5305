from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("charging", "0009_disputes"), ("hospitals", "0002_secure")]
    operations = [
        SecureTenantTable("ChargeDispute", append_only=True),
        SecureTenantTable("DisputeResolution", append_only=True),
    ]
