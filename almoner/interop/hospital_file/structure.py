"""The sections of a hospital file and the keys of each. The published JSON Schema is made from this.

Sections 1.2, 2.1, 3.1, 4.1 and 4.2 of the specification keep the keys and the words they have there.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from almoner.enforcement.policy import PRIORITIES, REQUESTS
from almoner.interop.hospital_file.values import (
    Age,
    Amount,
    Clock,
    Code30,
    Code40,
    Code60,
    Code80,
    Condition,
    Currency,
    Day,
    GraceDays,
    LocaleName,
    LongText,
    Number,
    Percent,
    Reads,
    RuleCode,
    ShortText,
    Switch,
    Text,
    TimeZone,
    Word60,
    code_of,
    one_of,
    paragraphs_of,
    show,
    switch_or,
    text_of,
    whole_of,
)
from almoner.messaging.rules import DEFAULTS, MAXIMUM_SUBJECT
from almoner.payments.plans import INTERVALS, MAXIMUM_INSTALMENTS

MAXIMUM_BEDS = 500
BILLING_TYPES = ("one_time", "daily", "hourly", "percentage", "quantity_based", "event_triggered")
SERVICE_KINDS = ("laboratory", "medication", "procedure", "ward", "consultation", "fee", "other")
DEPARTMENT_KINDS = ("general", "specialist", "emergency", "diagnostic", "pharmacy", "ward")
BILLING_CYCLES = ("real_time", "daily_batch", "weekly_batch", "monthly_batch")
FEE_KEY = re.compile(r"[a-z0-9_]{1,49}_(fee|surcharge)")

EnabledDisabled = Annotated[str, one_of("enabled", "disabled")]
AvailableOrNot = Annotated[str, one_of("available", "not_available")]
AllowedOrNot = Annotated[str, one_of("allowed", "not_allowed")]
BillingType = Annotated[str, one_of(*BILLING_TYPES)]
LEVELS = ("strict", "moderate", "flexible", "emergency_only", "none")
RequestWord = Annotated[str, one_of(*PRIORITIES, *REQUESTS)]


def is_fee(key: str) -> bool:
    """Whether a key of a department's block is a fee: ``consultation_fee``, ``trauma_surcharge``."""
    return FEE_KEY.fullmatch(key) is not None


def _empty_block(value: Any) -> Any:
    return {} if value is None else value


