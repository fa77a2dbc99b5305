"""Settings, changes and previews in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.forms import BoundField
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from almoner.administration.policies.forms import BEFORE_CONSULTATION, PolicyForm
from almoner.administration.policies.lines import (
    AMOUNT,
    CHOICE,
    CODES,
    LINES,
    REQUEST_TITLES,
    REQUESTS,
    SECTIONS,
    Line,
    form_value,
    lines_of,
)
from almoner.administration.policies.queries import Block, Names
from almoner.enforcement.policy import Policies
from almoner.enforcement.preview import Example, Preview
from almoner.hospitals.models import ConfigurationVersion
from almoner.kernel.service_points import steps
from almoner.pages.presenters import Formats

SCOPES = {
    "hospital": gettext_lazy("Hospital"),
    "module": gettext_lazy("Module"),
    "department": gettext_lazy("Department"),
    "service": gettext_lazy("Service"),
    "patient_category": gettext_lazy("Patient category"),
}
OUTCOMES = {
    "allowed": gettext_lazy("allowed"),
    "reminded": gettext_lazy("reminded"),
    "deferred": gettext_lazy("deferred"),
    "held": gettext_lazy("held"),
    "overridden": gettext_lazy("overridden"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A setting on the page of a block: what can be chosen, what is in force and who says so."""

    field: BoundField
    value: str
    source: str
    own: bool


@dataclass(frozen=True, slots=True)
class Section:
    title: Any
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A block on the overview with what is in force for it."""

    title: str
    url: str
    level: str
    source: str
    override: str
    grace: str
    own: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    number: int
    when: str
    by: str
    changes: tuple[str, ...]
    more: str = ""

    def shortened(self, limit: int) -> VersionRow:
        """The row with the first ``limit`` changes."""
        left = len(self.changes) - limit
        if left <= 0:
            return self
        more = ngettext("and %(count)d more", "and %(count)d more", left) % {"count": left}
        return replace(self, changes=self.changes[:limit], more=more)


@dataclass(frozen=True, slots=True)
class PlaceRow:
    department: str
    module: str
    asked: int
    newly_held: int
    newly_released: int
    earlier: str
    later: str


@dataclass(frozen=True, slots=True)
class ExampleRow:
    patient: str
    mrn: str
    url: str
    what: str
    when: str
    before: Any
    after: Any
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class PreviewPanel:
    """What a change would have done. ``changes`` are its settings, before and after."""

    changes: tuple[tuple[Any, str, str], ...]
    days: str
    services: str
    held: int
    released: int
    earlier: str
    later: str
    places: tuple[PlaceRow, ...]
    held_examples: tuple[ExampleRow, ...]
    released_examples: tuple[ExampleRow, ...]


def in_words(line: Line, value: Any, formats: Formats) -> str:
    """A setting as people read it; ``value`` as the form holds it."""
    if line.kind == CHOICE:
        return str(line.titles.get(str(value), value)).split(":")[0] if value != "" else _("not said")
    if line.setting == "defer" and not value:
        return _("what moderate calls essential")
    if line.kind in (REQUESTS, CODES):
        return ", ".join(str(REQUEST_TITLES.get(code, code)) for code in value) or _("nothing")
    if value == "":
        return _("none")
    if line.kind == AMOUNT:
        return formats.money(value)
    return f"{value} {line.unit}".strip()


def said_by(block: Block) -> dict[str, Any]:
    """What the block says itself, as the form holds it."""
    return {
        line.setting: form_value(line, getattr(block.said, line.setting, block.raw.get(line.setting)))
        for line in lines_of(block.scope)
    }


def inherited_by(block: Block, formats: Formats, names: Names) -> dict[str, str]:
    """What holds where the block says nothing, in words and with its source."""
    found = {}
    for line in lines_of(block.scope):
        value = form_value(line, getattr(block.inherited, line.setting, None))
        source = block.wider.source(line.setting, **block.asked) if _is_gates(line) else "default"
        found[line.setting] = f"{in_words(line, value, formats)} ({source_in_words(source, names)})"
        if not _is_gates(line):
            found[line.setting] = _("as the hospital's billing cycle says")
    return found


def _is_gates(line: Line) -> bool:
    return line.setting in Policies(0).hospital.__dataclass_fields__


def source_in_words(source: str, names: Names) -> str:
    """``department:cardiology`` as people read it."""
    scope, _colon, subject = source.partition(":")
    if scope == "default":
        return _("as delivered")
    title = str(SCOPES[scope])
    return f"{title}: {names.of(scope, subject)}" if subject else title


def _said_by(source: str, scope: str, subject: str, names: Names) -> str:
    here = f"{scope}:{subject}" if subject else scope
    return _("said here") if source == here else source_in_words(source, names)


def sections(form: PolicyForm, block: Block, formats: Formats, names: Names) -> list[Section]:
    """The page of a block."""
    shown = []
    for title, lines in SECTIONS:
        rows = tuple(_row(form, line, block, formats, names) for line in lines if block.scope in line.keys)
        if rows:
            shown.append(Section(title, rows))
    return shown


def _row(form: PolicyForm, line: Line, block: Block, formats: Formats, names: Names) -> Row:
    own = form.said[line.setting] not in ("", [])
    if _is_gates(line):
        value = form_value(line, getattr(block.effective, line.setting))
        source = _said_by(
            block.policies.source(line.setting, **block.asked), block.scope, block.subject, names
        )
    else:
        value = form.said[line.setting]
        source = _("said here") if own else ""
    return Row(form[line.setting], in_words(line, value, formats), source, own)


def summary(
    policies: Policies, scope: str, subjects: list[tuple[str, str]], formats: Formats, names: Names
) -> Iterator[SummaryRow]:
    """The blocks of one scope as the overview shows them."""
    by_setting = {line.setting: line for line in LINES}
    asked = {"patient_category": "category"}.get(scope, scope)
    for subject, title in subjects:
        place = {asked: subject} if subject else {}
        settings = policies.resolve(**place)
        own = policies.block(scope, subject)
        yield SummaryRow(
            title=title,
            url=block_url(scope, subject),
            level=in_words(by_setting["level"], form_value(by_setting["level"], settings.level), formats),
            source=_said_by(policies.source("level", **place), scope, subject, names),
            override=in_words(
                by_setting["override"], form_value(by_setting["override"], settings.override), formats
            ),
            grace=ngettext("%(days)d day", "%(days)d days", settings.grace_days or 0)
            % {"days": settings.grace_days or 0},
            own=sum(getattr(own, line.setting, None) is not None for line in lines_of(scope)),
        )


def block_url(scope: str, subject: str) -> str:
    """Where the settings of a block are."""
    if scope == "hospital":
        return reverse("policies:hospital", args=[scope])
    return reverse("policies:block", args=[scope, subject])


_DESCRIBED = ("payment_enforcement_levels.", "ward_billing_types.")
"""What a file tells about its words; it sets nothing."""


def version_rows(
    versions: list[ConfigurationVersion],
    formats: Formats,
    names: Names,
    *,
    today: date,
    only: tuple[str, str] | None = None,
) -> list[VersionRow]:
    """Versions with what they changed, of the block ``only`` when it is given."""
    return [
        VersionRow(
            number=version.number,
            when=formats.moment(version.loaded_at, today=today),
            by=formats.person(version.loaded_by),
            changes=tuple(
                f"{_place(change, names)}{_change(key, change['settings'][key], formats)}"
                for change in version.policies
                if only in (None, (change["scope"], change["subject"]))
                for key in change["settings"]
                if not key.startswith(_DESCRIBED)
            ),
        )
        for version in versions
    ]


def _place(change: Mapping[str, Any], names: Names) -> str:
    title = str(SCOPES.get(change["scope"], change["scope"]))
    subject = change["subject"]
    return f"{title} {names.of(change['scope'], subject)}, " if subject else f"{title}, "


def _change(key: str, values: Mapping[str, Any], formats: Formats) -> str:
    name = key.rpartition(".")[2]
    name = "payment_enforcement" if name == BEFORE_CONSULTATION else name
    line = next((line for line in LINES if name in line.keys.values()), None)
    title = str(line.title) if line else name.replace("_", " ")
    old, new = (_word(line, values[when], formats) for when in ("old", "new"))
    return f"{title}: {old} → {new}"


def _word(line: Line | None, value: Any, formats: Formats) -> str:
    """A value in the file's words, as people read it."""
    if value is None:
        return _("not said")
    if line is not None and line.setting == "level" and isinstance(value, bool):
        return in_words(line, "strict" if value else "flexible", formats)
    if line is not None and line.setting == "override" and isinstance(value, bool):
        return in_words(line, "always" if value else "never", formats)
    if line is not None and line.kind == CHOICE:
        for words in line.words.values():
            for form_word, file_word in words.items():
                if file_word == value:
                    return in_words(line, form_word, formats)
        return in_words(line, form_value(line, value), formats)
    return in_words(line, value, formats) if line is not None else str(value)


