"""What the pages of messages read: a fixed number of statements."""

from __future__ import annotations

from uuid import UUID

from django.db.models import BooleanField, Count, ExpressionWrapper, Q
from django.utils.translation import gettext as _

from almoner.kernel.errors import NotFound
from almoner.messaging.models import Message, Wording
from almoner.messaging.queries import Place

MAXIMUM_ROWS = 100
MAXIMUM_VERSIONS = 30


def list_messages(state: str) -> list[Message]:
    """Messages in that ``state`` (empty: any), failed ones first, then the latest written; with their patients."""
    rows = Message.objects.select_related("patient")
    if state:
        rows = rows.filter(state=state)
    failed = ExpressionWrapper(Q(state=Message.State.FAILED), output_field=BooleanField())
    return list(rows.order_by(failed.desc(), "-written_at", "-id")[:MAXIMUM_ROWS])


def count_messages() -> dict[str, int]:
    """How many there are in each state; one statement."""
    rows = Message.objects.values_list("state").annotate(count=Count("id")).order_by("state")
    return dict(rows)


def find_message(message_id: UUID) -> Message:
    """The message with its patient. Raises ``NotFound``."""
    found = Message.objects.select_related("patient").filter(id=message_id).first()
    if found is None:
        raise NotFound(
            _("There is no such message at this hospital."), field="message_id", code="unknown_message"
        )
    return found


def wordings_at(place: Place) -> list[Wording]:
    """What the hospital wrote for ``place``, the latest first; one statement."""
    kind, channel, locale = place
    rows = Wording.objects.filter(kind=kind, channel=channel, locale=locale)
    return list(rows.order_by("-starts_on", "-written_at", "-id")[:MAXIMUM_VERSIONS])
