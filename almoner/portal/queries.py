"""What a patient reads besides the file: appointments to come, receipts of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.enforcement.concealment import concealed_orders, concealing_steps
from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction
from almoner.pages.cashier.queries import PaidLine, Receipt, read_receipt
from almoner.patients.models import Patient
from almoner.scheduling.models import Appointment

MAXIMUM_APPOINTMENTS = 20


def upcoming_appointments(patient: Patient, *, at: datetime) -> list[Appointment]:
    """Those that are booked and not over, the next one first; one statement."""
    booked = Appointment.objects.filter(patient=patient, status=Appointment.Status.BOOKED, ends_at__gt=at)
    return list(booked.select_related("department").order_by("starts_at", "id")[:MAXIMUM_APPOINTMENTS])


def read_own_receipt(patient: Patient, payment_id: UUID, *, reader: Actor, at: datetime) -> Receipt:
    """A receipt of ``patient`` in which no line names what is concealed; at most five statements.

    Raises ``NotFound`` for a payment that is anybody else's.
    """
    read = read_receipt(payment_id)
    if read.patient_id != patient.id:
        raise NotFound(
            _("There is no such payment on your page."), field="payment_id", code="unknown_payment"
        )
    waiting = [
        (step, line.encounter_id, line.order_id)
        for line in read.lines
        if line.encounter_id and line.order_id and not line.is_delivered
        for step in concealing_steps().intersection(line.required_at)
    ]
    concealed = concealed_orders(require_transaction(), dict.fromkeys(waiting), actor=reader, at=at)
    lines: list[PaidLine] = []
    together: dict[UUID, int] = {}
    for line in read.lines:
        if line.order_id is None or line.order_id not in concealed:
            lines.append(line)
        elif line.order_id in together:
            first = lines[together[line.order_id]]
            lines[together[line.order_id]] = replace(
                first, amount_minor=first.amount_minor + line.amount_minor
            )
        else:
            together[line.order_id] = len(lines)
            lines.append(replace(line, name=_("An order that waits for payment")))
    return replace(read, lines=tuple(lines))
