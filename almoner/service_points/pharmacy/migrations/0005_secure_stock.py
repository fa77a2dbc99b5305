from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("pharmacy", "0004_stock"), ("catalog", "0002_secure"), ("hospitals", "0002_secure")]
    operations = [
        SecureTenantTable("StockItem", updatable=["minimum"]),
        SecureTenantTable("Batch", updatable=["expires_on"]),
        SecureTenantTable("Substitution", append_only=True),
        SecureTenantTable("MedicationReturn", append_only=True),
        SecureTenantTable("StockMovement", append_only=True),
        LoadSql("almoner.service_points.pharmacy", "stock.sql"),
    ]
