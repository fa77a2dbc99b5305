"""Prescriptions that wait, and what was handed out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Sum
from django.utils.translation import gettext as _

from almoner.charging.models import ClinicalEvent
from almoner.enforcement.models import GateDecision
from almoner.kernel.errors import IdempotencyMismatch, NotFound
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.orders.models import Prescription
from almoner.service_points.pharmacy.models import Dispensing, MedicationReturn, StockMovement
from almoner.service_points.pharmacy.operations import CONSENT_FLAG, STEP


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
            Dispensing.objects.select_related("prescription_line__service", "substitution__service")
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


# What is handed out for a line: the latest substitute, else what was prescribed; and how much went out.
_LINE_NOW = """
    SELECT substitution.service_id
    FROM pharmacy_substitution AS substitution
    WHERE substitution.hospital_id = %(hospital)s AND substitution.prescription_line_id = line.id
    ORDER BY substitution.substituted_at DESC, substitution.id DESC LIMIT 1
"""
_WAITING = f"""
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
    LEFT JOIN LATERAL ({_LINE_NOW}) AS instead ON true
    JOIN catalog_service AS service
        ON service.hospital_id = %(hospital)s AND service.id = coalesce(instead.service_id, line.service_id)
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
class BatchLeft:
    """A batch of a line's medication that something is left of."""

    batch_id: UUID
    number: str
    expires_on: date
    on_hand: Decimal
    store: str


@dataclass(frozen=True, slots=True)
class PrescribedLine:
    """A line of a prescription: what is handed out for it now, and how much of it was.

    ``substituted_for`` names what was prescribed when a substitute took its place. ``batches``, those that
    expire first first, are empty for a medication that is not kept in stock (``is_stocked`` false).
    """

    line: int
    medication: str
    substituted_for: str
    prescribed: Decimal
    handed_out: Decimal
    substitutes: tuple[tuple[str, str], ...]
    needs_consent: bool
    is_stocked: bool
    batches: tuple[BatchLeft, ...]

    @property
    def left(self) -> Decimal:
        return self.prescribed - self.handed_out

    def usable(self, today: date) -> Decimal:
        """How much of the stock may be handed out on ``today``."""
        good = (batch.on_hand for batch in self.batches if batch.expires_on >= today)
        return sum(good, start=Decimal(0))


@dataclass(frozen=True, slots=True)
class OutOfBatch:
    """How much of a batch was handed out, and how much of that came back."""

    batch_id: UUID
    number: str
    expires_on: date
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A quantity that was handed out, of which batches, and how much of it came back."""

    dispensing_id: UUID
    prescription_id: UUID
    number: str
    patient_id: UUID
    patient_name: str
    mrn: str
    medication: str
    quantity: Decimal
    returned: Decimal
    batches: tuple[OutOfBatch, ...]
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


_LINES = f"""
SELECT line.line, service.name, CASE WHEN service.id <> prescribed.id THEN prescribed.name ELSE '' END,
       line.quantity, given.quantity, allowed.list, %(consent)s = ANY (prescribed.flags),
       EXISTS (SELECT FROM pharmacy_stockitem AS item
               WHERE item.hospital_id = %(hospital)s AND item.service_id = service.id),
       stock.list
FROM orders_prescriptionline AS line
LEFT JOIN LATERAL ({_LINE_NOW}) AS instead ON true
JOIN catalog_service AS prescribed
    ON prescribed.hospital_id = %(hospital)s AND prescribed.id = line.service_id
