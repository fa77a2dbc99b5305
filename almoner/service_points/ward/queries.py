"""What the ward sees: who waits for a bed, who lies where, and what a stay has cost so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import decisions_now
from almoner.enforcement.rules import Decision
from almoner.hospitals.models import Bed, Ward
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction
from almoner.orders.models import Admission
from almoner.service_points.ward.models import BedStay, StayCorrection

MAXIMUM_WAITING = 60
LEFT_LATELY = timedelta(days=7)
MAXIMUM_LEFT = 40


@dataclass(frozen=True, slots=True)
class BoardBed:
    """A bed in use and who lies in it; ``admission_id`` None: it is free."""

    bed_id: UUID
    code: str
    ward_code: str
    ward: str
    admission_id: UUID | None
    since: datetime | None
    patient_id: UUID | None
    patient: str
    mrn: str


_BEDS = """
SELECT bed.id, bed.code, ward.code, ward.name, stay.admission_id, stay.started_at,
       patient.id, coalesce(patient.name, ''), coalesce(patient.mrn, '')
FROM hospitals_bed AS bed
JOIN hospitals_ward AS ward ON ward.hospital_id = %(hospital)s AND ward.id = bed.ward_id
LEFT JOIN ward_bedstay AS stay
    ON stay.hospital_id = %(hospital)s AND stay.bed_id = bed.id AND stay.ended_at IS NULL
LEFT JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = stay.admission_id
LEFT JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = admission.patient_id
WHERE bed.hospital_id = %(hospital)s AND ((bed.is_active AND ward.is_active) OR stay.id IS NOT NULL)
ORDER BY ward.name, ward.id, length(bed.code), bed.code, bed.id
"""


def board_beds() -> list[BoardBed]:
    """Every bed in use, by ward; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BEDS, {"hospital": require_transaction()})
        return [BoardBed(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An admission without a bed. ``daily_minor`` is what a day costs; None when a price is missing.

    ``decision`` is what the gate would answer now.
    """

    admission_id: UUID
    number: str
    encounter_id: UUID
    encounter_class: str
    triage_level: int | None
    priority: str
    ordered_at: datetime
    ward: str
    patient_id: UUID
    patient: str
    mrn: str
    daily_minor: int | None
    decision: Decision | None


_WAITING = """
SELECT admission.id, admission.number, encounter.id, encounter.encounter_class, encounter.triage_level,
       admission.priority, admission.ordered_at, ward.name, patient.id, patient.name, patient.mrn,
       CASE WHEN daily.unpriced THEN NULL ELSE coalesce(daily.minor, 0) END
FROM orders_admission AS admission
JOIN hospitals_ward AS ward ON ward.hospital_id = %(hospital)s AND ward.id = admission.ward_id
JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = admission.encounter_id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = admission.patient_id
CROSS JOIN LATERAL (
    SELECT sum(item.net_minor)::bigint AS minor, coalesce(bool_or(item.net_minor IS NULL), false) AS unpriced
    FROM charging_chargeitem AS item
    WHERE item.hospital_id = %(hospital)s AND item.order_id = admission.id AND item.charge_type = 'daily'
      AND item.status IN ('planned', 'unpriced')
) AS daily
WHERE admission.hospital_id = %(hospital)s AND admission.discharged_at IS NULL AND admission.cancelled_at IS NULL
  AND NOT EXISTS (
      SELECT FROM ward_bedstay AS stay
      WHERE stay.hospital_id = %(hospital)s AND stay.admission_id = admission.id AND stay.ended_at IS NULL)
ORDER BY admission.ordered_at, admission.id
LIMIT %(limit)s
"""


def waiting_admissions(
    hospital_id: UUID, *, at: datetime, step: str, limit: int = MAXIMUM_WAITING
) -> list[Waiting]:
    """Who waits for a bed, the longest first, with what the gate would say; two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"hospital": require_transaction(), "limit": limit})
        rows: list[Any] = cursor.fetchall()
    if not rows:
        return []
    decisions = decisions_now(hospital_id, [(step, Subject(row[2], row[0])) for row in rows], at=at)
    return [Waiting(*(*row, decision)) for row, decision in zip(rows, decisions, strict=True)]


