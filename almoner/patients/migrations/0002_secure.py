from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial"), ("hospitals", "0002_secure")]
    operations = [
        SecureTenantTable("Patient"),
        SecureTenantTable("PatientAccount", updatable=["patient_id"]),
        SecureTenantTable("Encounter"),
        SecureTenantTable("Payer"),
        SecureTenantTable("Coverage"),
    ]
