from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_secure")]
    operations = [LoadSql("almoner.ledger", "post_many.sql")]
