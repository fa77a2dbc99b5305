from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hospitals", "0004_version_policies"),
    ]

    operations = [
        migrations.AddField(
            model_name="hospital",
            name="refund_approval_above_minor",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="hospital",
            constraint=models.CheckConstraint(
                condition=models.Q(("refund_approval_above_minor__gte", 0)), name="hospital_refund_approval"
            ),
        ),
    ]
