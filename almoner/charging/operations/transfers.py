"""Who owes a charge: the patient, or a payer that took a share over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging.operations.corrections import locked_item
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.ledger.models import OpenItem
from almoner.ledger.operations import Line, post
from almoner.patients.models import Payer


def transfer_to_payer(
    item_id: UUID, *, payer_id: UUID, amount_minor: int, actor: Actor, at: datetime
) -> UUID:
    """A payer takes over ``amount_minor`` of a charge; negative: a share is handed back to the patient.

    Never new revenue. Raises ``NotFound`` for an unknown payer, ``Conflict`` for more than is open on the
    side it comes from.
    """
    item = locked_item(item_id)
    if amount_minor == 0:
        raise DomainError(_("Nothing to transfer."), field="amount_minor", code="invalid_amount")
    if not Payer.objects.filter(id=payer_id).exists():
        raise NotFound(_("There is no such payer at this hospital."), field="payer_id", code="unknown_payer")
    open_item = OpenItem.objects.filter(id=item.id).first()
    patient_minor, payer_minor = (open_item.patient_minor, open_item.payer_minor) if open_item else (0, 0)
    if amount_minor > patient_minor or -amount_minor > payer_minor:
        raise Conflict(
            _(
                "Open on this charge are %(patient_minor)s minor units of the patient and "
                "%(payer_minor)s of payers."
            )
            % {"patient_minor": patient_minor, "payer_minor": payer_minor},
            field="amount_minor",
            code="exceeds_open_amount",
        )

    def line(account_code: str, minor: int) -> Line:
        return Line(
            account_code=account_code,
            amount_minor=minor,
            currency=item.currency,
            patient_account_id=item.patient_account_id,
            charge_item_id=item.id,
            department_id=item.department_id,
            service_id=item.service_id,
            payer_id=payer_id,
        )

    return post(
        kind="charge.transferred",
        source_id=item.id,
        lines=[
            line("payer_receivable", amount_minor),
            line("patient_receivable", -amount_minor),
        ],
        occurred_at=at,
        posted_at=at,
        actor=actor.name,
    )