class Block(BaseModel):
    """A block of keys; any other key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HospitalBlock(Block):
    """Which hospital this file describes. Money is in ``currency``, dates are those of ``time_zone``."""

    slug: Code60 = Field(description="The hospital's name in addresses and commands.")
    name: Text
    currency: Currency = Field(description="ISO 4217; cannot change once the books are open.")
    time_zone: TimeZone
    locale: LocaleName = "en_US"
    second_factor: Annotated[str, one_of("required", "offered")] = Field(
        "required", description="Whether those who move money or override must have a second factor."
    )
    refund_approval_above: Amount | None = Field(
        None, description="When more than this is given back of a payment, a second person approves it."
    )
    rounding_step: Amount | None = Field(None, description="The smallest amount a charge is rounded to.")


AMOUNT_SETTINGS = (
    "deferral_limit",
    "late_fee_amount",
    "late_fee_cap",
    "plan_minimum",
    "plan_maximum",
    "plan_fee_amount",
    "plan_fee_per_instalment",
    "deposit_required",
)
"""Settings that are amounts in the file and minor units (``deferral_limit_minor``) everywhere else."""


class GateSettings(Block):
    """How the gate holds or releases here; what is not said is decided by the wider block."""

    payment_plan_satisfies: Switch | None = Field(
        None, description="A plan on track releases even under strict."
    )
    deposit_satisfies: Switch | None = Field(None, description="A sufficient deposit releases.")
    deferral_hours: Annotated[int, whole_of(0, 24 * 365)] | None = Field(
        None, description="How long moderate defers an essential service."
    )
    deferral_limit: Amount | None = Field(None, description="Up to what outstanding amount moderate defers.")
    critical_triage: Annotated[int, whole_of(1, 5)] | None = Field(
        None, description="At this triage level (ESI) and below nobody is ever held."
    )
    override_triage: Annotated[int, whole_of(1, 5)] | None = Field(
        None, description="The triage level that a conditional override asks for."
    )
    hide_test_details: Switch | None = Field(
        None, description="Whether the laboratory sees tests before release."
    )
    arrangement_at_discharge: Switch | None = None
    minimum_part_percent: Annotated[int, whole_of(1, 100)] | None = Field(
        None, description="From this part of a charge on, paying releases and the rest is reminded of."
    )
    allow: tuple[RequestWord, ...] | None = Field(
        None, description="Priorities and kinds of request that are never held."
    )
    defer: tuple[RequestWord, ...] | None = Field(
        None, description="Priorities and kinds of request that may be paid later where they would be held."
    )
    override_conditions: tuple[Code40, ...] | None = Field(
        None, description="Conditions for which a conditional override is granted at any triage level."
    )
    critical_conditions: tuple[Condition, ...] | None = Field(
        None, description="Reasons at check-in and codes of diagnoses for which nobody is ever held."
    )
    critical_condition_triage: Annotated[int, whole_of(1, 5)] | None = Field(
        None, description="These conditions release only from this triage level on."
    )
    deposit_low_days: Annotated[int, whole_of(0, 60)] | None = Field(
        None, description="A stay asks for more when its deposit lasts for fewer days than that."
    )
    deposit_required: Amount | None = Field(
        None, description="The deposit that authorizes a bed or an operation beforehand."
    )
    late_fees: EnabledDisabled | None = Field(
        None, description="Whether what stays unpaid past its grace bears a fee (the service late_fee)."
    )
    late_fee_percent: Number | None = Field(None, description="Percent of what is overdue, 0 to 100.")
    late_fee_amount: Amount | None = Field(None, description="A fixed amount beside the percentage.")
    late_fee_period: Annotated[str, one_of("daily", "weekly", "monthly")] | None = Field(
        None, description="How often a fee is charged; monthly."
    )
    late_fee_cap: Amount | None = Field(None, description="The most that a visit's late fees come to.")
    auto_payment_plans: EnabledDisabled | None = Field(
        None, description="Whether a payment plan is offered by the rules below."
    )
    plan_minimum: Amount | None = Field(None, description="A plan is offered from this amount on.")
    plan_maximum: Amount | None = Field(None, description="A plan is offered up to this amount.")
    plan_instalments: Annotated[int, whole_of(1, MAXIMUM_INSTALMENTS)] | None = Field(
        None, description="How many instalments an offered plan has; 3."
    )
    plan_interval: Annotated[str, one_of(*INTERVALS)] | None = Field(
        None, description="How far apart they are; monthly."
    )
    plan_down_percent: Annotated[int, whole_of(0, 90)] | None = Field(
        None, description="Percent of the total that is due at once; 25."
    )
    plan_history_months: Annotated[int, whole_of(0, 120)] | None = Field(
        None, description="For how many months no instalment may have been missed; 12."
    )
    plan_fee_amount: Amount | None = Field(
        None, description="What agreeing on a plan costs (the service plan_fee)."
    )
    plan_fee_per_instalment: Amount | None = Field(
        None, description="What each instalment after the down payment costs."
    )


REMINDERS = "Whether patients are written to about what falls due, is overdue, or a deposit that runs low."


class PolicySettings(GateSettings):
    """What a block may say about its department, module or category of patients."""

    payment_enforcement: Annotated[str, one_of(*LEVELS)] | None = None
    emergency_override: Annotated[bool | str, switch_or("always", "conditional", "never")] | None = None
    payment_plans: AvailableOrNot | None = None
    grace_period: GraceDays | None = None
    service_blocking: EnabledDisabled | None = None
    partial_payment: AllowedOrNot | None = None
    payment_reminders: EnabledDisabled | None = Field(None, description=REMINDERS)


class Department(PolicySettings):
    """A department as section 1.2 writes it: any key ending in ``_fee`` or ``_surcharge`` is a fee."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text | None = None
    kind: Annotated[str, one_of(*DEPARTMENT_KINDS)] | None = None
    payment_required_before_consultation: Switch | None = None


