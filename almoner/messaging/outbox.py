"""The outbox: a message is written in the transaction of what causes it, once for a step of a thing; the worker
sends it when that is committed (``messaging.delivery``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date

from almoner.hospitals.models import Hospital
from almoner.kernel.clock import local_date
from almoner.kernel.dates import date_locale
from almoner.kernel.ids import new_id
from almoner.kernel.money import Money
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.messaging.kinds import Notice, find_notices
from almoner.messaging.models import Message, Wording
from almoner.messaging.queries import (
    Place,
    address_of,
    locale_of,
    opted_out,
    read_rules,
    wordings_in_force,
    words_on,
)
from almoner.messaging.rules import MessagingRules
from almoner.patients.models import Patient

State, Reason = Message.State, Message.Reason


@dataclass(frozen=True, slots=True)
class House:
    """A hospital as it writes at ``at``: by which rules, in which words of its own."""

    hospital: Hospital
    rules: MessagingRules
    own: dict[Place, Wording]
    at: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.hospital.time_zone)


def write_reminders(hospital_id: UUID, *, at: datetime) -> list[Message]:
    """Write what patients are to be told at ``at``; those that were written now, each step of a thing once."""
    with transaction(hospital_id):
        return write_messages(find_notices(hospital_id, at=at), at=at)


def unwritten(hospital_id: UUID, *, at: datetime) -> list[Message]:
    """What ``write_reminders`` would write; nothing is written."""
    with transaction(hospital_id):
        return _drafts(find_notices(hospital_id, at=at), at)


def write_messages(notices: Iterable[Notice], *, at: datetime) -> list[Message]:
    """Put ``notices`` into the outbox, in the transaction of what causes them; those that were put in now.

    A step of a thing that was written before is passed over, and so is what a thing has to say on a day on which
    it said something. Whom no channel reaches, or who wants none, gets a message that says so and is not sent.
    """
    drafts = _drafts(notices, at)
    Message.objects.bulk_create(drafts, ignore_conflicts=True)
    written = set(Message.objects.filter(id__in=[one.id for one in drafts]).values_list("id", flat=True))
    return [one for one in drafts if one.id in written]


def _drafts(notices: Iterable[Notice], at: datetime) -> list[Message]:
    """A message for each of ``notices`` that the outbox does not have; six statements."""
    house = read_house(at)
    fresh = _fresh(list(notices), local_date(at, house.hospital.time_zone))
    ids = {notice.patient_id for notice in fresh}
    patients = {row.id: row for row in Patient.objects.filter(id__in=ids)}
    refused = opted_out(ids)
    return [_draft(notice, patients[notice.patient_id], refused, house) for notice in fresh]


def _fresh(notices: list[Notice], today: date) -> list[Notice]:
    """Those whose step was not written, of things of which nothing was written today; the first one of a thing."""
    things = {notice.thing for notice in notices}
    known = list(Message.objects.filter(thing__in=things).values_list("kind", "thing", "step", "written_on"))
    steps = {(kind, thing, step) for kind, thing, step, _day in known}
    told = {thing for _kind, thing, _step, day in known if day == today}
    fresh = []
    for notice in notices:
        if (notice.kind, notice.thing, notice.step) not in steps and notice.thing not in told:
            told.add(notice.thing)
            fresh.append(notice)
    return fresh


def read_house(at: datetime) -> House:
    """The open transaction's hospital; three statements."""
    hospital = Hospital.objects.get(id=require_transaction())
    own = wordings_in_force(local_date(at, hospital.time_zone))
    return House(hospital, read_rules(), own, at)


def _draft(notice: Notice, patient: Patient, refused: set[tuple[UUID, str]], house: House) -> Message:
    hospital, at = house.hospital, house.at
    reached = [one for one in house.rules.channels if address_of(patient, one)]
    wanted = [one for one in reached if (patient.id, one) not in refused]
    channel = next(iter([*wanted, *reached, *house.rules.channels]))
    message = Message(
        id=new_id(),
        hospital_id=hospital.id,
        kind=notice.kind,
        thing=notice.thing,
        step=notice.step,
        patient=patient,
        channel=channel,
        written_on=local_date(at, hospital.time_zone),
        written_at=at,
        not_before=house.rules.sends_from(at, house.zone),
    )
    compose(message, notice, patient, house)
    if not wanted:
        suppress(message, Reason.OPTED_OUT if reached else Reason.NO_ADDRESS, at)
    return message


def compose(message: Message, notice: Notice, patient: Patient, house: House) -> None:
    """Give ``message`` its address and words as they are now."""
    message.address = address_of(patient, message.channel)
    message.locale = locale_of(patient, house.hospital.locale)
    message.amount_minor, message.due_on = notice.amount_minor, notice.due_on
    place = (message.kind, message.channel, message.locale)
    words = words_on(place, house.own).filled(values_of(notice, patient.mrn, house.hospital, message.locale))
    message.subject, message.body = words.subject[:200], words.body


def values_of(notice: Notice, reference: str, hospital: Hospital, locale: str) -> dict[str, str]:
    """What stands for each of ``texts.VARIABLES``: figures as the hospital writes them, dates in ``locale``."""
    return {
        "hospital": hospital.name,
        "amount": Money(notice.amount_minor, hospital.currency).format(hospital.locale),
        "day": str(format_date(notice.due_on, format="medium", locale=date_locale(locale, hospital.locale))),
        "reference": reference,
    }


def suppress(message: Message, reason: str, at: datetime) -> None:
    """``message`` is not sent, for ``reason`` (``Message.Reason``)."""
    message.state, message.reason, message.finished_at = State.SUPPRESSED, reason, at
