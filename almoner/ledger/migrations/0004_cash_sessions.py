from django.db import migrations, models

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_batches"), ("hospitals", "0002_secure")]
    operations = [
        migrations.AddField("posting", "cash_session_id", models.UUIDField(null=True)),
        migrations.AddIndex(
            "posting",
            models.Index(
                fields=["hospital_id", "cash_session_id"],
                condition=models.Q(cash_session_id__isnull=False),
                name="posting_by_cash_session",
            ),
        ),
        LoadSql("almoner.ledger", "post.sql"),
        LoadSql("almoner.ledger", "cash_accounts.sql"),
    ]
