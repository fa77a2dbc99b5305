"""The words of a message: ``{{ amount }}`` and its like are filled in, nothing else is; and what an SMS costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.kernel.errors import DomainError
from almoner.messaging.models import Channel
from almoner.messaging.rules import MAXIMUM_SUBJECT

VARIABLES = {
    "hospital": gettext_lazy("the name of the hospital"),
    "amount": gettext_lazy("what is asked for"),
    "day": gettext_lazy("the day on which it falls or fell due, or until which a deposit lasts"),
    "reference": gettext_lazy("the patient's record number, to be named when paying"),
}
"""What a wording may contain. No name of a patient or a service: a message may reach the wrong person."""

MAXIMUM_BODY = {Channel.EMAIL: 4000, Channel.SMS: 600}
_SLOT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)

# GSM 03.38: its alphabet, and what takes two of its places.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("^{}\\[~]|€\f")
_GSM_SINGLE, _GSM_PART = 160, 153
_UCS2_SINGLE, _UCS2_PART = 70, 67


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a kind of message; an SMS has no subject."""

    body: str
    subject: str = ""

    def filled(self, values: Mapping[str, str]) -> Words:
        """The same with ``values`` in the places of their names."""
        return Words(_fill(self.body, values), " ".join(_fill(self.subject, values).split()))


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda slot: values[slot[1].strip()], text)


@lru_cache(maxsize=256)
def shipped_words(kind: str, channel: str, locale: str) -> Words:
    """What Almoner says in ``locale``: the template ``messages/<kind>.<channel>.txt``, whose first line is an
    email's subject."""
    slots = {name: f"{{{{ {name} }}}}" for name in VARIABLES}
    with translation.override(locale):
        text = render_to_string(f"messages/{kind}.{channel}.txt", slots).strip()
    if channel == Channel.SMS:
        return Words(text)
    subject, _line, body = text.partition("\n")
    return Words(body.strip(), subject.strip())


def check_words(channel: str, words: Words) -> None:
    """Raise ``DomainError``, naming ``subject`` or ``body``, for words that could not be sent as they are meant."""
    if channel == Channel.EMAIL:
        if not words.subject.strip() or len(words.subject) > MAXIMUM_SUBJECT:
            raise DomainError(
                _("A subject has 1 to %(most)s characters.") % {"most": MAXIMUM_SUBJECT}, field="subject"
            )
        if len(words.subject.splitlines()) > 1:
            raise DomainError(_("A subject stands on one line."), field="subject")
        _check_slots(words.subject, "subject")
    elif words.subject:
        raise DomainError(_("An SMS has no subject."), field="subject")
    most = MAXIMUM_BODY[Channel(channel)]
    if not words.body.strip() or len(words.body) > most:
        raise DomainError(_("A text has 1 to %(most)s characters.") % {"most": most}, field="body")
    if "\x00" in words.body:
        raise DomainError(_("The text contains a character that cannot be sent."), field="body")
    _check_slots(words.body, "body")


def _check_slots(text: str, field: str) -> None:
    for slot in _SLOT.finditer(text):
        name = slot[1].strip()
        if name not in VARIABLES:
            close = get_close_matches(name, VARIABLES, n=1)
            hint = _(" Did you mean {{ %(name)s }}?") % {"name": close[0]} if close else ""
            raise DomainError(
                _("Nothing is known as {{ %(name)s }}. Known are %(known)s.%(hint)s")
                % {"name": name, "known": ", ".join(VARIABLES), "hint": hint},
                field=field,
                code="unknown_variable",
            )
    if any(mark in _SLOT.sub("", text) for mark in ("{{", "}}", "{%", "%}", "{#")):
        raise DomainError(
            _("Only names between {{ and }} are filled in, such as {{ amount }}. Take other braces out."),
            field=field,
            code="unknown_tag",
        )


def sms_segments(text: str) -> int:
    """How many SMS ``text`` is charged as: 160 characters of the GSM alphabet in one, 153 in each of several;
    70 and 67 as soon as one character is outside of it (3GPP TS 23.038, 23.040)."""
    if all(character in _GSM or character in _GSM_EXTENSION for character in text):
        places = len(text) + sum(character in _GSM_EXTENSION for character in text)
        return 1 if places <= _GSM_SINGLE else -(-places // _GSM_PART)
    places = len(text.encode("utf-16-be")) // 2
    return 1 if places <= _UCS2_SINGLE else -(-places // _UCS2_PART)
