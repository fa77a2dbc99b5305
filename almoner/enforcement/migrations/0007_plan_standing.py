from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("enforcement", "0006_all_accounts"), ("payments", "0008_secure_plans")]
    operations = [LoadSql("almoner.enforcement", "gate_facts.sql")]
