"""What the hospital asks for, in one vocabulary.

Files spell it in several ways (sections 1.2, 3.1, 3.2, 4.1, 4.2); ``read_settings`` turns each spelling into
``Settings`` and refuses a block that says two different things for one step. ``Policies.resolve``
finds the most specific setting: the patient category's, else the service's, else the department's, else the
module's, else the hospital's. The whole table of spellings is in docs/explanation/gate.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext

from almoner.kernel.errors import DomainError
from almoner.payments.plans import INTERVALS, MAXIMUM_INSTALMENTS, Frequency

PERMISSION_SET_POLICY = "enforcement.set_policy"
SCOPES = ("hospital", "module", "department", "service", "patient_category")
"""Where a block of settings stands, the widest first: each one wins over those before it."""
PRIORITIES = ("stat", "urgent", "routine")
REQUESTS = ("first", "follow_up", "maintenance", "elective")
ESSENTIAL = ("stat", "urgent", "follow_up", "maintenance")
"""What moderate defers where no block names its own list (section 3.1, "blocks non-essential services")."""


class Level(StrEnum):
    """How hard an unpaid service is held (section 3.1), the hardest first.

    ``emergency_only`` (section 4.1): nothing but a payment or an emergency lets a service go ahead.
    """

    EMERGENCY_ONLY = "emergency_only"
    STRICT = "strict"
    MODERATE = "moderate"
    FLEXIBLE = "flexible"
    NONE = "none"


class OverrideRule(StrEnum):
    """Whether staff may override: always, when the triage level asks for it, never."""

    ALWAYS = "always"
    CONDITIONAL = "conditional"
    NEVER = "never"


class FeePeriod(StrEnum):
    """How often a late fee is charged while something stays unpaid (section 4.2)."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ChargeTiming(StrEnum):
    """When a service's charge is asked for (section 4.2): from check-in on at every step of its service point,
    at its own step, once the service has been given at every later one there, or at no step before discharge."""

    ON_CHECKIN = "on_checkin"
    BEFORE_SERVICE = "before_service"
    DURING_SERVICE = "during_service"
    AFTER_SERVICE = "after_service"


