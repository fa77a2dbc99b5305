from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_cash_sessions_and_tenders"),
        ("hospitals", "0002_secure"),
        ("ledger", "0004_cash_sessions"),
    ]
    operations = [
        SecureTenantTable(
            "CashSession",
            updatable=[
                "closed_at",
                "closed_by",
                "closing_count",
                "counted_minor",
                "expected_minor",
                "difference_reason",
                "closing_key",
                "closing_hash",
            ],
        ),
        SecureTenantTable("CashTransfer", append_only=True),
        SecureTenantTable("PaymentTender", append_only=True),
        SecureTenantTable(
            "VoidRequest",
            updatable=["decision", "decided_at", "decided_by", "decider_id", "decision_note"],
        ),
        LoadSql("almoner.payments", "cash_sessions.sql"),
        LoadSql("almoner.payments", "record_payment.sql"),
        LoadSql("almoner.payments", "record_many.sql"),
    ]
