from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("charging", "0003_work_reviews")]
    operations = [SecureTenantTable("WorkReview", append_only=True)]
