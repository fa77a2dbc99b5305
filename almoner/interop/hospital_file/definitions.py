"""Charge definitions and ward billing templates of a file: into the state, and from it into a file again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from almoner.charging.definition_terms import DefinitionTerms, check_terms
from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.compilation import Compilation
from almoner.interop.hospital_file.problems import Path
from almoner.interop.hospital_file.state import BEGINNING, Key, Record, State
from almoner.kernel.errors import DomainError

TERMS = (
    "service",
    "billing_type",
    "rate_minor",
    "percent",
    "base",
    "free_units",
    "tiers",
    "minimum_minor",
    "cap_minor",
    "cap_per",
    "rounding_minor",
    "day_rule",
    "free_minutes",
    "template",
    "ward_types",
    "patient_categories",
    "departments",
    "event_kinds",
    "condition",
    "payment_requirement",
    "required_at",
    "ends_on",
    "is_active",
)
"""What a record of a charge definition holds; its key is the code and the first day."""
_KEYS = {"event_kinds": "triggered_by"}
_NAMES = {
    "ward_types": "ward_type",
    "departments": "department",
}


class Definitions:
    """Compiles both sections into the state of ``compilation``."""

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        self.blocks = compilation.file.charge_definitions
        self.named = {
            block.code: block.base.definitions if block.base is not None else () for block in self.blocks
        }

    def compile(self) -> None:
        names = self.compilation.names
        for code, template in self.compilation.file.ward_billing_templates.items():
            path: Path = ("ward_billing_templates", code)
            for index, ward_type in enumerate(template.ward_types):
                names.check("ward_type", ward_type, (*path, "ward_types", index))
            record = {"name": template.name, "ward_types": template.ward_types}
            self.compilation.add("ward_billing_templates", code, record, path)
        for index, block in enumerate(self.blocks):
            self._definition(block, self.compilation.place(("charge_definitions",), index))
        self._follow_one_another()

    def _definition(self, block: structure.ChargeDefinition, path: Path) -> None:
        names, starts_on = self.compilation.names, block.starts_on or BEGINNING
        names.check("service", block.service or block.code, (*path, "service" if block.service else "code"))
        names.check("template", block.template, (*path, "template"))
        for field, sort in _NAMES.items():
            for index, name in enumerate(getattr(block, field)):
                names.check(sort, name, (*path, field, index))
        if block.base is not None:
            for index, name in enumerate(block.base.services):
                names.check("service", name, (*path, "base", "services", index))
        record = self._record(block, path)
        try:
            check_terms(terms_of((block.code, starts_on.isoformat()), record), self.named)
        except DomainError as error:
            key = error.field.split("[")[0]
            key = _KEYS.get(key, key.removesuffix("_minor"))
            place = (*path, key) if self.compilation.document.has((*path, key)) else path
            self.compilation.document.refuse(place, error.message)
        self.compilation.add("charge_definitions", (block.code, starts_on.isoformat()), record, path)

    def _record(self, block: structure.ChargeDefinition, path: Path) -> Record:
        def minor(key: str, otherwise: int | None) -> int | None:
            text = getattr(block, key)
            return otherwise if text is None else self.compilation.amount(text, *path, key)

        tiers = tuple(
            (tier.first, tier.last, self.compilation.amount(tier.rate, *path, "tiers", index, "rate"))
            for index, tier in enumerate(block.tiers)
        )
        return {
            "service": block.service or block.code,
            "billing_type": block.billing_type,
            "rate_minor": minor("rate", None),
            "percent": block.percent,
            "base": _base(block.base),
            "free_units": block.free_units,
            "tiers": tiers,
            "minimum_minor": minor("minimum", 0),
            "cap_minor": minor("cap", None),
            "cap_per": block.cap_per or "",
            "rounding_minor": minor("rounding", 1),
            "day_rule": block.day_rule,
            "free_minutes": block.free_minutes,
            "template": block.template or "",
            "ward_types": block.ward_types,
            "patient_categories": block.patient_categories,
            "departments": block.departments,
            "event_kinds": block.triggered_by,
            "condition": block.condition or "",
            "payment_requirement": block.payment_requirement or "",
            "required_at": block.required_at,
            "ends_on": block.ends_on,
            "is_active": block.active,
        }

    def _follow_one_another(self) -> None:
        """A version without an end ends the day before the next one; two in force at once are refused."""
        section = self.compilation.state["charge_definitions"]
        for key, following in _successors(section):
            ends_on, next_day = section[key]["ends_on"], date.fromisoformat(following[1])
            if ends_on is None:
                section[key]["ends_on"] = next_day - timedelta(days=1)
            elif ends_on >= next_day:
                self.compilation.document.refuse(
                    self.compilation.places["charge_definitions", following],
                    f"The version from {key[1]} is in force until {ends_on}: expected a later first day.",
                )


def _successors(section: dict[Key, Record]) -> list[tuple[Key, Key]]:
    keys = sorted(section)
    return [(one, other) for one, other in pairwise(keys) if one[0] == other[0]]


def _base(block: structure.PercentageBase | None) -> Record:
    """The base in the words that the database keeps: what it does not say is left out."""
    if block is None:
        return {}
    said = {key: list(value) if isinstance(value, tuple) else value for key, value in block}
    return {key: value for key, value in said.items() if value}


def terms_of(key: Key, record: Record, service_name: str = "") -> DefinitionTerms:
    """A record of the state as the terms that ``charging.definitions`` takes."""
    return DefinitionTerms(
        code=key[0],
        starts_on=date.fromisoformat(key[1]),
        service_name=service_name,
        **{**record, "base": dict(record["base"])},
    )


def keep(old: State, new: State) -> None:
    """Let what a file does not speak of stay: definitions that staff made are ended, never taken away by a file."""
    for section in ("ward_billing_templates", "charge_definitions"):
        for key, record in old[section].items():
            if key in new[section]:
                continue
            new[section][key] = record
            service = record.get("service", "")
            if service and service not in new["services"] and service in old["services"]:
                new["services"][service] = old["services"][service]


def draw_definition(
    key: Key, record: Record, name: str, amount: Callable[[int], Any], number: Callable[[Any], Any]
) -> Record:
    """A definition as a block of the file; ``amount`` and ``number`` write minor units and percentages."""
    block: Record = {"code": key[0]}
    if name:
        block["name"] = name
    if record["service"] != key[0]:
        block["service"] = record["service"]
    block["billing_type"] = record["billing_type"]
    for field in ("rate_minor", "cap_minor"):
        if record[field] is not None:
            block[field.removesuffix("_minor")] = amount(record[field])
    if record["percent"] is not None:
        block["percent"] = number(record["percent"])
    if record["minimum_minor"]:
        block["minimum"] = amount(record["minimum_minor"])
    if record["rounding_minor"] != 1:
        block["rounding"] = amount(record["rounding_minor"])
    if record["tiers"]:
        block["tiers"] = [
            {"first": first, **({} if last is None else {"last": last}), "rate": amount(rate)}
            for first, last, rate in record["tiers"]
        ]
    if record["day_rule"] != "full":
        block["day_rule"] = record["day_rule"]
    for field in ("base", "free_units", "free_minutes", "cap_per", "template", "condition"):
        if record[field]:
            block[field] = record[field]
    for field in ("ward_types", "patient_categories", "departments", "event_kinds", "required_at"):
        if record[field]:
            block[_KEYS.get(field, field)] = list(record[field])
    if record["payment_requirement"]:
        block["payment_requirement"] = record["payment_requirement"]
    if key[1] != BEGINNING.isoformat():
        block["starts_on"] = date.fromisoformat(key[1])
    if record["ends_on"] is not None:
        block["ends_on"] = record["ends_on"]
    if not record["is_active"]:
        block["active"] = False
    return block
