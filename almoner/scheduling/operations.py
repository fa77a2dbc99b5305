"""Giving out tokens and calling them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.patients.models import Encounter
from almoner.scheduling.models import QueueToken

PERMISSION_CALL = "scheduling.call_token"


def issue_token(encounter: Encounter, *, at: datetime) -> QueueToken:
    """The token of a visit in its department for the local day of ``at``; the first one when asked again.

    Numbers run from 1 without a gap per department and day. Needs the hospital's transaction.
    """
    hospital_id = require_transaction()
    known = QueueToken.objects.filter(encounter=encounter).first()
    if known is not None:
        return known
    time_zone = Hospital.objects.values_list("time_zone", flat=True).get(id=hospital_id)
    day = local_date(at, time_zone)
    return QueueToken.objects.create(
        hospital_id=hospital_id,
        encounter=encounter,
        department_id=encounter.department_id,
        day=day,
        number=next_number(f"token:{encounter.department_id}", int(day.strftime("%Y%m%d"))),
        issued_at=at,
    )


def call_token(hospital_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime) -> QueueToken:
    """Call the patient in: the waiting room's display shows their number. Calling again calls again.

    Raises ``PermissionRefused``, ``NotFound`` for a visit without a token, ``Conflict`` for one that ended.
    """
    actor.require(PERMISSION_CALL)
    with transaction(hospital_id):
        token = (
            QueueToken.objects.select_for_update(of=("self",), no_key=True)
            .select_related("encounter")
            .filter(encounter_id=encounter_id)
            .first()
        )
        if token is None:
            raise NotFound(_("This visit has no token to call."), field="encounter_id", code="unknown_token")
        if token.encounter.ended_at is not None:
            raise Conflict(_("The patient has left."), field="encounter_id", code="encounter_ended")
        token.called_at = at
        token.called_by = actor.name
        token.save(update_fields=["called_at", "called_by"])
        return token


def mark_called(encounter_id: UUID, *, actor: Actor, at: datetime) -> None:
    """The patient is in, called or not: their number waits no longer. Needs the hospital's transaction."""
    require_transaction()
    QueueToken.objects.filter(encounter_id=encounter_id, called_at=None).update(
        called_at=at, called_by=actor.name
    )
