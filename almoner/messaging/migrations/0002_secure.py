from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("kernel", "0003_point")]

    operations = [
        SecureTenantTable("MessagingSettings"),
        SecureTenantTable("Wording", append_only=True),
        SecureTenantTable("OptOut", updatable=["ended_at", "ended_by"]),
        SecureTenantTable(
            "Message",
            updatable=[
                "address",
                "locale",
                "amount_minor",
                "due_on",
                "subject",
                "body",
                "state",
                "reason",
                "attempts",
                "last_error",
                "not_before",
                "finished_at",
            ],
        ),
        LoadSql("almoner.messaging", "outbox.sql"),
    ]