JOIN catalog_service AS service
    ON service.hospital_id = %(hospital)s AND service.id = coalesce(instead.service_id, line.service_id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(dispensing.quantity), 0) AS quantity
    FROM pharmacy_dispensing AS dispensing
    WHERE dispensing.hospital_id = %(hospital)s AND dispensing.prescription_line_id = line.id
) AS given
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(ARRAY[other.code::text, other.name::text] ORDER BY other.name), '{{}}') AS list
    FROM catalog_service AS other
    WHERE other.hospital_id = %(hospital)s AND other.is_active AND other.id <> service.id
      AND (other.code = ANY (prescribed.substitutes) OR other.id = prescribed.id)
) AS allowed
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object(
        'id', batch.id, 'number', batch.number, 'expires_on', batch.expires_on, 'on_hand', batch.on_hand::text,
        'store', store.name) ORDER BY batch.expires_on, batch.number), '[]') AS list
    FROM pharmacy_stockitem AS item
    JOIN pharmacy_batch AS batch ON batch.hospital_id = %(hospital)s AND batch.item_id = item.id
    JOIN hospitals_department AS store ON store.hospital_id = %(hospital)s AND store.id = item.store_id
    WHERE item.hospital_id = %(hospital)s AND item.service_id = service.id AND batch.on_hand > 0
) AS stock
WHERE line.hospital_id = %(hospital)s AND line.prescription_id = %(prescription)s
ORDER BY line.line
"""


def prescription_file(prescription_id: UUID) -> PrescriptionFile:
    """A prescription as the pharmacy works with it; five statements. Raises ``NotFound``."""
    prescription = Prescription.objects.select_related("patient").filter(id=prescription_id).first()
    if prescription is None:
        raise NotFound(
            _("There is no such prescription at this hospital."),
            field="prescription_id",
            code="unknown_order",
        )
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "hospital": require_transaction(),
            "prescription": prescription_id,
            "consent": CONSENT_FLAG,
        }
        cursor.execute(_LINES, parameters)
        lines = tuple(_prescribed_line(*row) for row in cursor.fetchall())
    return PrescriptionFile(prescription, lines, tuple(handed_out(prescription_id=prescription_id)))


def _prescribed_line(
    line: int,
    medication: str,
    substituted_for: str,
    prescribed: Decimal,
    given: Decimal,
    substitutes: list[list[str]],
    needs_consent: bool,
    is_stocked: bool,
    batches: list[dict[str, str]],
) -> PrescribedLine:
    return PrescribedLine(
        line=line,
        medication=medication,
        substituted_for=substituted_for,
        prescribed=prescribed,
        handed_out=given,
        substitutes=tuple((code, name) for code, name in substitutes),
        needs_consent=needs_consent,
        is_stocked=is_stocked,
        batches=tuple(
            BatchLeft(
                batch_id=UUID(row["id"]),
                number=row["number"],
                expires_on=date.fromisoformat(row["expires_on"]),
                on_hand=Decimal(row["on_hand"]),
                store=row["store"],
            )
            for row in batches
        ),
    )


def handed_out(
    *, prescription_id: UUID | None = None, dispensing_id: UUID | None = None, limit: int = 60
) -> list[HandedOut]:
    """What was handed out, the latest first: of one prescription, at one time, or all; three statements."""
    query = Dispensing.objects.select_related(
        "prescription_line__prescription__patient", "prescription_line__service", "substitution__service"
    )
    if prescription_id is not None:
        query = query.filter(prescription_line__prescription=prescription_id)
    if dispensing_id is not None:
        query = query.filter(id=dispensing_id)
    rows = list(query.order_by("-dispensed_at", "-id")[:limit])
    ids = [row.id for row in rows]
    batches = batches_of(ids)
    returned: dict[UUID, Decimal] = {
        row["dispensing_id"]: row["total"]
        for row in MedicationReturn.objects.filter(dispensing__in=ids)
        .values("dispensing_id")
        .annotate(total=Sum("quantity"))
    }
    return [_handed_out(row, batches.get(row.id, ()), returned.get(row.id, Decimal(0))) for row in rows]


def batches_of(dispensing_ids: Iterable[UUID]) -> dict[UUID, tuple[OutOfBatch, ...]]:
    """The batches that were handed out, by dispensing; one statement."""
    rows = (
        StockMovement.objects.select_related("batch")
        .filter(source_id__in=list(dispensing_ids), kind=StockMovement.Kind.DISPENSED)
        .order_by("batch__expires_on", "batch__number")
    )
    found: dict[UUID, tuple[OutOfBatch, ...]] = {}
    for row in rows:
        part = OutOfBatch(row.batch_id, row.batch.number, row.batch.expires_on, -row.quantity)
        found[row.source_id] = (*found.get(row.source_id, ()), part)
    return found


def _handed_out(row: Dispensing, batches: tuple[OutOfBatch, ...], returned: Decimal) -> HandedOut:
    prescription = row.prescription_line.prescription
    return HandedOut(
        dispensing_id=row.id,
        prescription_id=prescription.id,
        number=prescription.number,
        patient_id=prescription.patient_id,
        patient_name=prescription.patient.name,
        mrn=prescription.patient.mrn,
        medication=row.service.name,
        quantity=row.quantity,
        returned=returned,
        batches=batches,
        dispensed_at=row.dispensed_at,
        dispensed_by=row.dispensed_by,
    )
