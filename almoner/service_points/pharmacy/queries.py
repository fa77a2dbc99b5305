"""What was handed out before."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from almoner.charging.models import ClinicalEvent
from almoner.enforcement.models import GateDecision
from almoner.kernel.errors import IdempotencyMismatch
from almoner.kernel.tenancy import transaction
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
