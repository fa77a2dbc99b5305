from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("enforcement", "0005_policy_scopes")]
    operations = [LoadSql("almoner.enforcement", "gate_facts.sql")]
