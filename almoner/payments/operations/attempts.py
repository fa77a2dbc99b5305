"""Attempts at a drawer that the books refuse: they stay written down, and there are few of them.

A refusal that depends on what should be in a drawer tells something about it. Who could try as often as they like
would read the sum out of the refusals, and count what fits.
"""

from __future__ import annotations

from datetime import datetime

from almoner.identity import audit
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.payments.models import CashSession
from almoner.payments.operations.shared import PERMISSION_SUPERVISE

COUNT_REFUSED = "cash_session.count_refused"
MOVE_REFUSED = "cash.move_refused"
MAXIMUM_ATTEMPTS = 2


def may_try(action: str, session: CashSession, actor: Actor) -> bool:
    """Whether ``actor`` may still be refused for what is in the drawer. Who supervises drawers sees it anyway."""
    tried = AuditRecord.objects.filter(action=action, subject_id=session.id, at__gte=session.opened_at)
    return actor.may(PERMISSION_SUPERVISE) or tried.count() < MAXIMUM_ATTEMPTS


def note_attempt(action: str, session: CashSession, amount_minor: int, *, actor: Actor, at: datetime) -> None:
    """Write down what was tried with the locked ``session``; ``amount_minor``: minor units."""
    audit.record(
        action,
        actor=actor,
        at=at,
        subject_kind="cash_session",
        subject_id=session.id,
        amount_minor=amount_minor,
    )
