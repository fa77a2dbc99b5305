import django.contrib.postgres.fields
from django.db import migrations, models

import almoner.kernel.ids
from almoner.kernel.schema import GrantPlatformTable, LoadSql, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("charging", "0004_secure_work_reviews"),
        ("hospitals", "0002_secure"),
        ("patients", "0002_secure"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChargeDefinition",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("code", models.SlugField(max_length=80)),
                ("version", models.SmallIntegerField()),
                ("template", models.SlugField(blank=True, default="", max_length=80)),
                ("service", models.SlugField(max_length=80)),
                (
                    "billing_type",
                    models.CharField(
                        choices=[
                            ("one_time", "One Time"),
                            ("daily", "Daily"),
                            ("hourly", "Hourly"),
                            ("percentage", "Percentage"),
                            ("quantity_based", "Quantity Based"),
                            ("event_triggered", "Event Triggered"),
                        ],
                        max_length=20,
                    ),
                ),
                ("rate_minor", models.BigIntegerField(null=True)),
                ("percent", models.DecimalField(decimal_places=4, max_digits=7, null=True)),
                ("base", models.JSONField(blank=True, default=dict)),
                ("free_units", models.DecimalField(decimal_places=3, default=0, max_digits=9)),
                ("tiers", models.JSONField(blank=True, default=list)),
                ("minimum_minor", models.BigIntegerField(default=0)),
                ("cap_minor", models.BigIntegerField(null=True)),
                ("cap_per", models.CharField(blank=True, default="", max_length=10)),
                ("rounding_minor", models.IntegerField(default=1)),
                ("day_rule", models.CharField(default="full", max_length=20)),
                ("free_minutes", models.IntegerField(default=0)),
                (
                    "ward_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=40), default=list, size=None
                    ),
                ),
                (
                    "patient_categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=40), default=list, size=None
                    ),
                ),
                (
                    "departments",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=60), default=list, size=None
                    ),
                ),
                (
                    "event_kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), default=list, size=None
                    ),
                ),
                ("condition", models.CharField(blank=True, default="", max_length=500)),
                ("payment_requirement", models.CharField(blank=True, default="", max_length=20)),
                (
                    "required_at",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), default=list, size=None
                    ),
                ),
                ("starts_on", models.DateField()),
                ("ends_on", models.DateField(null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("saved_at", models.DateTimeField()),
                ("saved_by", models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="WardBillingTemplate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("code", models.SlugField(max_length=80)),
                ("name", models.CharField(max_length=200)),
                (
                    "ward_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=40), default=list, size=None
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="chargeitem",
            name="basis",
            field=models.CharField(blank=True, db_default="", max_length=80),
        ),
        migrations.AddField(
            model_name="chargeitem",
            name="rule_version",
            field=models.SmallIntegerField(db_default=0),
        ),
        migrations.AddConstraint(
            model_name="chargedefinition",
            constraint=models.UniqueConstraint(
                fields=("hospital_id", "code", "version"), name="charge_definition_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="chargedefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_on__isnull", True), ("ends_on__gte", models.F("starts_on")), _connector="OR"
                ),
                name="charge_definition_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="chargedefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rate_minor__isnull", True), ("rate_minor__gte", 0), _connector="OR"),
                    ("free_units__gte", 0),
                    ("minimum_minor__gte", 0),
                    ("rounding_minor__gte", 1),
                    ("free_minutes__range", (0, 1439)),
                ),
                name="charge_definition_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="chargedefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cap_minor__isnull", True),
                    models.Q(("cap_minor__gt", 0), ("cap_minor__gte", models.F("minimum_minor"))),
                    _connector="OR",
                ),
                name="charge_definition_cap_above_minimum",
            ),
        ),
        migrations.AddConstraint(
            model_name="chargedefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("billing_type", "percentage"), ("percent__gt", 0), ("percent__lte", 100)),
                    models.Q(
                        models.Q(("billing_type", "percentage"), _negated=True), ("percent__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="charge_definition_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="wardbillingtemplate",
            constraint=models.UniqueConstraint(
                fields=("hospital_id", "code"), name="ward_billing_template_once"
            ),
        ),
        SecureTenantTable("ChargeDefinition", updatable=["ends_on", "is_active"]),
        SecureTenantTable("WardBillingTemplate", deletable=True),
        GrantPlatformTable("charging_chargeitem", "UPDATE (basis)"),
        LoadSql("almoner.charging", "write_capture.sql"),
        LoadSql("almoner.charging", "accrue.sql"),
    ]
