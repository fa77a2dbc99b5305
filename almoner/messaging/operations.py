"""What people decide about messages: how a hospital writes, in which words, and who wants none."""

from __future__ import annotations

import re
from datetime import date, datetime
from uuid import UUID

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.messaging.kinds import message_kinds
from almoner.messaging.models import Channel, Message, MessagingSettings, OptOut, Wording
from almoner.messaging.queries import opt_outs_of
from almoner.messaging.rules import MessagingRules
from almoner.messaging.texts import Words, check_words
from almoner.patients.models import Patient
from almoner.patients.operations import surviving

PERMISSION_MANAGE = "messaging.manage"
"""Read the messages to patients and send failed ones again."""
PERMISSION_CONFIGURE = "messaging.configure"
"""Change wordings, quiet hours, and when patients are reminded."""
PERMISSION_CONTACT = "messaging.contact"
"""Record how a patient wants to be reached."""

MAXIMUM_PHONE = 40
MAXIMUM_STEPS = 6
MAXIMUM_DAYS = 90
_PHONE = re.compile(r"[0-9+() .-]*", re.ASCII)


def set_rules(hospital_id: UUID, rules: MessagingRules, *, actor: Actor, at: datetime) -> MessagingRules:
    """How the hospital writes from now on; what waits to be sent goes by it, too. Gives them back. Audited.

    Raises ``DomainError`` naming ``quiet_until``, ``channels``, ``days_before`` or ``days_after``.
    """
    actor.require(PERMISSION_CONFIGURE)
    check_rules(rules)
    with transaction(hospital_id):
        store_rules(hospital_id, rules)
        audit.record(
            "messaging.settings_changed",
            actor=actor,
            at=at,
            subject_kind="hospital",
            subject_id=hospital_id,
            quiet=f"{rules.quiet.starts:%H:%M}-{rules.quiet.ends:%H:%M}" if rules.quiet else "",
            channels=list(rules.channels),
            days_before=list(rules.days_before),
            days_after=list(rules.days_after),
        )
        return rules


def check_rules(rules: MessagingRules) -> None:
    """Raise ``DomainError`` for rules that cannot be."""
    if rules.quiet and rules.quiet.starts == rules.quiet.ends:
        raise DomainError(_("Quiet hours end at another time than they begin."), field="quiet_until")
    known = list(Channel)
    if len(set(rules.channels)) < len(rules.channels) or not set(rules.channels) <= set(known):
        raise DomainError(_("Expected each channel once."), field="channels")
    if not rules.channels:
        raise DomainError(_("Choose by which way messages go."), field="channels")
    for field, days, least in (("days_before", rules.days_before, 0), ("days_after", rules.days_after, 1)):
        if len(days) > MAXIMUM_STEPS or any(not least <= day <= MAXIMUM_DAYS for day in days):
            raise DomainError(
                _("Expected at most %(steps)s numbers of days from %(least)s to %(most)s.")
                % {"steps": MAXIMUM_STEPS, "least": least, "most": MAXIMUM_DAYS},
                field=field,
            )
        if len(set(days)) < len(days):
            raise DomainError(_("Expected every number of days once."), field=field)


def store_rules(hospital_id: UUID, rules: MessagingRules) -> None:
    """Write ``rules``, which were checked. Needs the transaction."""
    MessagingSettings.objects.update_or_create(
        hospital_id=hospital_id,
        defaults={
            "quiet_from": rules.quiet.starts if rules.quiet else None,
            "quiet_until": rules.quiet.ends if rules.quiet else None,
            "channels": list(rules.channels),
            "days_before": sorted(rules.days_before, reverse=True),
            "days_after": sorted(rules.days_after),
        },
    )


def write_wording(
    hospital_id: UUID,
    *,
    kind: str,
    channel: str,
    locale: str,
    words: Words,
    starts_on: date,
    actor: Actor,
    at: datetime,
) -> Wording:
    """Put the hospital's own words for a kind of message in force from ``starts_on`` on.

    Raises ``DomainError`` naming ``kind``, ``channel``, ``locale``, ``subject`` or ``body``.
    """
    actor.require(PERMISSION_CONFIGURE)
    check_place(kind, channel, locale)
    check_words(channel, words)
    with transaction(hospital_id):
        return put_wording(hospital_id, kind, channel, locale, words, starts_on=starts_on, actor=actor, at=at)


def end_wording(
    hospital_id: UUID, *, kind: str, channel: str, locale: str, starts_on: date, actor: Actor, at: datetime
) -> None:
    """Go back to the shipped words from ``starts_on`` on."""
    actor.require(PERMISSION_CONFIGURE)
    check_place(kind, channel, locale)
    with transaction(hospital_id):
        put_wording(hospital_id, kind, channel, locale, Words(""), starts_on=starts_on, actor=actor, at=at)


def check_place(kind: str, channel: str, locale: str) -> None:
    """Raise ``DomainError`` for a kind, channel or language that there is not."""
    languages = [code for code, _name in django_settings.LANGUAGES]
    for field, value, known in (
        ("kind", kind, list(message_kinds())),
        ("channel", channel, list(Channel)),
        ("locale", locale, languages),
    ):
        if value not in known:
            raise DomainError(
                _("Expected one of %(known)s, got %(value)r.") % {"known": ", ".join(known), "value": value},
                field=field,
                code=f"unknown_{field}",
            )