@dataclass(frozen=True, slots=True)
class Settings:
    """One block of settings; None: says nothing about it, the wider block decides.

    ``grace_days`` run from the due date. ``deferral_hours`` and ``deferral_limit_minor`` bound what
    moderate defers. ``critical_triage`` and ``override_triage`` are ESI levels: at or below them a case
    is critical (never held), or serious enough for a conditional override; ``override_conditions`` are the
    conditions (codes) that are serious enough whatever the level. ``critical_conditions`` make a case critical by
    themselves, or from the triage level ``critical_condition_triage`` on (section 8.1, "based on patient
    condition and triage level"). ``partial_payment``: whether a part of a
    charge may be paid; from ``minimum_part_percent`` of it on, the rest is only reminded of. ``allow`` and
    ``defer`` name priorities and kinds of request: never held, or deferred where it would be held.
    ``deposit_required_minor``: the step asks for a deposit of that much instead of the charge: it authorizes a
    bed or an operation beforehand. ``deposit_low_days``: a stay asks for more when its deposit lasts for fewer days than that.
    ``late_fees``: whether what stays unpaid past its grace bears a fee, of ``late_fee_percent`` and
    ``late_fee_amount_minor`` once a ``late_fee_period``, at most ``late_fee_cap_minor`` for a visit
    (``enforcement.late_fees``). ``reminders``: whether patients are written to about what falls due, is overdue,
    or about a deposit that runs low (``enforcement.reminders``).
    ``auto_plans``: whether a plan is offered without anybody working one out (``enforcement.plan_offers``), of
    ``plan_minimum_minor`` to ``plan_maximum_minor``, in ``plan_instalments`` a ``plan_interval`` apart after
    ``plan_down_percent`` at once, to who missed no instalment for ``plan_history_months``. Any plan costs
    ``plan_fee_amount_minor``, and ``plan_fee_per_instalment_minor`` for each instalment after the down payment.
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
    charge_timing: ChargeTiming | None = None
    partial_payment: bool | None = None
    minimum_part_percent: int | None = None
    allow: tuple[str, ...] | None = None
    defer: tuple[str, ...] | None = None
    override_conditions: tuple[str, ...] | None = None
    critical_conditions: tuple[str, ...] | None = None
    critical_condition_triage: int | None = None
    deposit_low_days: int | None = None
    deposit_required_minor: int | None = None
    late_fees: bool | None = None
    late_fee_percent: Decimal | None = None
    late_fee_amount_minor: int | None = None
    late_fee_period: FeePeriod | None = None
    late_fee_cap_minor: int | None = None
    reminders: bool | None = None
    auto_plans: bool | None = None
    plan_minimum_minor: int | None = None
    plan_maximum_minor: int | None = None
    plan_instalments: int | None = None
    plan_interval: Frequency | None = None
    plan_down_percent: int | None = None
    plan_history_months: int | None = None
    plan_fee_amount_minor: int | None = None
    plan_fee_per_instalment_minor: int | None = None


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
    charge_timing=ChargeTiming.BEFORE_SERVICE,
    partial_payment=True,
    allow=(),
    override_conditions=(),
    critical_conditions=(),
    deposit_low_days=2,
    late_fees=False,
    late_fee_period=FeePeriod.MONTHLY,
    reminders=False,
    auto_plans=False,
    plan_instalments=3,
    plan_interval=Frequency.MONTHLY,
    plan_down_percent=25,
    plan_history_months=12,
)

_LEVELS = {level.value: level for level in Level}
HOLDING = (Level.EMERGENCY_ONLY, Level.STRICT, Level.MODERATE)
"""The levels that hold; blocking switched off caps them at flexible."""
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
            gettext("%(key)s: expected one of %(table)s, got %(value)r.")
            % {"key": key, "table": ", ".join(table), "value": value},
            field=key,
            code="invalid_setting",
        )
    return table[word]


def _days(key: str, value: Any) -> int:
    match = re.fullmatch(r"(\d+)(?:\s*days?)?", _word(value))
    if match is None or int(match[1]) > 30:
        raise DomainError(
            gettext("%(key)s: expected 0 to 30 days, got %(value)r.") % {"key": key, "value": value},
            field=key,
            code="invalid_setting",
        )
    return int(match[1])


def _whole(low: int, high: int) -> Any:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise DomainError(
                gettext("%(key)s: expected a whole number from %(low)s to %(high)s, got %(value)r.")
                % {"key": key, "low": low, "high": high, "value": value},
                field=key,
                code="invalid_setting",
            )
        return value

    return read


def _percent(key: str, value: Any) -> Decimal:
    try:
        percent = Decimal(_word(value))
    except InvalidOperation:
        percent = Decimal(-1)
    if not (percent.is_finite() and 0 <= percent <= 100):
        raise DomainError(
            gettext("%(key)s: expected 0 to 100 percent, got %(value)r.") % {"key": key, "value": value},
            field=key,
            code="invalid_setting",
        )
    return percent


def _from(table: Mapping[str, Any]) -> Any:
    return lambda key, value: _choice(table, key, value)


def _codes(key: str, value: Any) -> tuple[str, ...]:
    entries = value if isinstance(value, list | tuple) else [value]
    codes = tuple(dict.fromkeys(_word(entry) for entry in entries))
    for code in codes:
        if not re.fullmatch(r"[a-z0-9_-]{1,40}", code):
            raise DomainError(
                gettext("%(key)s: expected a list of codes, got %(code)r.") % {"key": key, "code": code},
                field=key,
                code="invalid_setting",
            )
    return codes


def _conditions(key: str, value: Any) -> tuple[str, ...]:
    """Codes that may be ICD-10's, too: ``i21``, ``i21.9``."""
    entries = value if isinstance(value, list | tuple) else [value]
    codes = tuple(dict.fromkeys(_word(entry) for entry in entries))
    for code in codes:
        if not re.fullmatch(r"[a-z0-9_-]{1,40}|[a-z][0-9][0-9a-z]\.[0-9a-z]{1,4}", code):
            raise DomainError(
                gettext("%(key)s: expected codes such as chest_pain or I21.9, got %(code)r.")
                % {"key": key, "code": code},
                field=key,
                code="invalid_setting",
            )
    return codes


def _requests(key: str, value: Any) -> tuple[str, ...]:
    codes = _codes(key, value)
    known = (*PRIORITIES, *REQUESTS)
    for code in codes:
        if code not in known:
            raise DomainError(
                gettext("%(key)s: expected a list out of %(known)s, got %(code)r.")
                % {"key": key, "known": ", ".join(known), "code": code},
                field=key,
                code="invalid_setting",
            )
    return codes


