from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("charging", "0001_initial"), ("catalog", "0002_secure"), ("ledger", "0002_secure")]
    operations = [
        SecureTenantTable("ClinicalEvent", append_only=True),
        SecureTenantTable("ChargeRule", deletable=True),
        SecureTenantTable(
            "ChargeItem",
            updatable=[
                "status",
                "delivered_at",
                "ended_at",
                "unit_price_minor",
                "gross_minor",
                "discount_minor",
                "tax_minor",
                "net_minor",
                "price_source",
                "discount_source",
                "tax_source",
                "service_period",
                "service_date",
                "due_at",
                "configuration_version",
            ],
        ),
        LoadSql("almoner.charging", "capture.sql"),
    ]
