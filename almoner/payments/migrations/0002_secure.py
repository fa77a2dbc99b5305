from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("charging", "0002_secure")]
    operations = [
        SecureTenantTable("CashPoint"),
        SecureTenantTable("Payment", updatable=["unallocated_minor"]),
        SecureTenantTable("Allocation", append_only=True),
        SecureTenantTable("PaymentVoid", append_only=True),
        SecureTenantTable("Refund", append_only=True),
        SecureTenantTable("DepositApplication", append_only=True),
        SecureTenantTable("PaymentPlan", updatable=["status"]),
        LoadSql("almoner.payments", "record_payment.sql"),
    ]
