from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_referrals")]
    operations = [SecureTenantTable("Referral", updatable=["patient_id", "visit_id", "cancelled_at"])]