_POLICY_KEYS = tuple(PolicySettings.model_fields)
_GATE_KEYS = tuple(GateSettings.model_fields)
POLICY_KEYS = (*(key for key in _POLICY_KEYS if key not in _GATE_KEYS), *_GATE_KEYS)
DEPARTMENT_KEYS = (*(key for key in Department.model_fields if key not in _POLICY_KEYS), *POLICY_KEYS)
_NOT_POLICY = {"name", "kind"}
DEPARTMENT_POLICY_KEYS = tuple(key for key in DEPARTMENT_KEYS if key not in _NOT_POLICY)


class WardCharge(Block):
    """A charge of a ward by one of the types of section 2.1."""

    code: Code40
    name: LongText
    billing_type: BillingType
    amount: Amount


def _read_beds(value: Any) -> tuple[str, ...]:
    expected = f"a list of bed codes, or a number of beds up to {MAXIMUM_BEDS}"
    if isinstance(value, list):
        codes = tuple(code_of(20).read(entry) for entry in value)
    elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        codes = tuple(f"{number:02d}" for number in range(1, min(int(value), MAXIMUM_BEDS + 1) + 1))
    else:
        raise ValueError(f"Expected {expected}, got {show(value)}.")
    if len(codes) > MAXIMUM_BEDS:
        raise ValueError(f"Expected {expected}.")
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise ValueError(f"Expected every bed once, {', '.join(twice)} stands twice.")
    return codes


_BEDS_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAXIMUM_BEDS},
        {"type": "array", "items": code_of(20).schema, "maxItems": MAXIMUM_BEDS, "uniqueItems": True},
    ]
}


class Ward(Block):
    """A ward. ``ward_type`` is the class that prices and charges depend on."""

    name: Text | None = None
    ward_type: Code40
    department: Code60
    beds: Annotated[tuple[str, ...], Reads(_read_beds, _BEDS_SCHEMA)] = ()
    charges: tuple[WardCharge, ...] = ()


class BillingRules(GateSettings):
    """What section 4.2 says about one service, and the keys that any block may have."""

    charge_timing: (
        Annotated[str, one_of("on_checkin", "before_service", "during_service", "after_service")] | None
    ) = None
    payment_required: Annotated[str, one_of("mandatory", "optional", "deferred")] | None = None
    payment_timing: Annotated[str, one_of("immediate", "within_24h", "end_of_visit", "monthly")] | None = None
    emergency_override: Annotated[str, one_of("allowed", "not_allowed")] | None = None
    partial_payment: AllowedOrNot | None = None
    payment_plans: AvailableOrNot | None = None
    grace_period: GraceDays | None = None
    service_blocking: EnabledDisabled | None = None
    payment_reminders: EnabledDisabled | None = Field(None, description=REMINDERS)


_BILLING_KEYS = tuple(key for key in BillingRules.model_fields if key not in _GATE_KEYS)
BILLING_KEYS = (*_BILLING_KEYS, *_GATE_KEYS)


class ServiceRules(Block):
    """An entry of ``Per Service Configuration`` as section 4.2 prints it."""

    service_id: Code80
    billing_rules: BillingRules


class Service(Block):
    """Something with a price. Without ``price`` it is charged as unpriced, until somebody sets one.

    Services that come from a department's fee, a ward's charge or a package may be refined here: their
    name, tax, flags and billing rules.
    """

    name: LongText | None = None
    kind: Annotated[str, one_of(*SERVICE_KINDS)] | None = None
    department: Code60 | None = None
    price: Amount | None = None
    price_from: Day | None = None
    tax: Code40 | None = None
    flags: tuple[Code40, ...] | None = None
    substitutes: tuple[Code80, ...] | None = Field(
        None, description="Medications that the pharmacy may hand out in this one's place."
    )
    billing_rules: BillingRules | None = None