# file key -> (setting, how to read it)
_KEYS: dict[str, tuple[str, Any]] = {
    "payment_enforcement": ("level", _from(_LEVELS)),
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
    "charge_timing": ("charge_timing", _from({timing.value: timing for timing in ChargeTiming})),
    "partial_payment": ("partial_payment", _from(_SWITCHES)),
    "allow_partial_payments": ("partial_payment", _from(_SWITCHES)),
    "minimum_part_percent": ("minimum_part_percent", _whole(1, 100)),
    "allow": ("allow", _requests),
    "defer": ("defer", _requests),
    "override_conditions": ("override_conditions", _codes),
    "critical_conditions": ("critical_conditions", _conditions),
    "critical_condition_triage": ("critical_condition_triage", _whole(1, 5)),
    "deposit_low_days": ("deposit_low_days", _whole(0, 60)),
    "deposit_required_minor": ("deposit_required_minor", _whole(0, 10**13)),
    "late_fees": ("late_fees", _from(_SWITCHES)),
    "late_fee_percent": ("late_fee_percent", _percent),
    "late_fee_amount_minor": ("late_fee_amount_minor", _whole(0, 10**13)),
    "late_fee_period": ("late_fee_period", _from({period.value: period for period in FeePeriod})),
    "late_fee_cap_minor": ("late_fee_cap_minor", _whole(0, 10**13)),
    "payment_reminders": ("reminders", _from(_SWITCHES)),
    "auto_payment_plans": ("auto_plans", _from(_SWITCHES)),
    "plan_minimum_minor": ("plan_minimum_minor", _whole(1, 10**13)),
    "plan_maximum_minor": ("plan_maximum_minor", _whole(1, 10**13)),
    "plan_instalments": ("plan_instalments", _whole(1, MAXIMUM_INSTALMENTS)),
    "plan_interval": ("plan_interval", _from({interval.value: interval for interval in INTERVALS})),
    "plan_down_percent": ("plan_down_percent", _whole(0, 90)),
    "plan_history_months": ("plan_history_months", _whole(0, 120)),
    "plan_fee_amount_minor": ("plan_fee_amount_minor", _whole(0, 10**13)),
    "plan_fee_per_instalment_minor": ("plan_fee_per_instalment_minor", _whole(0, 10**13)),
}


def keys_of(scope: str, settings: Mapping[str, Any], setting: str) -> tuple[str, str]:
    """Where a block says ``setting``: the part of a hospital's block ("" elsewhere), and the key that it uses."""
    parts = settings.items() if scope == "hospital" else [("", settings)]
    said = (
        (name, key)
        for name, part in parts
        if isinstance(part, Mapping)
        for key in part
        if key in _KEYS and _KEYS[key][0] == setting
    )
    return next(said, ("", setting))


