from django.db import migrations

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_cash_sessions"), ("patients", "0002_secure")]
    operations = [LoadSql("almoner.payments", "record_payment.sql")]
