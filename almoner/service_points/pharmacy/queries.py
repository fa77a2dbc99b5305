"""Prescriptions that wait, and what was handed out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from almoner.charging.models import ClinicalEvent
from almoner.enforcement.models import GateDecision
from almoner.kernel.errors import IdempotencyMismatch, NotFound
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.orders.models import Prescription
from almoner.service_points.pharmacy.models import Dispensing
from almoner.service_points.pharmacy.operations import STEP


def dispensed_under(
    hospital_id: UUID,
    prescription_id: UUID,
    *,
    idempotency_key: str,
    quantities: Mapping[int, Decimal] | None,
) -> tuple[GateDecision, list[Dispensing]] | None:
    """What a request with this key handed out before, and under which decision; None when it is new.

    Raises ``IdempotencyMismatch`` when the key was used for something else.
    """
    with transaction(hospital_id):
        event = ClinicalEvent.objects.filter(idempotency_key=idempotency_key).first()
        if event is None:
            return None
        if event.kind != "medication.dispensed" or event.order_id != prescription_id:
            raise IdempotencyMismatch(idempotency_key)
        rows = list(
            Dispensing.objects.select_related("prescription_line")
            .filter(prescription_line__prescription=prescription_id, dispensed_at=event.recorded_at)
            .order_by("prescription_line__line")
        )
        handed_out = {row.prescription_line.line: row.quantity for row in rows}
        if quantities is not None and dict(quantities) != handed_out:
            raise IdempotencyMismatch(idempotency_key)
        decision = GateDecision.objects.get(step=STEP, order_id=prescription_id, decided_at=event.recorded_at)
        return decision, rows


@dataclass(frozen=True, slots=True)
class WaitingPrescription:
    """A prescription of which something is left to hand out. ``medications`` names what is left."""

    prescription_id: UUID
    number: str
    priority: str
    request_type: str
    ordered_at: datetime
    encounter_id: UUID
    patient_id: UUID
    patient_name: str
    mrn: str
    medications: str
    is_begun: bool


_WAITING = """
SELECT prescription.id, prescription.number, prescription.priority, prescription.request_type,
       prescription.ordered_at, prescription.encounter_id, patient.id, patient.name, patient.mrn, rest.names,
       rest.is_begun
FROM orders_prescription AS prescription
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = prescription.patient_id
CROSS JOIN LATERAL (
    SELECT string_agg(service.name || ' × ' || trim_scale(line.quantity - given.quantity), ', ' ORDER BY line.line)
               FILTER (WHERE line.quantity > given.quantity) AS names,
           bool_or(given.quantity > 0) AS is_begun
    FROM orders_prescriptionline AS line
    JOIN catalog_service AS service
        ON service.hospital_id = %(hospital)s AND service.id = line.service_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(dispensing.quantity), 0) AS quantity
        FROM pharmacy_dispensing AS dispensing
        WHERE dispensing.hospital_id = %(hospital)s AND dispensing.prescription_line_id = line.id
    ) AS given
    WHERE line.hospital_id = %(hospital)s AND line.prescription_id = prescription.id
) AS rest
WHERE prescription.hospital_id = %(hospital)s AND prescription.cancelled_at IS NULL AND rest.names IS NOT NULL
ORDER BY CASE prescription.priority WHEN 'stat' THEN 0 WHEN 'urgent' THEN 1 ELSE 2 END, prescription.ordered_at,
         prescription.id
LIMIT %(limit)s
"""


def waiting_prescriptions(*, limit: int = 200) -> list[WaitingPrescription]:
    """Prescriptions of which something is left, the most urgent and oldest first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"hospital": require_transaction(), "limit": limit})
        return [WaitingPrescription(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class PrescribedLine:
    """A line of a prescription, and how much of it was handed out."""

    line: int
    medication: str
    prescribed: Decimal
    handed_out: Decimal

    @property
    def left(self) -> Decimal:
        return self.prescribed - self.handed_out


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A quantity that was handed out."""

    prescription_id: UUID
    number: str
    patient_id: UUID
    patient_name: str
    mrn: str
    medication: str
    quantity: Decimal
    dispensed_at: datetime
    dispensed_by: str


@dataclass(frozen=True, slots=True)
class PrescriptionFile:
    """A prescription with its lines and what was handed out of it, the latest first."""

    prescription: Prescription
    lines: tuple[PrescribedLine, ...]
    handed_out: tuple[HandedOut, ...]

    @property
    def is_open(self) -> bool:
        """Whether something is left to hand out."""
        return self.prescription.cancelled_at is None and any(line.left > 0 for line in self.lines)


_LINES = """
SELECT line.line, service.name, line.quantity, coalesce(sum(dispensing.quantity), 0)
FROM orders_prescriptionline AS line
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = line.service_id
LEFT JOIN pharmacy_dispensing AS dispensing
    ON dispensing.hospital_id = %(hospital)s AND dispensing.prescription_line_id = line.id
WHERE line.hospital_id = %(hospital)s AND line.prescription_id = %(prescription)s
GROUP BY line.line, service.name, line.quantity
ORDER BY line.line
"""


def prescription_file(prescription_id: UUID) -> PrescriptionFile:
    """A prescription as the pharmacy works with it; three statements. Raises ``NotFound``."""
    prescription = Prescription.objects.select_related("patient").filter(id=prescription_id).first()
    if prescription is None:
        raise NotFound(
            "There is no such prescription at this hospital.",
            field="prescription_id",
            code="unknown_order",
        )
    with connection.cursor() as cursor:
        cursor.execute(_LINES, {"hospital": require_transaction(), "prescription": prescription_id})
        lines = tuple(PrescribedLine(*row) for row in cursor.fetchall())
    return PrescriptionFile(prescription, lines, tuple(handed_out(prescription_id=prescription_id)))


def handed_out(*, prescription_id: UUID | None = None, limit: int = 100) -> list[HandedOut]:
    """What was handed out, the latest first: of one prescription, or of all of them; one statement."""
    rows = Dispensing.objects.select_related(
        "prescription_line__prescription__patient", "prescription_line__service"
    )
    if prescription_id is not None:
        rows = rows.filter(prescription_line__prescription=prescription_id)
    return [_handed_out(row) for row in rows.order_by("-dispensed_at", "-id")[:limit]]


def _handed_out(row: Dispensing) -> HandedOut:
    line = row.prescription_line
    prescription = line.prescription
    return HandedOut(
        prescription_id=prescription.id,
        number=prescription.number,
        patient_id=prescription.patient_id,
        patient_name=prescription.patient.name,
        mrn=prescription.patient.mrn,
        medication=line.service.name,
        quantity=row.quantity,
        dispensed_at=row.dispensed_at,
        dispensed_by=row.dispensed_by,
    )
