"""What would change: two states compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from almoner.interop.hospital_file.state import SECTIONS, Key, PriceKey, Record, State
from almoner.kernel.money import Money

ADDED, CHANGED, REMOVED = "added", "changed", "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is added, changed or removed. ``fields``: name, then (old, new); None where absent."""

    kind: str
    section: str
    key: Key
    fields: dict[str, tuple[Any, Any]]

    @property
    def label(self) -> str:
        """The key as people read it."""
        if isinstance(self.key, PriceKey):
            price = self.key
            conditions = [price.payer, price.patient_category, price.ward_type, price.department]
            given = ", ".join(condition for condition in conditions if condition)
            return f"{price.service}{f' for {given}' if given else ''} from {price.starts_on}"
        if isinstance(self.key, tuple):
            return " ".join(part for part in self.key if part)
        return self.key

    def describe(self, currency: str) -> list[str]:
        """A line for each field: ``price: $75.00 -> $80.00``."""
        lines = []
        for name, (old, new) in self.fields.items():
            title = name.removesuffix("_minor").replace("_", " ")
            if self.kind == CHANGED:
                lines.append(f"{title}: {_show(name, old, currency)} -> {_show(name, new, currency)}")
            else:
                lines.append(f"{title}: {_show(name, new if self.kind == ADDED else old, currency)}")
        return lines

    def as_data(self) -> dict[str, Any]:
        """For programs; amounts are minor units."""
        return {
            "change": self.kind,
            "section": self.section,
            "key": self.label,
            "fields": {name: {"old": old, "new": new} for name, (old, new) in self.fields.items()},
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that a file makes at a hospital.

    ``version`` is the hospital's configuration version that the file was compared with (0: the hospital
    does not exist yet), ``document`` the whole file that is kept when the plan is carried out.
    """

    slug: str
    version: int
    new: State
    document: str
    changes: list[Change] = field(default_factory=list)

    @property
    def currency(self) -> str:
        return self.new.currency

    def count(self, kind: str) -> int:
        return sum(change.kind == kind for change in self.changes)

    def of(self, section: str, *kinds: str) -> list[Key]:
        """The keys of ``section`` whose change is one of ``kinds``."""
        return [change.key for change in self.changes if change.section == section and change.kind in kinds]


def compare(old: State, new: State) -> list[Change]:
    """The changes that lead from ``old`` to ``new``, section by section."""
    changes = []
    for section in SECTIONS:
        before, after = old[section], new[section]
        for key, record in after.items():
            if key not in before:
                changes.append(Change(ADDED, section, key, dict(_said(section, record, ADDED))))
            elif before[key] != record:
                changes.append(Change(CHANGED, section, key, dict(_differences(before[key], record))))
        for key, record in before.items():
            if key not in after:
                changes.append(Change(REMOVED, section, key, dict(_said(section, record, REMOVED))))
    return changes


def _flat(record: Record, prefix: str = "") -> Record:
    """``record`` with the blocks inside it opened: ``gate.deferral_hours``."""
    flat: Record = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _said(section: str, record: Record, kind: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What a record says: not its empty fields, and of switches only a policy's say something when off."""
    for name, value in _flat(record).items():
        if value in ("", (), None) or (value is False and section != "policies"):
            continue
        yield name, (None, value) if kind == ADDED else (value, None)


def _differences(old: Record, new: Record) -> Iterator[tuple[str, tuple[Any, Any]]]:
    old, new = _flat(old), _flat(new)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield name, (old.get(name), new.get(name))


def _show(name: str, value: Any, currency: str) -> str:
    if value is None or value == "" or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_minor"):
        return Money(value, currency).format()
    if isinstance(value, tuple | list):
        return ", ".join(str(entry) for entry in value)
    return str(value)
