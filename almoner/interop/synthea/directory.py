"""Who and where: hospital, departments, payers, catalog, patients, coverage and encounters of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils.text import slugify

from almoner.catalog.models import Service, TariffLine
from almoner.charging.book import read_book
from almoner.charging.operations import capture_batch
from almoner.charging.rules import Event
from almoner.hospitals.models import Department, Hospital
from almoner.interop.synthea.ledger_rows import METHODS
from almoner.interop.synthea.staging import derived, pages
from almoner.interop.synthea.statistics import Growth
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import open_books
from almoner.patients.models import Coverage, Encounter, Patient, PatientAccount, Payer
from almoner.payments.operations import ensure_cash_point

NO_INSURANCE = "NO_INSURANCE"
CHECKED_IN = "patient.checked_in"

_ENCOUNTER_CLASSES = {
    "emergency": Encounter.Class.EMERGENCY,
    "inpatient": Encounter.Class.INPATIENT,
    "snf": Encounter.Class.INPATIENT,
    "hospice": Encounter.Class.INPATIENT,
}
_SEXES = {"F": "female", "M": "male"}
_SERVICE_KINDS = {
    "encounters": Service.Kind.CONSULTATION,
    "procedures": Service.Kind.PROCEDURE,
    "immunizations": Service.Kind.MEDICATION,
    "medications": Service.Kind.MEDICATION,
}


def open_hospital(hospital: Hospital) -> Hospital:
    """The hospital with open books, saved when it is new, ready to take in a population.

    Raises ``Conflict`` for a hospital whose own rules or discounts would change what the files say.
    """
    with transaction(hospital.id):
        if hospital._state.adding:
            hospital.save(force_insert=True)
            open_books()
        book = read_book(hospital.id)
        if book.rules.get(CHECKED_IN) or book.prices.discounts or book.prices.rounding_step_minor != 1:
            raise Conflict(
                f"The hospital {hospital.slug!r} has check-in fees, discounts or rounding of its own, which "
                "would change charges of the past. Import into a hospital of its own.",
                field="--hospital",
                code="hospital_has_own_prices",
            )
        for method, (_, cash_point) in METHODS.items():
            ensure_cash_point(cash_point, f"Synthea {method}")
    return hospital


def import_departments(hospital: Hospital) -> None:
    """Organizations become departments of the hospital (docs/decisions tells why)."""
    for page in pages("synthea_organization"):
        with transaction(hospital.id):
            Department.objects.bulk_create(
                [
                    Department(
                        id=row["id"],
                        hospital_id=hospital.id,
                        code=f"{slugify(row['name'])[:51].strip('-') or 'department'}-{row['id'].hex[:8]}",
                        name=row["name"][:200] or row["source"],
                    )
                    for row in page
                ],
                ignore_conflicts=True,
            )


def import_payers(hospital: Hospital) -> None:
    """Every payer but the one that stands for having none."""
    for page in pages("synthea_payer"):
        with transaction(hospital.id):
            taken = dict(Payer.objects.values_list("code", "id"))
            fresh = []
            for row in page:
                if row["name"] == NO_INSURANCE:
                    continue
                code = slugify(row["name"])[:51].strip("-") or "payer"
                if taken.setdefault(code, row["id"]) != row["id"]:
                    code = f"{code}-{row['id'].hex[:8]}"
                fresh.append(
                    Payer(
                        id=row["id"],
                        hospital_id=hospital.id,
                        code=code,
                        name=row["name"][:200],
                        source_id=row["source"],
                    )
                )
            Payer.objects.bulk_create(fresh, ignore_conflicts=True)


def import_catalog(hospital: Hospital) -> None:
    """Services of the files, each with its latest cost as the price from that day on."""
    with transaction(hospital.id):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT k.file, k.service, k.name, k.cost_minor, k.provided_at FROM synthea_catalog AS k"
                " WHERE NOT EXISTS (SELECT FROM catalog_service AS s WHERE s.hospital_id = %s AND s.code = k.service)"
                " ORDER BY k.service",
                [hospital.id],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        seen: dict[str, Service] = {}
        lines = []
        for file, code, name, cost_minor, provided_at in rows:
            if code in seen:
                continue
            kind = _SERVICE_KINDS.get(file, Service.Kind.OTHER)
            service = Service(
                id=derived(hospital.id, "service", code),
                hospital_id=hospital.id,
                code=code,
                name=name,
                kind=kind,
            )
            seen[code] = service
            lines.append(
                TariffLine(
                    id=derived(hospital.id, "tariff", code),
                    hospital_id=hospital.id,
                    tariff="synthea",
                    service=service,
                    price_minor=cost_minor,
                    starts_on=local_date(provided_at, hospital.time_zone),
                )
            )
        Service.objects.bulk_create(seen.values(), batch_size=500)
        TariffLine.objects.bulk_create(lines, batch_size=500)
        Hospital.objects.filter(id=hospital.id).update(configuration_version=F("configuration_version") + 1)


def _numbers(hospital_id: UUID, series: str, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kernel_next_number(%s, %s, 0) FROM generate_series(1, %s)", [hospital_id, series, count]
        )
        return [row[0] for row in cursor.fetchall()]


def import_patients(hospital: Hospital, *, at: datetime, advance: Callable[[int], None]) -> None:
    """Patients and their accounts; those known from an earlier run stay as they are."""
    for page in pages("synthea_patient"):
        with transaction(hospital.id):
            fresh = _unknown(Patient.objects.all(), page)
            Patient.objects.bulk_create(
                [
                    Patient(
                        id=row["id"],
                        hospital_id=hospital.id,
                        mrn=f"MRN{number:07d}",
                        name=f"{row['first_name']} {row['last_name']}".strip()[:200] or row["source"],
                        birth_date=row["birth_date"],
                        sex=_SEXES.get(row["gender"], "unknown"),
                        registered_at=at,
                        source_id=row["source"],
                    )
                    for row, number in zip(fresh, _numbers(hospital.id, "mrn", len(fresh)), strict=True)
                ]
            )
            PatientAccount.objects.bulk_create(
                [
                    PatientAccount(
                        id=row["account_id"],
                        hospital_id=hospital.id,
                        patient_id=row["id"],
                        currency=hospital.currency,
                    )
                    for row in fresh
                ]
            )
        advance(len(page))


def _unknown(existing: Any, page: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of ``page`` whose id is not among ``existing`` yet."""
    known = set(existing.filter(id__in=[row["id"] for row in page]).values_list("id", flat=True))
    return [row for row in page if row["id"] not in known]


