from django.db import migrations

from almoner.kernel.schema import LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0007_plan_instalments"),
        ("hospitals", "0002_secure"),
        ("ledger", "0002_secure"),
        ("charging", "0002_secure"),
    ]
    operations = [
        SecureTenantTable("PlanInstalment", append_only=True),
        SecureTenantTable("PlanCancellation", append_only=True),
        SecureTenantTable(
            "PlanChangeRequest", updatable=["decision", "decided_at", "decided_by", "decider_id"]
        ),
        LoadSql("almoner.payments", "plan_instalments.sql"),
        migrations.RemoveConstraint("PaymentPlan", "plan_positive"),
        migrations.RemoveField("PaymentPlan", "first_due_on"),
        migrations.RemoveField("PaymentPlan", "instalments"),
        migrations.RemoveField("PaymentPlan", "status"),
        LoadSql("almoner.payments", "plans.sql"),
        LoadSql("almoner.payments", "plan_guards.sql"),
    ]
