from django.db import migrations, models

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("enforcement", "0004_secure_override_reviews")]
    operations = [
        migrations.AddField(
            "GateDecision", "setting", models.CharField(blank=True, db_default="", default="", max_length=40)
        ),
        migrations.AddField(
            "GateDecision", "source", models.CharField(blank=True, db_default="", default="", max_length=120)
        ),
        migrations.AddField(
            "Override", "condition", models.SlugField(blank=True, db_default="", default="", max_length=40)
        ),
        migrations.AlterField(
            "PaymentPolicy",
            "scope",
            models.CharField(
                choices=[
                    ("hospital", "Hospital"),
                    ("module", "Module"),
                    ("department", "Department"),
                    ("service", "Service"),
                    ("patient_category", "Patient Category"),
                ],
                max_length=20,
            ),
        ),
        LoadSql("almoner.enforcement", "gate_facts.sql"),
    ]
