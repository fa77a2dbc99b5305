"""Messages to patients in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from almoner.hospitals.models import Hospital
from almoner.kernel.errors import DomainError
from almoner.kernel.ids import new_id
from almoner.messaging.kinds import Notice, message_kinds
from almoner.messaging.models import Channel, Message, Wording
from almoner.messaging.outbox import values_of
from almoner.messaging.queries import Place
from almoner.messaging.rules import MAXIMUM_ATTEMPTS
from almoner.messaging.texts import Words, check_words, sms_segments
from almoner.pages.presenters import Formats

TABS = {
    "": gettext_lazy("All"),
    "failed": gettext_lazy("Failed"),
    "queued": gettext_lazy("Waiting"),
    "sent": gettext_lazy("Sent"),
    "suppressed": gettext_lazy("Not sent"),
}
STATES = {
    "failed": (gettext_lazy("Failed"), "overdue"),
    "queued": (gettext_lazy("Waiting"), "due"),
    "sent": (gettext_lazy("Sent"), "good"),
    "suppressed": (gettext_lazy("Not sent"), "none"),
}
REASONS = {
    "opted_out": gettext_lazy("The patient wants no such messages."),
    "no_address": gettext_lazy("No address is known that it could go to."),
    "no_longer_due": gettext_lazy("It was no longer true: paid, disputed, or arranged otherwise."),
}
CHANNEL_ICONS = {"email": "mail", "sms": "device-mobile"}
_SAMPLE_MINOR, _SAMPLE_REFERENCE = 7500, "MRN0000012"


@dataclass(frozen=True, slots=True)
class Tab:
    title: Any
    url: str
    count: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A row of ``patient_messages/list.html``. ``says``: why it was not sent, what went wrong, when it is tried."""

    url: str
    again_url: str
    patient: str
    patient_url: str
    mrn: str
    title: str
    about: str
    channel: Any
    icon: str
    address: str
    state: Any
    tone: str
    when: str
    says: str


@dataclass(frozen=True, slots=True)
class MessagePage:
    """``patient_messages/message.html``."""

    line: MessageLine
    subject: str
    body: str
    language: str
    segments: str
    facts: tuple[tuple[str, str], ...]


def tabs(current: str, counts: dict[str, int]) -> tuple[Tab, ...]:
    """The lists of messages, with how many there are."""
    home = reverse("patient_messages:messages")
    return tuple(
        Tab(
            title,
            f"{home}?show={state}" if state else home,
            str(counts[state]) if state in ("failed", "queued") and counts.get(state) else "",
            state == current,
        )
        for state, title in TABS.items()
    )


def kind_title(kind: str) -> str:
    """What a kind of message is called."""
    known = message_kinds().get(kind)
    return str(known.title) if known else kind


def message_line(one: Message, formats: Formats, *, today: date) -> MessageLine:
    """A message as a row."""
    state, tone = STATES[one.state]
    says = ""
    if one.state == Message.State.SUPPRESSED:
        says = str(REASONS[one.reason])
    elif one.last_error and one.state != Message.State.SENT:
        says = one.last_error
    elif one.state == Message.State.QUEUED:
        says = _("from %(when)s on") % {"when": _moment(one.not_before, formats, today)}
    return MessageLine(
        url=reverse("patient_messages:message", args=[one.id]),
        again_url=reverse("patient_messages:again", args=[one.id]) if one.state == "failed" else "",
        patient=one.patient.name,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.patient.mrn,
        title=kind_title(one.kind),
        about=_("%(amount)s, %(day)s")
        % {"amount": formats.money(one.amount_minor), "day": formats.day(one.due_on)},
        channel=Channel(one.channel).label,
        icon=CHANNEL_ICONS[one.channel],
        address=one.address,
        state=state,
        tone=tone,
        when=_moment(one.finished_at or one.written_at, formats, today),
        says=says,
    )


