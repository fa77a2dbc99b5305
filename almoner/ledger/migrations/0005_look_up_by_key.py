from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_cash_sessions")]
    operations = [LoadSql("almoner.ledger", "keep_books.sql")]