class Tax(Block):
    """A tax in percent; ``inclusive``: listed prices contain it."""

    name: ShortText
    percent: Percent
    inclusive: Switch = False


class TariffLine(Block):
    """A price for some: the payer, patient category, ward type or department that it names."""

    service: Code80
    price: Amount
    tariff: Code60 = "standard"
    payer: Code60 | None = None
    patient_category: Code40 | None = None
    ward_type: Code40 | None = None
    department: Code60 | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None


class Discount(Block):
    """A reduction by ``percent`` or ``amount`` for whoever and whatever its conditions fit."""

    name: Text
    percent: Percent | None = None
    amount: Amount | None = None
    payer: Code60 | None = None
    patient_category: Code40 | None = None
    department: Code60 | None = None
    service_kind: Annotated[str, one_of(*SERVICE_KINDS)] | None = None
    service: Code80 | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None


class Package(Block):
    """A fixed price for a set of services; charging the service of the package's code buys it."""

    name: Text
    price: Amount
    services: tuple[Code80, ...]
    starts_on: Day | None = None
    ends_on: Day | None = None


class Named(Block):
    """A payer."""

    name: Text


class CashPoint(Block):
    """A till or counter with a series of receipts of its own."""

    name: ShortText


class ChargeRule(Block):
    """What an event charges, beyond what the departments' fees and the wards' charges say."""

    event_kind: Word60
    service: Code80 | None = Field(None, description="Empty: the service of each line of the event.")
    department: Code60 | None = None
    department_kind: Annotated[str, one_of(*DEPARTMENT_KINDS)] | None = None
    ward_type: Code40 | None = None
    per_line: Switch = False
    line_flag: Code40 | None = None
    once_per: Annotated[str, one_of("patient", "encounter")] | None = None
    charge_type: BillingType = "one_time"
    planned: Switch | None = Field(
        None, description="Foreseen, not posted; daily charges are, unless told otherwise."
    )
    delivered_on_capture: Switch = False
    required_at: tuple[Word60, ...] = ()


class WardBillingTemplate(Block):
    """A named set of charge definitions and the ward types it holds in (section 7.3)."""

    name: Text
    ward_types: tuple[Code40, ...] = ()


class RateTier(Block):
    """Units ``first`` to ``last`` (without it: and all above) cost ``rate`` each."""

    first: Annotated[int, whole_of(1, 1_000_000)]
    last: Annotated[int, whole_of(1, 1_000_000)] | None = None
    rate: Amount


class PercentageBase(Block):
    """What a percentage is taken of; without kinds, services and definitions: of everything."""

    of: Annotated[str, one_of("charges", "outstanding")] = "charges"
    stage: Annotated[str, one_of("gross", "discounted", "net")] = "net"
    service_kinds: tuple[Annotated[str, one_of(*SERVICE_KINDS)], ...] = ()
    services: tuple[Code80, ...] = ()
    definitions: tuple[Code80, ...] = ()


