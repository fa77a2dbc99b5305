from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("catalog", "0002_secure"), ("patients", "0002_secure")]
    operations = [
        SecureTenantTable("TestOrder"),
        SecureTenantTable("TestOrderLine", append_only=True),
        SecureTenantTable("Prescription"),
        SecureTenantTable("PrescriptionLine", append_only=True),
        SecureTenantTable("Admission"),
    ]
