from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("kernel", "0002_secure")]
    operations = [LoadSql("almoner.kernel", "point.sql")]
