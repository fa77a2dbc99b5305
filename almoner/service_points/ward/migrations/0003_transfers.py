from django.db import migrations, models

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("ward", "0002_secure"), ("kernel", "0003_point")]
    operations = [
        migrations.AddField(
            model_name="bedstay",
            name="reason",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        LoadSql("almoner.service_points.ward", "bed_stays.sql"),
    ]
