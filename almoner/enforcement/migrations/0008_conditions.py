from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("enforcement", "0007_plan_standing"), ("patients", "0004_diagnoses_and_photos")]
    operations = [LoadSql("almoner.enforcement", "gate_facts.sql")]
