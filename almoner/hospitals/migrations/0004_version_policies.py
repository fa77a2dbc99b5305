from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hospitals", "0003_second_factor")]
    operations = [
        migrations.AddField("ConfigurationVersion", "policies", models.JSONField(db_default=[], default=list))
    ]
