from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("patients", "0002_secure")]
    operations = [
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(fields=["hospital_id", "birth_date"], name="patient_by_birth_date"),
        ),
    ]
