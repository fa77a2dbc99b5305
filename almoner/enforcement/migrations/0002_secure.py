from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("enforcement", "0001_initial"), ("payments", "0002_secure")]
    operations = [
        SecureTenantTable("PaymentPolicy", deletable=True),
        SecureTenantTable("GateDecision", append_only=True),
        SecureTenantTable("Override", append_only=True),
        SecureTenantTable("OverrideRevocation", append_only=True),
        LoadSql("almoner.enforcement", "facts.sql"),
    ]
