"""What the hospital asks for, in one vocabulary.

Files spell it in several ways (sections 1.2, 3.1, 4.1, 4.2); ``read_settings`` turns each spelling into
``Settings`` and refuses a block that says two different things for one step. ``Policies.resolve``
finds the most specific setting: the service's, else the department's, else the hospital's. The whole
table of spellings is in docs/explanation/gate.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from almoner.kernel.errors import DomainError


class Level(StrEnum):
    """How hard an unpaid service is held (section 3.1)."""

    STRICT = "strict"
    MODERATE = "moderate"
    FLEXIBLE = "flexible"
    NONE = "none"


class OverrideRule(StrEnum):
    """Whether staff may override: always, when the triage level asks for it, never."""

    ALWAYS = "always"
    CONDITIONAL = "conditional"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Settings:
    """One block of settings; None: says nothing about it, the wider block decides.

    ``grace_days`` run from the due date. ``deferral_hours`` and ``deferral_limit_minor`` bound what
    moderate defers. ``critical_triage`` and ``override_triage`` are ESI levels: at or below them a case
    is critical (never held), or serious enough for a conditional override.
    """

    level: Level | None = None
    override: OverrideRule | None = None
    blocking: bool | None = None
    grace_days: int | None = None
    plan_offered: bool | None = None
    plan_satisfies: bool | None = None
    deposit_satisfies: bool | None = None
    deferral_hours: int | None = None
    deferral_limit_minor: int | None = None
    critical_triage: int | None = None
    override_triage: int | None = None
    hide_details: bool | None = None
    arrangement_at_discharge: bool | None = None


DEFAULTS = Settings(
    level=Level.FLEXIBLE,
    override=OverrideRule.ALWAYS,
    blocking=True,
    grace_days=0,
    plan_offered=True,
    plan_satisfies=False,
    deposit_satisfies=True,
    deferral_hours=72,
    critical_triage=2,
    override_triage=3,
    hide_details=True,
    arrangement_at_discharge=True,
)

_LEVELS = {level.value: level for level in Level} | {"emergency_only": Level.STRICT}
_REQUIRED = {"mandatory": Level.STRICT, "deferred": Level.MODERATE, "optional": Level.FLEXIBLE}
_OVERRIDES = {
    "true": OverrideRule.ALWAYS,
    "allowed": OverrideRule.ALWAYS,
    "always": OverrideRule.ALWAYS,
    "conditional": OverrideRule.CONDITIONAL,
    "false": OverrideRule.NEVER,
    "not_allowed": OverrideRule.NEVER,
    "never": OverrideRule.NEVER,
}
_SWITCHES = {
    "true": True,
    "false": False,
    "enabled": True,
    "disabled": False,
    "available": True,
    "not_available": False,
    "allowed": True,
    "not_allowed": False,
}


def _word(value: Any) -> str:
    return str(value).strip().lower()


def _choice(table: Mapping[str, Any], key: str, value: Any) -> Any:
    word = _word(value)
    if word not in table:
        raise DomainError(
            f"{key}: expected one of {', '.join(table)}, got {value!r}.", field=key, code="invalid_setting"
        )
    return table[word]


def _days(key: str, value: Any) -> int:
    match = re.fullmatch(r"(\d+)(?:\s*days?)?", _word(value))
    if match is None or int(match[1]) > 30:
        raise DomainError(f"{key}: expected 0 to 30 days, got {value!r}.", field=key, code="invalid_setting")
    return int(match[1])


def _whole(low: int, high: int) -> Any:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise DomainError(
                f"{key}: expected a whole number from {low} to {high}, got {value!r}.",
                field=key,
                code="invalid_setting",
            )
        return value

    return read


def _from(table: Mapping[str, Any]) -> Any:
    return lambda key, value: _choice(table, key, value)


# file key -> (setting, how to read it)
_KEYS: dict[str, tuple[str, Any]] = {
    "payment_enforcement": ("level", _from({level.value: level for level in Level})),
    "global_policy": ("level", _from(_LEVELS)),
    "payment_required_before_consultation": (
        "level",
        _from({"true": Level.STRICT, "false": Level.FLEXIBLE}),
    ),
    "payment_required": ("level", _from(_REQUIRED)),
    "emergency_override": ("override", _from(_OVERRIDES)),
    "service_blocking": ("blocking", _from(_SWITCHES)),
    "grace_periods": ("grace_days", _days),
    "grace_period": ("grace_days", _days),
    "payment_plans": ("plan_offered", _from(_SWITCHES)),
    "payment_plan_satisfies": ("plan_satisfies", _from(_SWITCHES)),
    "deposit_satisfies": ("deposit_satisfies", _from(_SWITCHES)),
    "deferral_hours": ("deferral_hours", _whole(0, 24 * 365)),
    "deferral_limit_minor": ("deferral_limit_minor", _whole(0, 10**13)),
    "critical_triage": ("critical_triage", _whole(1, 5)),
    "override_triage": ("override_triage", _whole(1, 5)),
    "hide_test_details": ("hide_details", _from(_SWITCHES)),
    "arrangement_at_discharge": ("arrangement_at_discharge", _from(_SWITCHES)),
}


def read_settings(scope: str, settings: Mapping[str, Any]) -> Settings:
    """``settings`` of a policy row in the one vocabulary; keys that concern no gate are passed over.

    ``scope`` is hospital, department or service; a hospital's block nests (section 4.1). Raises
    ``DomainError`` (its ``field`` is the key) for a value outside the vocabulary, and when two keys of
    one block contradict each other.
    """
    flat = list(settings.items())
    if scope == "hospital":
        blocks = [settings.get(name) or {} for name in ("payment_enforcement", "service_policies", "gate")]
        flat = [said for block in blocks for said in block.items()]
    found: dict[str, tuple[str, Any]] = {}
    for key, value in flat:
        if key not in _KEYS or value is None:
            continue
        name, read = _KEYS[key]
        setting = read(key, value)
        if name in found and found[name][1] != setting:
            raise DomainError(
                f"{found[name][0]} and {key} say two different things for one step.",
                field=key,
                code="contradictory_settings",
            )
        found[name] = (key, setting)
    return Settings(**{name: setting for name, (_, setting) in found.items()})


def _narrow(wide: Settings, narrow: Settings) -> Settings:
    """``wide`` with what ``narrow`` says in its place."""
    said = {
        item.name: getattr(narrow, item.name)
        for item in fields(narrow)
        if getattr(narrow, item.name) is not None
    }
    return replace(wide, **said)


@dataclass(frozen=True, slots=True)
class Policies:
    """All settings of a hospital as of one configuration version."""

    version: int
    hospital: Settings = field(default_factory=Settings)
    departments: Mapping[str, Settings] = field(default_factory=dict)
    services: Mapping[str, Settings] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], Settings] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def resolve(self, *, department: str = "", service: str = "") -> Settings:
        """The settings in force for a service of a department: every value is set."""
        known = self._resolved.get((department, service))
        if known is None:
            known = self._resolved[department, service] = self._resolve(department, service)
        return known

    def _resolve(self, department: str, service: str) -> Settings:
        settings = _narrow(DEFAULTS, self.hospital)
        settings = _narrow(settings, self.departments.get(department, Settings()))
        settings = _narrow(settings, self.services.get(service, Settings()))
        if settings.blocking is False and settings.level in (Level.STRICT, Level.MODERATE):
            settings = replace(settings, level=Level.FLEXIBLE)
        return settings
