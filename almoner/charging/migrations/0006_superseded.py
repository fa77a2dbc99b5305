from django.db import migrations, models

from almoner.kernel.schema import GrantPlatformTable, LoadSql


class Migration(migrations.Migration):
    dependencies = [
        ("charging", "0005_definitions"),
    ]

    operations = [
        migrations.AddField(
            model_name="chargedefinition",
            name="superseded",
            field=models.BooleanField(db_default=False),
        ),
        GrantPlatformTable("charging_chargedefinition", "UPDATE (superseded)"),
        LoadSql("almoner.charging", "superseded.sql"),
    ]
