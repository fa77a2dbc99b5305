import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.ids
import almoner.kernel.tenancy
from almoner.kernel.schema import SecureTenantTable


def _reference(to: str, **more: object) -> almoner.kernel.tenancy.TenantForeignKey:
    return almoner.kernel.tenancy.TenantForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=to,
        **more,
    )


_ID = models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [("patients", "0003_duplicates")]

    operations = [
        migrations.CreateModel(
            name="Diagnosis",
            fields=[
                ("id", _ID),
                ("hospital_id", models.UUIDField(editable=False)),
                ("encounter", _reference("patients.encounter")),
                ("text", models.CharField(max_length=300)),
                ("code", models.CharField(blank=True, default="", max_length=8)),
                ("recorded_at", models.DateTimeField()),
                ("recorded_by", models.CharField(max_length=200)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("withdrawn_by", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(code="")
                        | models.Q(code__regex=r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$"),
                        name="diagnosis_code_icd10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True), name="diagnosis_says_something"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(withdrawn_at=None, withdrawn_by="")
                        | (models.Q(withdrawn_at__isnull=False) & ~models.Q(withdrawn_by="")),
                        name="diagnosis_withdrawn_by_somebody",
                    ),
                ],
                "indexes": [models.Index(fields=["hospital_id", "encounter"], name="diagnosis_by_visit")],
            },
        ),
        migrations.CreateModel(
            name="PatientPhoto",
            fields=[
                ("id", _ID),
                ("hospital_id", models.UUIDField(editable=False)),
                ("patient", _reference("patients.patient")),
                ("image", models.BinaryField()),
                ("fingerprint", models.CharField(max_length=16)),
                ("taken_at", models.DateTimeField()),
                ("taken_by", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["hospital_id", "patient"], name="photo_once")
                ],
            },
        ),
        SecureTenantTable("Diagnosis", updatable=["withdrawn_at", "withdrawn_by"]),
        SecureTenantTable(
            "PatientPhoto",
            updatable=["patient_id", "image", "fingerprint", "taken_at", "taken_by"],
            deletable=True,
        ),
    ]