class ChargeDefinition(Block):
    """A version of how something is charged (sections 2.1 and 2.2); docs/explanation/ward-charges.md explains it.

    ``name`` makes a service of the code for it. An entry of the same code and a later ``starts_on`` is its next version.
    """

    code: Code80
    name: LongText | None = None
    service: Code80 | None = Field(
        None, description="What is charged; the service of the same code without it."
    )
    billing_type: BillingType
    rate: Amount | None = Field(None, description="Without it the tariffs of the service give the price.")
    percent: Percent | None = None
    base: PercentageBase | None = None
    free_units: Annotated[int, whole_of(0, 10_000)] = 0
    tiers: tuple[RateTier, ...] = ()
    minimum: Amount | None = None
    cap: Amount | None = None
    cap_per: Annotated[str, one_of("charge", "day", "stay")] | None = None
    rounding: Amount | None = Field(
        None, description="The smallest amount that a charge of it is rounded to."
    )
    day_rule: Annotated[str, one_of("full", "by_hour", "noon_to_noon", "free_until")] = "full"
    free_minutes: Annotated[int, whole_of(0, 1439)] = 0
    template: Code80 | None = None
    ward_types: tuple[Code40, ...] = ()
    patient_categories: tuple[Code40, ...] = ()
    departments: tuple[Code60, ...] = ()
    triggered_by: tuple[Word60, ...] = Field((), description="The events that trigger it.")
    condition: Annotated[str, text_of(500)] | None = Field(None, description="In CEL: patient_age >= 65.")
    payment_requirement: Annotated[str, one_of("immediate", "deferred", "plan")] | None = None
    required_at: tuple[Word60, ...] = ()
    starts_on: Day | None = None
    ends_on: Day | None = None
    active: Switch = True


class GlobalEnforcement(Block):
    """The hospital's rule, where no department or service says otherwise (section 4.1)."""

    global_policy: Annotated[str, one_of("strict", "moderate", "flexible", "emergency_only")] | None = None
    emergency_override: Annotated[str, one_of("always", "conditional", "never")] | None = None
    payment_plans: EnabledDisabled | None = None
    grace_periods: GraceDays | None = None


class ServicePolicies(Block):
    """What holds for every service (section 4.1)."""

    require_payment_before_service: Annotated[str, one_of("by_service_type")] | None = None
    allow_partial_payments: EnabledDisabled | None = None
    auto_payment_plans: EnabledDisabled | None = None
    payment_reminders: EnabledDisabled | None = None


class BillingCycles(Block):
    """The legend of section 4.1: what each cycle means. ``billing_cycle`` chooses one."""

    real_time: LongText | None = None
    daily_batch: LongText | None = None
    weekly_batch: LongText | None = None
    monthly_batch: LongText | None = None


class SystemConfiguration(Block):
    """Section 4.1."""

    payment_enforcement: GlobalEnforcement | None = None
    service_policies: ServicePolicies | None = None
    billing_cycles: BillingCycles | None = None
    billing_cycle: Annotated[str, one_of(*BILLING_CYCLES)] = "real_time"
    gate: GateSettings | None = None


class ReferenceRange(Block):
    """What is usual for whom, both bounds included; beyond the critical bounds somebody is told at once."""

    sex: Annotated[str, one_of("female", "male")] | None = Field(None, description="Left out: everybody.")
    from_age: Age | None = None
    below_age: Age | None = None
    low: Number | None = None
    high: Number | None = None
    critical_low: Number | None = None
    critical_high: Number | None = None


class TestParameter(Block):
    """A value that a test gives. Of several ranges that fit a patient the most specific one holds."""

    name: Text
    unit: Annotated[str, text_of(40)] | None = None
    ranges: tuple[ReferenceRange, ...] = ()


class LaboratoryTest(Block):
    """How the test of a laboratory service is done; without ``parameters`` it gives one value."""

    specimen: Annotated[str, text_of(80)] | None = Field(
        None, description="What is collected: tests of one specimen share a sample."
    )
    instructions: LongText | None = None
    parameters: dict[Code40, TestParameter] = Field(default_factory=dict)


class Laboratory(Block):
    """How the laboratory works, and its tests by the codes of their services."""

    verify_results: Switch = Field(
        False, description="Whether a second person verifies a result before it is released."
    )
    tests: dict[Code80, Annotated[LaboratoryTest, BeforeValidator(_empty_block)]] = Field(
        default_factory=dict
    )


class QuietHoursBlock(Block):
    """Nothing is sent to patients from one time of the day until another, over midnight if need be."""

    starts: Clock = Field(alias="from")
    until: Clock


