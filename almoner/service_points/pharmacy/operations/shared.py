"""What the pharmacy's operations have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

from almoner.charging.models import ChargeItem
from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.idempotency import check_key
from almoner.orders.models import PrescriptionLine
from almoner.payments.operations import PERMISSION_RECORD, apply_deposits
from almoner.service_points.pharmacy.models import Substitution

PERMISSION_DISPENSE = "pharmacy.dispense"
PERMISSION_TAKE_BACK = "pharmacy.take_back"
PERMISSION_STOCK = "pharmacy.manage_stock"
STEP = "pharmacy.dispense"


def id_for(hospital_id: UUID, kind: str, idempotency_key: str) -> UUID:
    """The id that follows from a request's key, so that a repeated request finds what the first one made."""
    return uuid5(hospital_id, f"pharmacy.{kind}:{check_key(idempotency_key)}")


def hospital_today(hospital_id: UUID, at: datetime) -> date:
    """The hospital's date at ``at``: expiry is judged by the local calendar."""
    zone = Hospital.objects.values_list("time_zone", flat=True).get(id=hospital_id)
    return local_date(at, zone)


def undelivered_charges(prescription_id: UUID, line: int) -> list[ChargeItem]:
    """The charges of a line that wait for it to be handed out; line 0 holds those of the whole prescription."""
    return list(
        ChargeItem.objects.filter(
            order_id=prescription_id,
            line=line,
            status__in=["billable", "unpriced"],
            delivered_at=None,
            required_at__contains=[STEP],
        ).order_by("captured_at", "id")
    )


def substitutions_in_force(lines: Sequence[PrescriptionLine]) -> dict[UUID, Substitution]:
    """The latest substitution of each of ``lines``, by the line's id."""
    rows = (
        Substitution.objects.select_related("service")
        .filter(prescription_line__in=[line.id for line in lines])
        .order_by("substituted_at", "id")
    )
    return {row.prescription_line_id: row for row in rows}


def keep_paid(
    hospital_id: UUID,
    paid_minor: int,
    items: Sequence[ChargeItem],
    *,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> None:
    """Give what was paid for a charge to those that took its place; what is more stays a deposit."""
    if paid_minor and items:
        apply_deposits(
            hospital_id,
            items[0].patient_account_id,
            charge_item_ids=[item.id for item in items],
            maximum_minor=paid_minor,
            idempotency_key=f"{idempotency_key}:{items[0].id}",
            actor=actor.also(PERMISSION_RECORD),
            at=at,
            reason="payment kept with a changed charge",
        )
