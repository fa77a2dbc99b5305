from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("hospitals", "0002_secure")]
    operations = [
        SecureTenantTable("Tax", deletable=True),
        SecureTenantTable("Service"),
        SecureTenantTable("TariffLine", deletable=True),
        SecureTenantTable("Discount", deletable=True),
        SecureTenantTable("Package", deletable=True),
        LoadSql("almoner.catalog", "tariff.sql"),
    ]