def changes_of(form: PolicyForm, formats: Formats) -> tuple[tuple[Any, str, str], ...]:
    """What a valid form changes: the setting, before, after."""
    return tuple(
        (
            line.title,
            in_words(line, form.said[line.setting], formats),
            in_words(line, form.value_of(line), formats),
        )
        for line in form.changed()
    )


def preview_panel(
    result: Preview,
    changes: tuple[tuple[Any, str, str], ...],
    days: int,
    patients: Mapping[Any, tuple[str, str]],
    formats: Formats,
    names: Names,
    *,
    today: date,
) -> PreviewPanel:
    """A preview as the page shows it: departments with a difference first, the largest first."""
    total = result.total
    places = sorted(
        result.by_place.items(), key=lambda one: (-(one[1].newly_held + one[1].newly_released), one[0])
    )
    return PreviewPanel(
        changes=changes,
        days=ngettext("the last day", "the last %(days)d days", days) % {"days": days},
        services=ngettext("%(count)s service was asked for", "%(count)s services were asked for", total.asked)
        % {"count": f"{total.asked:,}"},
        held=total.newly_held,
        released=total.newly_released,
        earlier=formats.money(total.earlier_minor),
        later=formats.money(total.later_minor),
        places=tuple(
            PlaceRow(
                department=names.of("department", department),
                module=names.of("module", module),
                asked=one.asked,
                newly_held=one.newly_held,
                newly_released=one.newly_released,
                earlier=formats.money(one.earlier_minor),
                later=formats.money(one.later_minor),
            )
            for (department, module), one in places
            if one.newly_held or one.newly_released
        ),
        held_examples=tuple(_example(one, patients, formats, today) for one in reversed(result.held)),
        released_examples=tuple(_example(one, patients, formats, today) for one in reversed(result.released)),
    )


def _example(
    one: Example, patients: Mapping[Any, tuple[str, str]], formats: Formats, today: date
) -> ExampleRow:
    name, mrn = patients.get(one.patient_id, ("", ""))
    known = steps()
    return ExampleRow(
        patient=name,
        mrn=mrn,
        url=reverse("patient", args=[one.patient_id]),
        what=str(known[one.step].title) if one.step in known else one.step,
        when=formats.moment(one.decided_at, today=today),
        before=OUTCOMES[one.before],
        after=OUTCOMES[one.after.outcome.value],
        amount=formats.money(one.due_minor),
        reason=one.after.reason,
    )