def read_settings(scope: str, settings: Mapping[str, Any]) -> Settings:
    """``settings`` of a policy row in the one vocabulary; keys that concern no gate are passed over.

    ``scope`` is one of ``SCOPES``; a hospital's block nests (section 4.1). Raises
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
                gettext("%(found)s and %(key)s say two different things for one step.")
                % {"found": found[name][0], "key": key},
                field=key,
                code="contradictory_settings",
            )
        found[name] = (key, setting)
    read_block = Settings(**{name: setting for name, (_, setting) in found.items()})
    _check_plan_amounts(read_block)
    return read_block


def _check_plan_amounts(block: Settings) -> None:
    least, most = block.plan_minimum_minor, block.plan_maximum_minor
    if least is not None and most is not None and least > most:
        raise DomainError(
            gettext("plan_maximum: no amount is from the minimum to the maximum of a plan that is offered."),
            field="plan_maximum_minor",
            code="contradictory_settings",
        )


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
    """All settings of a hospital as of one configuration version; each map goes from code to block."""

    version: int
    hospital: Settings = field(default_factory=Settings)
    departments: Mapping[str, Settings] = field(default_factory=dict)
    services: Mapping[str, Settings] = field(default_factory=dict)
    modules: Mapping[str, Settings] = field(default_factory=dict)
    categories: Mapping[str, Settings] = field(default_factory=dict)
    _resolved: dict[tuple[str, str, str, str], Settings] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def resolve(
        self, *, department: str = "", service: str = "", module: str = "", category: str = ""
    ) -> Settings:
        """The settings in force for a service of a department, asked for at a module (the label of a service
        point) for a patient of ``category``: every value that has a default is set."""
        known = self._resolved.get((department, service, module, category))
        if known is None:
            known = self._resolve(department, service, module, category)
            self._resolved[department, service, module, category] = known
        return known

    def _blocks(
        self, department: str, service: str, module: str, category: str
    ) -> Iterator[tuple[str, Settings]]:
        """Every block that is about the four, the widest first, with its name (``department:cardiology``)."""
        yield "default", DEFAULTS
        yield "hospital", self.hospital
        for scope, subject, blocks in (
            ("module", module, self.modules),
            ("department", department, self.departments),
            ("service", service, self.services),
            ("patient_category", category, self.categories),
        ):
            if subject in blocks:
                yield f"{scope}:{subject}", blocks[subject]

    def _resolve(self, department: str, service: str, module: str, category: str) -> Settings:
        settings = Settings()
        for _, block in self._blocks(department, service, module, category):
            settings = _narrow(settings, block)
        if settings.blocking is False and settings.level in HOLDING:
            settings = replace(settings, level=Level.FLEXIBLE)
        return settings

    def source(
        self, name: str, *, department: str = "", service: str = "", module: str = "", category: str = ""
    ) -> str:
        """Which block said the setting ``name`` that ``resolve`` gives: ``default``, ``hospital``, or the scope
        and its subject, such as ``department:cardiology``. A level that was capped was said by ``blocking``."""
        blocks = list(self._blocks(department, service, module, category))
        said = [
            (source, getattr(block, name)) for source, block in blocks if getattr(block, name) is not None
        ]
        if not said:
            return "default"
        if name == "level" and said[-1][1] in HOLDING:
            blocking = [(source, block.blocking) for source, block in blocks if block.blocking is not None]
            if blocking[-1][1] is False:
                return blocking[-1][0]
        return said[-1][0]

    def _of_scope(self, scope: str) -> tuple[str, Mapping[str, Settings]]:
        names = {
            "module": "modules",
            "department": "departments",
            "service": "services",
            "patient_category": "categories",
        }
        return names[scope], getattr(self, names[scope])

    def block(self, scope: str, subject: str = "") -> Settings:
        """What the block of ``scope`` and ``subject`` says itself."""
        return self.hospital if scope == "hospital" else self._of_scope(scope)[1].get(subject, Settings())

    def without(self, scope: str, subject: str = "") -> Policies:
        """The same policies, if that block said nothing."""
        if scope == "hospital":
            return replace(self, hospital=Settings())
        name, blocks = self._of_scope(scope)
        left = {code: block for code, block in blocks.items() if code != subject}
        return replace(self, **{name: left})  # type: ignore[arg-type]

    def largest_deposit(self) -> int:
        """The largest deposit that any block asks for; 0 when none does."""
        return max((block.deposit_required_minor or 0 for block in self.blocks()), default=0)

    def offers_plans(self) -> bool:
        """Whether any block offers payment plans by rule."""
        return any(block.auto_plans for block in self.blocks())

    def limits_deferral(self) -> bool:
        """Whether any block limits what may be outstanding when a service is deferred."""
        return any(block.deferral_limit_minor is not None for block in self.blocks())

    def limits_parts(self) -> bool:
        """Whether any block lets a part of a charge be enough."""
        return any(block.minimum_part_percent is not None for block in self.blocks())

    def limits_hours(self) -> list[int]:
        """Every number of hours after its due date at which a charge may be judged otherwise, ascending."""
        blocks = [DEFAULTS, *self.blocks()]
        grace = {24 * block.grace_days for block in blocks if block.grace_days is not None}
        return sorted(grace | {block.deferral_hours for block in blocks if block.deferral_hours is not None})

    def critical_conditions(self) -> tuple[str, ...]:
        """Every condition that some block calls critical."""
        said = (code for block in self.blocks() for code in block.critical_conditions or ())
        return tuple(dict.fromkeys(said))

    def blocks(self) -> Iterator[Settings]:
        """Every block there is."""
        yield self.hospital
        for scope in (self.modules, self.departments, self.services, self.categories):
            yield from scope.values()

    def services_asked_elsewhere(self) -> list[str]:
        """Services whose charge may be asked for at steps that are not its own (``charge_timing``)."""
        moved = (ChargeTiming.ON_CHECKIN, ChargeTiming.DURING_SERVICE)
        return sorted(code for code, block in self.services.items() if block.charge_timing in moved)


def read_policies(version: int, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Policies:
    """The policies that rows of (scope, subject, settings) state. Raises ``DomainError`` as ``read_settings``."""
    read: dict[str, dict[str, Settings]] = {scope: {} for scope in SCOPES}
    for scope, subject, settings in rows:
        read[scope][subject] = read_settings(scope, settings)
    return Policies(
        version=version,
        hospital=read["hospital"].get("", Settings()),
        departments=read["department"],
        services=read["service"],
        modules=read["module"],
        categories=read["patient_category"],
    )
