from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("charging", "0006_superseded"), ("patients", "0002_secure")]
    operations = [
        LoadSql("almoner.charging", "context.sql"),
        LoadSql("almoner.charging", "write_capture.sql"),
    ]