def import_coverage(hospital: Hospital, *, advance: Callable[[int], None]) -> None:
    """Coverage periods: the primary payer with priority 1, the secondary with 2."""
    uninsured = _uninsured()
    for page in pages("synthea_coverage"):
        rows = []
        for row in page:
            starts_on = local_date(row["starts_at"], hospital.time_zone)
            ends_on = local_date(row["ends_at"], hospital.time_zone) if row["ends_at"] else None
            for priority, payer in enumerate((row["payer"], row["secondary"]), start=1):
                if not payer or payer in uninsured or (ends_on is not None and ends_on < starts_on):
                    continue
                rows.append(
                    Coverage(
                        id=derived(
                            hospital.id, "coverage", row["patient"], payer, str(priority), str(starts_on)
                        ),
                        hospital_id=hospital.id,
                        patient_id=derived(hospital.id, "patient", row["patient"]),
                        payer_id=derived(hospital.id, "payer", payer),
                        member_id=row["member"][:60],
                        priority=priority,
                        starts_on=starts_on,
                        ends_on=ends_on,
                    )
                )
        with transaction(hospital.id):
            Coverage.objects.bulk_create(rows, ignore_conflicts=True)
        advance(len(page))


def _uninsured() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT source FROM synthea_payer WHERE name = %s", [NO_INSURANCE])
        return {row[0] for row in cursor.fetchall()}


def import_encounters(
    hospital: Hospital, *, actor: Actor, at: datetime, advance: Callable[[int], None], growth: Growth
) -> None:
    """Encounters, each with its check-in event; those known from an earlier run stay as they are."""
    for page in pages("synthea_encounter"):
        with transaction(hospital.id):
            fresh = _unknown(Encounter.objects.all(), page)
            Encounter.objects.bulk_create(
                [
                    Encounter(
                        id=row["id"],
                        hospital_id=hospital.id,
                        number=f"V{number:08d}",
                        patient_id=derived(hospital.id, "patient", row["patient"]),
                        department_id=derived(hospital.id, "organization", row["organization"]),
                        encounter_class=_ENCOUNTER_CLASSES.get(row["class"], Encounter.Class.AMBULATORY),
                        reason=(row["reason"] or row["description"])[:300],
                        started_at=row["starts_at"],
                        ended_at=row["ends_at"],
                        source_id=row["source"],
                    )
                    for row, number in zip(fresh, _numbers(hospital.id, "encounter", len(fresh)), strict=True)
                ]
            )
            if fresh:
                events = [_check_in(row) for row in fresh]
                capture_batch(hospital.id, events, actor=actor, at=at, historical=True)
        growth.add(len(fresh))
        advance(len(page))


def _check_in(row: dict[str, Any]) -> Event:
    return Event(
        kind=CHECKED_IN,
        idempotency_key=f"synthea:encounter:{row['source']}",
        occurred_at=row["starts_at"],
        encounter_id=row["id"],
        body={"source": "synthea", "class": row["class"], "code": row["code"]},
    )
