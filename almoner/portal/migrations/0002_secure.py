from django.db import migrations

from almoner.kernel.schema import GrantPlatformTable, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial"), ("patients", "0002_secure"), ("kernel", "0002_secure")]
    operations = [
        GrantPlatformTable("portal_patientlogin", "SELECT, INSERT, DELETE"),
        SecureTenantTable("PatientInvitation", updatable=("patient_id", "accepted_at", "withdrawn_at")),
    ]
