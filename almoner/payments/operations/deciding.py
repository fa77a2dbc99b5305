"""The second of two persons decides what the first asked for."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict
from almoner.payments.models import DecidedRequest


def decide(
    request: DecidedRequest, decision: str, note: str, *, what: str, actor: Actor, at: datetime
) -> None:
    """Write the decision into the locked ``request``; ``what`` it asks for (``void``, ``refund``) names the codes.

    Raises ``Conflict`` when it was decided, and for who asked: the database holds that the two differ.
    """
    if request.decision:
        raise Conflict(
            _("This was %(decision)s by %(who)s.")
            % {"decision": request.decision, "who": request.decided_by.partition(":")[2]},
            field="request_id",
            code=f"{what}_decided",
        )
    request.decision = decision
    request.decided_at = at
    request.decided_by = actor.name
    request.decider_id = actor.user_id
    request.decision_note = note
    try:
        with atomic():
            request.save(
                update_fields=["decision", "decided_at", "decided_by", "decider_id", "decision_note"]
            )
    except IntegrityError as error:
        if f"{what}_decided_by_another" not in str(error):
            raise
        raise Conflict(
            _("You asked for this yourself: somebody else decides."), field="actor", code="own_request"
        ) from error
