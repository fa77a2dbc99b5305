import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy
from almoner.kernel.schema import LoadSql, SecureTenantTable


def reference(to: str, *, null: bool = False) -> models.Field:
    return almoner.kernel.tenancy.TenantForeignKey(
        db_constraint=False,
        db_index=False,
        null=null,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0002_secure"),
        ("kernel", "0003_point"),
        ("hospitals", "0002_secure"),
        ("patients", "0002_secure"),
    ]
    operations = [
        migrations.CreateModel(
            name="Appointment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hospital_id", models.UUIDField(editable=False)),
                ("practitioner_id", models.UUIDField(null=True)),
                ("practitioner", models.CharField(blank=True, default="", max_length=200)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("booked", "Booked"),
                            ("arrived", "Arrived"),
                            ("cancelled", "Cancelled"),
                            ("no_show", "No Show"),
                        ],
                        default="booked",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("booked_at", models.DateTimeField()),
                ("booked_by", models.CharField(max_length=200)),
                ("content_hash", models.CharField(max_length=64)),
                ("department", reference("hospitals.department")),
                ("encounter", reference("patients.encounter", null=True)),
                ("patient", reference("patients.patient")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hospital_id", "starts_at"], name="appointment_by_time"),
                    models.Index(
                        fields=["hospital_id", "patient", "starts_at"], name="appointment_by_patient"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="appointment_takes_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("encounter__isnull", False), ("status", "arrived")),
                            models.Q(
                                models.Q(("status", "arrived"), _negated=True), ("encounter__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="appointment_arrived_with_visit",
                    ),
                    models.UniqueConstraint(
                        fields=("hospital_id", "encounter"), name="appointment_of_encounter"
                    ),
                ],
            },
        ),
        SecureTenantTable(
            "Appointment",
            updatable=[
                "patient_id",
                "practitioner_id",
                "practitioner",
                "starts_at",
                "ends_at",
                "status",
                "encounter_id",
            ],
        ),
        LoadSql("almoner.scheduling", "appointments.sql"),
    ]