def _moment(at: Any, formats: Formats, today: date) -> str:
    time, day = formats.time(at), formats.local_date(at)
    return time if day == today else f"{formats.moment(at, today=today)}, {time}"


def present_message(one: Message, formats: Formats, *, today: date) -> MessagePage:
    """A message word for word."""
    facts = [(_("Written"), _moment(one.written_at, formats, today))]
    if one.attempts:
        facts.append((_("Attempts"), f"{one.attempts} / {MAXIMUM_ATTEMPTS}"))
    if one.state == Message.State.QUEUED:
        facts.append((_("Tried from"), _moment(one.not_before, formats, today)))
    elif one.finished_at is not None:
        facts.append((str(STATES[one.state][0]), _moment(one.finished_at, formats, today)))
    return MessagePage(
        line=message_line(one, formats, today=today),
        subject=one.subject,
        body=one.body,
        language=dict(settings.LANGUAGES).get(one.locale, one.locale),
        segments=segments(one.body) if one.channel == Channel.SMS else "",
        facts=tuple(facts),
    )


def segments(body: str) -> str:
    """How long an SMS is, and as how many it is charged."""
    count = sms_segments(body)
    length = ngettext("%(n)d character", "%(n)d characters", len(body)) % {"n": len(body)}
    return ngettext("%(length)s, %(n)d SMS", "%(length)s, %(n)d SMS", count) % {"length": length, "n": count}


@dataclass(frozen=True, slots=True)
class WordingLink:
    """The words in one language: ``own_since`` when they are the hospital's."""

    language: str
    url: str
    own_since: str


@dataclass(frozen=True, slots=True)
class WordingLine:
    title: str
    channel: Any
    icon: str
    links: tuple[WordingLink, ...]


def wording_lines(own: dict[Place, Wording], formats: Formats) -> list[WordingLine]:
    """Every kind of message by each channel, with its languages."""
    return [
        WordingLine(
            title=str(kind.title),
            channel=channel.label,
            icon=CHANNEL_ICONS[channel],
            links=tuple(
                WordingLink(
                    language,
                    reverse("patient_messages:wording", args=[kind.code, channel.value, code]),
                    formats.day(own[kind.code, channel, code].starts_on)
                    if (kind.code, channel, code) in own
                    else "",
                )
                for code, language in settings.LANGUAGES
            ),
        )
        for kind in message_kinds().values()
        for channel in Channel
    ]


def place_title(place: Place) -> str:
    """``A bill is overdue · Email · English``."""
    kind, channel, locale = place
    return f"{kind_title(kind)} · {Channel(channel).label} · {dict(settings.LANGUAGES)[locale]}"


@dataclass(frozen=True, slots=True)
class WordingVersion:
    since: str
    says: str
    by: str


def version_lines(versions: Iterable[Wording], formats: Formats) -> list[WordingVersion]:
    """What was written for a place, as its page lists it."""
    return [
        WordingVersion(
            since=formats.day(one.starts_on),
            says=(one.subject or one.body)[:120] if one.body else _("The shipped words"),
            by=formats.person(one.written_by),
        )
        for one in versions
    ]


@dataclass(frozen=True, slots=True)
class Preview:
    """What words come to with sample values; ``problem`` when they cannot be sent."""

    subject: str
    body: str
    segments: str
    problem: str


def present_preview(place: Place, words: Words, hospital: Hospital, *, today: date) -> Preview:
    """``words`` filled in with an amount and a day that nobody owes."""
    kind, channel, locale = place
    try:
        check_words(channel, words)
    except DomainError as error:
        return Preview("", "", "", error.message)
    sample = Notice(kind, "sample", "sample", new_id(), _SAMPLE_MINOR, today)
    filled = words.filled(values_of(sample, _SAMPLE_REFERENCE, hospital, locale))
    return Preview(filled.subject, filled.body, segments(filled.body) if channel == Channel.SMS else "", "")
