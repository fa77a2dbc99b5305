from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_secure")]
    operations = [LoadSql("almoner.interop.synthea", "post_rows.sql")]
