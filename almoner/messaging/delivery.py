"""Sending what is due in the outbox. At least once: an attempt is committed before the message leaves, and what is
not known to have left is tried again, with the same key, until it succeeds or was tried often enough.

Before each attempt everything is asked again: whether it is quiet, whether it is still true (a bill may be paid
by now), whether the patient still wants it, and where they are reached. No transaction is open while it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from almoner.kernel.tenancy import transaction
from almoner.messaging.kinds import find_notice
from almoner.messaging.models import Channel, Message
from almoner.messaging.outbox import House, compose, read_house, suppress
from almoner.messaging.queries import address_of, opt_outs_of
from almoner.messaging.rules import LEASE, MAXIMUM_ATTEMPTS, retry_after
from almoner.messaging.senders import Outgoing, Sender, SendFailed, sender_of
from almoner.messaging.stopping import stop_url, with_stop_link
from almoner.patients.operations import surviving

State, Reason = Message.State, Message.Reason
ERROR_LENGTH = 300
MAXIMUM_BATCH = 500
_CHANGED = (
    "address", "locale", "amount_minor", "due_on", "subject", "body", "state", "reason", "attempts",
    "last_error", "not_before", "finished_at",
)  # fmt: skip
Senders = Callable[[str], Sender]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a run did with the messages that were due, by where each ended up."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0
    suppressed: int = 0


def send_due(
    hospital_id: UUID, *, at: datetime, senders: Senders = sender_of, limit: int = MAXIMUM_BATCH
) -> Delivered:
    """Send what is due at ``at``, the longest waiting first, at most ``limit`` messages.

    Several workers may do it at once: a message that one has in hand is passed over by the others.
    """
    counts = dict.fromkeys(("sent", "failed", "postponed", "suppressed"), 0)
    for _number in range(limit):
        taken = _take(hospital_id, at)
        if taken is None:
            break
        became = taken if isinstance(taken, str) else _attempt(hospital_id, taken, senders, at)
        counts[became] += 1
    return Delivered(**counts)


def _take(hospital_id: UUID, at: datetime) -> Outgoing | str | None:
    """The next message to attempt, noted as attempted; a word for one that is not sent now; None: none is due."""
    with transaction(hospital_id):
        due = Message.objects.filter(state=State.QUEUED, not_before__lte=at).order_by("not_before", "id")
        message = due.select_for_update(skip_locked=True).first()
        if message is None:
            return None
        outgoing = _look_again(message, read_house(at))
        message.save(update_fields=_CHANGED)
        if outgoing is not None:
            return outgoing
        return "postponed" if message.state == State.QUEUED else str(message.state)


def _look_again(message: Message, house: House) -> Outgoing | None:
    """What leaves, as everything stands now; None for what is not sent now."""
    hospital_id, at = house.hospital.id, house.at
    if message.attempts >= MAXIMUM_ATTEMPTS:
        _fail(message, message.last_error or "The program ended before it knew whether it was sent.", at)
        return None
    message.not_before = house.rules.sends_from(at, house.zone)
    if message.not_before > at:
        return None
    patient = surviving(message.patient_id)
    notice = find_notice(hospital_id, message.kind, message.thing, patient_id=patient.id, at=at)
    if notice is None:
        suppress(message, Reason.NO_LONGER_DUE, at)
    elif message.channel in opt_outs_of(patient.id):
        suppress(message, Reason.OPTED_OUT, at)
    elif not address_of(patient, message.channel):
        suppress(message, Reason.NO_ADDRESS, at)
    else:
        compose(message, notice, patient, house)
        message.attempts += 1
        message.not_before = at + LEASE
        link = stop_url(hospital_id, patient.id) if message.channel == Channel.EMAIL else ""
        return Outgoing(
            id=message.id,
            channel=message.channel,
            address=message.address,
            subject=message.subject,
            body=with_stop_link(message.body, link, message.locale) if link else message.body,
            stop_url=link,
            attempt=message.attempts,
        )
    return None


def _attempt(hospital_id: UUID, outgoing: Outgoing, senders: Senders, at: datetime) -> str:
    """Let it leave, and write down what became of it."""
    error = ""
    try:
        senders(outgoing.channel).send(outgoing)
    except SendFailed as refused:
        error = str(refused)[:ERROR_LENGTH] or "It was not taken."
    with transaction(hospital_id):
        message = Message.objects.select_for_update().get(id=outgoing.id)
        if message.state != State.QUEUED or message.attempts != outgoing.attempt:
            return "postponed"
        if not error:
            message.state, message.finished_at, message.last_error = State.SENT, at, ""
        else:
            wait = retry_after(message.attempts)
            message.last_error = error
            if wait is None:
                _fail(message, error, at)
            else:
                message.not_before = at + wait
        message.save(update_fields=_CHANGED)
        return "postponed" if message.state == State.QUEUED else str(message.state)


def _fail(message: Message, error: str, at: datetime) -> None:
    message.state, message.last_error, message.finished_at = State.FAILED, error, at
