from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_secure_plans")]
    operations = [LoadSql("almoner.payments", "plan_history.sql")]