@dataclass(frozen=True, slots=True)
class StayCharge:
    """A charge of a visit; ``open_minor`` is the patient's part that is still open."""

    name: str
    day: date
    quantity: str
    net_minor: int | None
    open_minor: int
    status: str
    is_daily: bool
    of_admission: bool


_CHARGES = """
SELECT service.name, item.service_date, item.quantity, item.net_minor, coalesce(open_item.patient_minor, 0),
       item.status, item.charge_type = 'daily', item.order_id IS NOT DISTINCT FROM %(admission)s
FROM charging_chargeitem AS item
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
LEFT JOIN ledger_openitem AS open_item ON open_item.hospital_id = %(hospital)s AND open_item.id = item.id
WHERE item.hospital_id = %(hospital)s AND item.encounter_id = %(encounter)s
  AND item.status IN ('planned', 'unpriced', 'billable')
ORDER BY item.service_date DESC, service.name, item.id
LIMIT %(limit)s
"""
MAXIMUM_CHARGES = 200


def stay_charges(admission: Admission) -> list[StayCharge]:
    """What the visit of ``admission`` was charged, the latest day first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CHARGES,
            {
                "hospital": require_transaction(),
                "admission": admission.id,
                "encounter": admission.encounter_id,
                "limit": MAXIMUM_CHARGES,
            },
        )
        return [
            StayCharge(name, day, "" if quantity == 1 else f"{quantity.normalize():f}", *rest)
            for name, day, quantity, *rest in cursor.fetchall()
        ]


def find_admission(admission_id: UUID) -> Admission:
    """The admission with its patient, visit and ward; one statement. Raises ``NotFound``."""
    found = (
        Admission.objects.select_related("patient", "encounter", "ward__department")
        .filter(id=admission_id)
        .first()
    )
    if found is None:
        raise NotFound(
            _("There is no such admission at this hospital."), field="admission_id", code="unknown_admission"
        )
    return found


def bed_stays(admission_id: UUID) -> list[BedStay]:
    """The beds that the patient lay in, the first one first, each with its ward; one statement."""
    stays = BedStay.objects.select_related("bed__ward__department").filter(admission_id=admission_id)
    return list(stays.order_by("started_at", "id"))


def stay_corrections(admission_id: UUID) -> list[StayCorrection]:
    """The corrections of a stay, the first one first; one statement."""
    return list(StayCorrection.objects.filter(admission_id=admission_id).order_by("corrected_at", "id"))


def left_lately(at: datetime) -> list[Admission]:
    """Who was discharged from a bed in the days before ``at``, the last one first; one statement."""
    stays = BedStay.objects.filter(admission=OuterRef("id"))
    left = Admission.objects.select_related("patient", "ward").filter(
        Exists(stays), discharged_at__gt=at - LEFT_LATELY, discharged_at__lte=at
    )
    return list(left.order_by("-discharged_at", "-id")[:MAXIMUM_LEFT])


def free_beds_by_ward() -> dict[Ward, list[Bed]]:
    """Every bed that nobody lies in, by ward; one statement."""
    taken = BedStay.objects.filter(ended_at=None).values("bed_id")
    beds = Bed.objects.select_related("ward").filter(is_active=True, ward__is_active=True)
    by_ward: dict[Ward, list[Bed]] = {}
    for bed in sorted(
        beds.exclude(id__in=taken), key=lambda bed: (bed.ward.name, bed.ward_id, len(bed.code), bed.code)
    ):
        by_ward.setdefault(bed.ward, []).append(bed)
    return by_ward


def free_beds(ward_id: UUID) -> list[Bed]:
    """The beds of a ward that nobody lies in; one statement."""
    taken = BedStay.objects.filter(ended_at=None).values("bed_id")
    beds = Bed.objects.filter(ward_id=ward_id, is_active=True).exclude(id__in=taken)
    return sorted(beds, key=lambda bed: (len(bed.code), bed.code))
