from django.db import migrations, models
from django.db.models import F, Q

from almoner.kernel.schema import LoadSql


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_plan_history"), ("charging", "0002_secure")]
    operations = [
        migrations.AddField("PaymentPlan", "fees_minor", models.BigIntegerField(db_default=0)),
        migrations.AddConstraint(
            "PaymentPlan",
            models.CheckConstraint(
                condition=Q(fees_minor__gte=0, fees_minor__lt=F("total_minor")), name="plan_fees_within_total"
            ),
        ),
        LoadSql("almoner.payments", "plans.sql"),
    ]
