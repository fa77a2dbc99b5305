from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("pages", "0001_initial"),
        ("enforcement", "0002_secure"),
        ("identity", "0002_secure"),
        ("patients", "0002_secure"),
        ("scheduling", "0002_secure"),
    ]
    operations = [
        SecureTenantTable("PatientSearchKey", derived=True),
        LoadSql("almoner.pages", "search.sql"),
        LoadSql("almoner.pages", "changes.sql"),
    ]
