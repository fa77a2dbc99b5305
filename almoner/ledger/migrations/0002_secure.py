from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("patients", "0002_secure")]
    operations = [
        SecureTenantTable("LedgerAccount", updatable=[]),
        SecureTenantTable("JournalEntry", append_only=True),
        SecureTenantTable("Posting", append_only=True, swap_primary_key=False),
        SecureTenantTable("OpenItem", derived=True),
        SecureTenantTable("PatientBalance", derived=True),
        LoadSql("almoner.ledger", "keep_books.sql"),
    ]
