from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_secure")]
    operations = [
        migrations.AddField(
            "Service", "charge_timing", models.CharField(blank=True, db_default="", default="", max_length=20)
        )
    ]
