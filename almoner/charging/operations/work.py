"""What the billing office settles by hand: a charge that was delivered after all, work that needs nothing more."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging.models import ChargeItem, ClinicalEvent, WorkReview
from almoner.charging.operations.corrections import PERMISSION_CORRECT, locked_item
from almoner.charging.operations.delivery import deliver
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction


def _checked(text: str, field: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= 500:
        raise DomainError(_("Say why, in 1 to 500 characters."), field=field, code="reason_missing")
    return text


def confirm_delivery(
    hospital_id: UUID, charge_item_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> ChargeItem:
    """State that a charge was delivered although no step said so: it becomes revenue at ``at``, audited.

    Raises ``NotFound``, ``Conflict`` when it was delivered already or is not billable.
    """
    actor.require(PERMISSION_CORRECT)
    reason = _checked(reason, "reason")
    with transaction(hospital_id):
        item = locked_item(charge_item_id)
        if item.delivered_at is not None:
            raise Conflict(_("The charge was delivered already."), field="charge_item_id", code="delivered")
        if item.status != ChargeItem.Status.BILLABLE:
            raise Conflict(
                _("Only a billable charge is delivered."), field="charge_item_id", code="not_billable"
            )
        record = audit.record(
            "charge.delivery_confirmed",
            actor=actor,
            at=at,
            subject_kind="charge_item",
            subject_id=item.id,
            reason=reason,
        )
        deliver([item.id], source_id=record.id, occurred_at=at, actor=actor, at=at)
        item.refresh_from_db(fields=["delivered_at"])
        return item


def review_work(
    hospital_id: UUID, work_list: str, subject: str, *, note: str, actor: Actor, at: datetime
) -> WorkReview:
    """Take ``subject`` off a work list, because nothing more is to be charged or done; audited.

    Saying it again returns the first review. Raises ``NotFound`` for a late event that is none.
    """
    actor.require(PERMISSION_CORRECT)
    note = _checked(note, "note")
    with transaction(hospital_id):
        if work_list == WorkReview.WorkList.LATE:
            event = ClinicalEvent.objects.filter(id=UUID(subject), after_discharge=True).first()
            if event is None:
                raise NotFound(_("There is no such late event."), field="event_id", code="unknown_event")
        review, created = WorkReview.objects.get_or_create(
            work_list=work_list,
            subject=subject,
            defaults={
                "hospital_id": hospital_id,
                "note": note,
                "reviewed_at": at,
                "reviewed_by": actor.name,
            },
        )
        if created:
            audit.record(
                "work.reviewed",
                actor=actor,
                at=at,
                subject_kind="work",
                subject_id=review.id,
                work_list=work_list,
                subject=subject,
                note=note,
            )
        return review
