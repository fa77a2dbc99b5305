"""The section ``messaging``: compiled from the file, read from the database, written to it, and drawn again.

Staff change wordings and quiet hours in the browser, too: what a file does not speak of stays.
"""

from __future__ import annotations

from datetime import date, datetime, time

from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.compilation import Compilation
from almoner.interop.hospital_file.plan import ADDED, CHANGED, Plan
from almoner.interop.hospital_file.problems import Path
from almoner.interop.hospital_file.state import BEGINNING, Record, State
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import require_transaction
from almoner.messaging.models import MessagingSettings, Wording
from almoner.messaging.operations import check_place, check_rules, put_wording, store_rules
from almoner.messaging.queries import read_rules
from almoner.messaging.rules import DEFAULTS, MessagingRules, QuietHours
from almoner.messaging.texts import Words, check_words

_KEYS_OF_FIELDS = {"quiet_until": ("quiet_hours", "until")}
_LISTS = ("channels", "days_before", "days_after")


def compile_messaging(compilation: Compilation) -> None:
    """Put the section into the state; what cannot be is noted at its key."""
    block = compilation.file.messaging
    if block is None:
        return
    quiet = block.quiet_hours
    rules = MessagingRules(
        QuietHours(quiet.starts, quiet.until) if quiet else None,
        block.channels,
        tuple(sorted(block.days_before, reverse=True)),
        tuple(sorted(block.days_after)),
    )
    try:
        check_rules(rules)
    except DomainError as error:
        compilation.document.refuse(
            ("messaging", *_KEYS_OF_FIELDS.get(error.field, (error.field,))), error.message
        )
    compilation.state["messaging"][""] = _record(rules)
    for index, one in enumerate(block.wordings):
        place = compilation.place(("messaging", "wordings"), index)
        _check(compilation, one, place)
        starts_on = (one.starts_on or BEGINNING).isoformat()
        record = {"subject": one.subject or "", "body": (one.text or "").strip()}
        compilation.add("wordings", (one.kind, one.channel, one.locale, starts_on), record, place)


def _check(compilation: Compilation, one: structure.MessageWording, place: Path) -> None:
    try:
        check_place(one.kind, one.channel, one.locale)
        if one.text is not None:
            check_words(one.channel, Words(one.text, one.subject or ""))
        elif one.subject is not None:
            raise DomainError("Expected a text beside the subject.", field="subject")
    except DomainError as error:
        key = {"body": "text"}.get(error.field, error.field)
        compilation.document.refuse((*place, key), error.message)


def _record(rules: MessagingRules) -> Record:
    return {
        "quiet_from": f"{rules.quiet.starts:%H:%M}" if rules.quiet else "",
        "quiet_until": f"{rules.quiet.ends:%H:%M}" if rules.quiet else "",
        **{name: tuple(getattr(rules, name)) for name in _LISTS},
    }


def read_messaging(state: State) -> None:
    """What is in force, in three statements. Needs the hospital's transaction."""
    if MessagingSettings.objects.exists():
        state["messaging"][""] = _record(read_rules())
    for row in Wording.objects.order_by("starts_on", "written_at", "id"):
        key = (row.kind, row.channel, row.locale, row.starts_on.isoformat())
        state["wordings"][key] = {"subject": row.subject, "body": row.body}


def keep_messaging(old: State, new: State) -> None:
    """Let what a file does not speak of stay."""
    for section in ("messaging", "wordings"):
        for key, record in old[section].items():
            new[section].setdefault(key, record)


def store_messaging(plan: Plan) -> None:
    """Write how the hospital writes to its patients."""
    record = plan.new["messaging"][""]
    quiet = None
    if record["quiet_from"]:
        quiet = QuietHours(*(time.fromisoformat(record[name]) for name in ("quiet_from", "quiet_until")))
    store_rules(require_transaction(), MessagingRules(quiet, *(record[name] for name in _LISTS)))


def store_wordings(plan: Plan, *, actor: Actor, at: datetime) -> None:
    """Write the words that are new or say something else."""
    hospital_id = require_transaction()
    for key in sorted(plan.of("wordings", ADDED, CHANGED)):
        kind, channel, locale, starts_on = tuple(key)
        record = plan.new["wordings"][key]
        put_wording(
            hospital_id,
            kind,
            channel,
            locale,
            Words(record["body"], record["subject"]),
            starts_on=date.fromisoformat(starts_on),
            actor=actor,
            at=at,
        )


def draw_messaging(state: State) -> Record:
    """The section in the file's words; nothing when the hospital writes as every hospital does."""
    block: Record = {}
    record = state["messaging"].get("", _record(DEFAULTS))
    if "" in state["messaging"] or state["wordings"]:
        if record["quiet_from"]:
            block["quiet_hours"] = {"from": record["quiet_from"], "until": record["quiet_until"]}
        block |= {name: list(record[name]) for name in _LISTS}
    wordings = [_draw(key, one) for key, one in state["wordings"].items()]
    return block | ({"wordings": wordings} if wordings else {})


def _draw(key: object, record: Record) -> Record:
    names = ("kind", "channel", "locale", "starts_on")
    block: Record = dict(zip(names, key, strict=True))  # type: ignore[call-overload]
    block["starts_on"] = date.fromisoformat(block["starts_on"])
    if record["subject"]:
        block["subject"] = record["subject"]
    if record["body"]:
        block["text"] = record["body"]
    return block
