from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("laboratory", "0005_samples_and_versions")]
    operations = [
        SecureTenantTable("LaboratorySettings", updatable=["verify_results"]),
        SecureTenantTable(
            "TestDefinition", updatable=["specimen", "instructions", "parameters"], deletable=True
        ),
        SecureTenantTable("Sample", append_only=True),
        SecureTenantTable("SampleReceipt", append_only=True),
        SecureTenantTable("SampleRejection", append_only=True),
        SecureTenantTable("ResultVerification", append_only=True),
        SecureTenantTable("CriticalNotice", append_only=True),
        # Who entered a result cannot be said otherwise by the row that verifies it.
        migrations.RunSQL(
            "ALTER TABLE laboratory_resultverification ADD CONSTRAINT laboratory_resultverification_entered_by_fk"
            " FOREIGN KEY (hospital_id, result_id, entered_by)"
            " REFERENCES laboratory_testresult (hospital_id, id, entered_by)",
            migrations.RunSQL.noop,
        ),
    ]