class MessageWording(Block):
    """The hospital's own words for a message to patients from a day on; without ``text`` the shipped ones again."""

    kind: Annotated[str, text_of(60)] = Field(description="Such as balance.overdue.")
    channel: Annotated[str, one_of("email", "sms")]
    locale: Annotated[str, text_of(10)] = Field(description="The language: en, es or hi.")
    starts_on: Day | None = None
    subject: Annotated[str, text_of(MAXIMUM_SUBJECT)] | None = None
    text: Annotated[str, paragraphs_of(4000)] | None = Field(
        None, description="What stands between {{ and }} is filled in: hospital, amount, day, reference."
    )


class Messaging(Block):
    """How the hospital writes to its patients. ``payment_reminders`` says where it reminds them."""

    quiet_hours: QuietHoursBlock | None = None
    channels: tuple[Annotated[str, one_of("email", "sms")], ...] = Field(
        DEFAULTS.channels, description="The first one that reaches a patient is taken."
    )
    days_before: tuple[Annotated[int, whole_of(0, 90)], ...] = Field(
        DEFAULTS.days_before, description="How many days before something falls due."
    )
    days_after: tuple[Annotated[int, whole_of(1, 90)], ...] = Field(
        DEFAULTS.days_after, description="How many days after something is overdue."
    )
    wordings: tuple[MessageWording, ...] = ()


class EnforcementLevels(Block):
    """The description of the levels (section 3.1)."""

    strict: tuple[LongText, ...] | None = None
    moderate: tuple[LongText, ...] | None = None
    flexible: tuple[LongText, ...] | None = None
    emergency_override: tuple[LongText, ...] | None = None


class WardBillingTypes(Block):
    """Which names of charges go by which type (section 2.1)."""

    one_time: tuple[LongText, ...] | None = None
    daily: tuple[LongText, ...] | None = None
    hourly: tuple[LongText, ...] | None = None
    percentage: tuple[LongText, ...] | None = None
    quantity_based: tuple[LongText, ...] | None = None
    event_triggered: tuple[LongText, ...] | None = None


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


DepartmentBlock = Annotated[Department, BeforeValidator(_empty_block)]
PolicyBlock = Annotated[PolicySettings, BeforeValidator(_empty_block)]


class HospitalFile(Block):
    """A hospital in one file: what it is, offers and asks for."""

    hospital: HospitalBlock
    departments: dict[Code60, DepartmentBlock] = Field(default_factory=dict)
    wards: dict[Code60, Ward] = Field(default_factory=dict)
    services: dict[Code80, Annotated[Service, BeforeValidator(_empty_block)]] = Field(default_factory=dict)
    per_service_configuration: Annotated[tuple[ServiceRules, ...], BeforeValidator(_as_list)] = ()
    taxes: dict[Code40, Tax] = Field(default_factory=dict)
    tariffs: tuple[TariffLine, ...] = ()
    discounts: dict[Code60, Discount] = Field(default_factory=dict)
    packages: dict[Code80, Package] = Field(default_factory=dict)
    payers: dict[Code60, Named] = Field(default_factory=dict)
    cash_points: dict[Code30, CashPoint] = Field(default_factory=dict)
    charge_rules: dict[RuleCode, ChargeRule] = Field(default_factory=dict)
    ward_billing_templates: dict[Code80, WardBillingTemplate] = Field(default_factory=dict)
    charge_definitions: tuple[ChargeDefinition, ...] = ()
    system_configuration: SystemConfiguration = Field(default_factory=SystemConfiguration)
    module_rules: dict[Code40, PolicyBlock] = Field(default_factory=dict)
    patient_categories: dict[Code40, PolicyBlock] = Field(default_factory=dict)
    laboratory: Laboratory | None = None
    messaging: Messaging | None = None
    payment_enforcement_levels: EnforcementLevels | None = None
    ward_billing_types: WardBillingTypes | None = None


SECTIONS = tuple(HospitalFile.model_fields)


def section_name(title: str) -> str:
    """``System Configuration``, as the specification prints it, is ``system_configuration``."""
    return re.sub(r"[\s-]+", "_", title.strip().lower())
