from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("enforcement", "0008_conditions"), ("payments", "0009_plan_history")]
    operations = [LoadSql("almoner.enforcement", "gate_facts.sql")]
