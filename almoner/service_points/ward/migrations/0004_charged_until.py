from django.db import migrations, models

from almoner.kernel.schema import GrantPlatformTable


class Migration(migrations.Migration):
    dependencies = [
        ("hospitals", "0002_secure"),
        ("orders", "0002_secure"),
        ("ward", "0003_transfers"),
    ]

    operations = [
        migrations.AddField(
            model_name="bedstay",
            name="charged_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="bedstay",
            name="charged_version",
            field=models.IntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="bedstay",
            index=models.Index(fields=["hospital_id", "admission"], name="bed_stay_by_admission"),
        ),
        GrantPlatformTable("ward_bedstay", "UPDATE (started_at, charged_until, charged_version)"),
    ]