def put_wording(
    hospital_id: UUID,
    kind: str,
    channel: str,
    locale: str,
    words: Words,
    *,
    starts_on: date,
    actor: Actor,
    at: datetime,
) -> Wording:
    """Write ``words``, which were checked; empty ones go back to the shipped. Audited. Needs the transaction."""
    wording = Wording.objects.create(
        hospital_id=hospital_id,
        kind=kind,
        channel=channel,
        locale=locale,
        starts_on=starts_on,
        subject=words.subject.strip(),
        body=words.body.strip(),
        written_at=at,
        written_by=actor.name,
    )
    audit.record(
        "messaging.wording_changed",
        actor=actor,
        at=at,
        subject_kind="wording",
        subject_id=wording.id,
        kind=kind,
        channel=channel,
        locale=locale,
        starts_on=starts_on.isoformat(),
        shipped=not words.body,
    )
    return wording


def set_contact(
    hospital_id: UUID,
    patient_id: UUID,
    *,
    phone: str,
    email: str,
    language: str,
    actor: Actor,
    at: datetime,
) -> Patient:
    """Record where and in which language the patient is reached; empty takes out. Audited, without the values.

    Raises ``NotFound``, and ``DomainError`` naming ``phone``, ``email`` or ``language``.
    """
    actor.require(PERMISSION_CONTACT)
    phone, email = phone.strip(), email.strip()
    if len(phone) > MAXIMUM_PHONE or not _PHONE.fullmatch(phone):
        raise DomainError(
            _("A phone number has digits, spaces and + ( ) . - only, at most %(most)s.")
            % {"most": MAXIMUM_PHONE},
            field="phone",
            code="invalid_phone",
        )
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise DomainError(
                _("Enter an email address such as name@example.org."), field="email", code="invalid_email"
            ) from error
    if language and language not in dict(django_settings.LANGUAGES):
        raise DomainError(
            _("Expected one of %(known)s, got %(value)r.")
            % {"known": ", ".join(dict(django_settings.LANGUAGES)), "value": language},
            field="language",
            code="unknown_language",
        )
    said = {"phone": phone, "email": email, "language": language}
    with transaction(hospital_id):
        patient = surviving(patient_id, lock=True)
        changed = [name for name, value in said.items() if getattr(patient, name) != value]
        if changed:
            for name in changed:
                setattr(patient, name, said[name])
            patient.save(update_fields=changed)
            audit.record(
                "patient.contact_changed",
                actor=actor,
                at=at,
                subject_kind="patient",
                subject_id=patient.id,
                changed=changed,
            )
        return patient


def opt_out(hospital_id: UUID, patient_id: UUID, channel: str, *, actor: Actor, at: datetime) -> None:
    """The patient wants no messages by ``channel`` from now on; those that wait are not sent either. Saying it
    again changes nothing. Audited. Raises ``NotFound``."""
    actor.require(PERMISSION_CONTACT)
    _check_channel(channel)
    with transaction(hospital_id):
        patient = surviving(patient_id, lock=True)
        if channel in opt_outs_of(patient.id):
            return
        OptOut.objects.create(
            hospital_id=hospital_id, patient=patient, channel=channel, since=at, recorded_by=actor.name
        )
        _record("messaging.opted_out", patient.id, channel, actor, at)


def opt_in(hospital_id: UUID, patient_id: UUID, channel: str, *, actor: Actor, at: datetime) -> None:
    """The patient wants messages by ``channel`` again. Saying it again changes nothing. Audited."""
    actor.require(PERMISSION_CONTACT)
    _check_channel(channel)
    with transaction(hospital_id):
        patient = surviving(patient_id, lock=True)
        standing = opt_outs_of(patient.id).get(channel)
        if not standing:
            return
        ids = [one.id for one in standing]
        OptOut.objects.filter(id__in=ids).update(ended_at=at, ended_by=actor.name)
        _record("messaging.opted_in", patient.id, channel, actor, at)


def _check_channel(channel: str) -> None:
    if channel not in list(Channel):
        raise DomainError(
            _("Expected one of %(known)s, got %(value)r.") % {"known": ", ".join(Channel), "value": channel},
            field="channel",
            code="unknown_channel",
        )


def _record(action: str, patient_id: UUID, channel: str, actor: Actor, at: datetime) -> None:
    audit.record(
        action, actor=actor, at=at, subject_kind="patient", subject_id=patient_id, channel=str(channel)
    )


def send_again(hospital_id: UUID, message_id: UUID, *, actor: Actor, at: datetime) -> Message:
    """Try a failed message again, from the first attempt on. Audited.

    Raises ``NotFound``, and ``Conflict`` for a message that did not fail.
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        message = Message.objects.select_for_update().filter(id=message_id).first()
        if message is None:
            raise NotFound(
                _("There is no such message at this hospital."), field="message_id", code="unknown_message"
            )
        if message.state != Message.State.FAILED:
            raise Conflict(
                _("Only a message that failed can be sent again."), field="message_id", code="not_failed"
            )
        message.state, message.finished_at = Message.State.QUEUED, None
        message.attempts, message.not_before = 0, at
        message.save(update_fields=["state", "finished_at", "attempts", "not_before"])
        audit.record("message.sent_again", actor=actor, at=at, subject_kind="message", subject_id=message.id)
        return message
