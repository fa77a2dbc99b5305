from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_look_up_by_key")]
    operations = [LoadSql("almoner.ledger", "keep_books.sql")]
