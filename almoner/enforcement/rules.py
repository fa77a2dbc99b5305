"""May this service go ahead? One pure function, tested as a table (docs/explanation/gate.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

from almoner.enforcement.conditions import named_condition
from almoner.enforcement.policy import ESSENTIAL, ChargeTiming, Level, OverrideRule, Policies, Settings
from almoner.enforcement.required_deposits import RequiredDeposit, required_deposit
from almoner.kernel.money import Money
from almoner.kernel.sentences import Sentence

EMERGENCY_REQUEST = "emergency"
"""What is asked for as an emergency: an emergency medication (section 3.2)."""


class Outcome(StrEnum):
    ALLOWED = "allowed"
    REMINDED = "reminded"
    DEFERRED = "deferred"
    HELD = "held"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class DueItem:
    """A charge that the step may need. ``due_minor`` None: no price is known. ``planned``: an advance.

    ``steps``: those that its rule asks for it at (empty: the step of the facts), ``module``: whose they are;
    ``delivered``: given already.
    """

    charge_item_id: UUID
    service: str
    name: str
    department: str
    net_minor: int | None
    due_minor: int | None
    due_at: datetime
    priority: str = "routine"
    request_type: str = "first"
    planned: bool = False
    steps: tuple[str, ...] = ()
    module: str = ""
    delivered: bool = False

    def is_one_of(self, requests: tuple[str, ...]) -> bool:
        """Whether its priority or its kind of request is named."""
        return self.priority in requests or self.request_type in requests


@dataclass(frozen=True, slots=True)
class OverrideInForce:
    override_id: UUID
    by: str
    reason: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision is made from. Amounts in minor units of ``currency``; ``module`` is the label of the
    service point that the step belongs to. ``conditions``: the reason the patient came for, in words, and the codes
    of the visit's diagnoses that stand."""

    step: str
    currency: str
    items: tuple[DueItem, ...] = ()
    department: str = ""
    department_kind: str = ""
    encounter_class: str = ""
    triage_level: int | None = None
    outstanding_minor: int = 0
    deposit_minor: int = 0
    plan_status: str = ""
    overrides: tuple[OverrideInForce, ...] = ()
    conceals_details: bool = False
    settles_encounter: bool = False
    module: str = ""
    patient_category: str = ""
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """What can be done about a held step, and the permission it needs."""

    code: str
    title: str | Promise
    permission: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with a reason that can be read out. ``due_minor`` is what is unpaid for the step;
    ``says`` is the reason for every language.

    ``deposit`` is the one that the step asks for beforehand, if it asks for one.

    ``setting`` decided, and stands in the block ``source`` (``default``, ``hospital``, ``department:cardiology``);
    both are empty when no setting was asked.
    """

    outcome: Outcome
    reason_code: str
    says: Sentence
    due_minor: int
    currency: str
    until: datetime | None = None
    options: tuple[Option, ...] = ()
    by: str = ""
    concerned: tuple[UUID, ...] = field(default_factory=tuple)
    setting: str = ""
    source: str = ""
    deposit: RequiredDeposit | None = None

    @property
    def reason(self) -> str:
        """The reason in the language of whoever reads it."""
        return self.says.read()

    @property
    def may_proceed(self) -> bool:
        return self.outcome is not Outcome.HELD

    def as_data(self) -> dict[str, Any]:
        """For storing and for the wire."""
        return {
            "outcome": self.outcome.value,
            "reason_code": self.reason_code,
            "reason": self.reason,
            "due_minor": self.due_minor,
            "currency": self.currency,
            "until": self.until,
            "options": [
                {"code": option.code, "title": str(option.title), "permission": option.permission}
                for option in self.options
            ],
            "setting": self.setting,
            "source": self.source,
            "deposit_asked_minor": self.deposit.asked_minor if self.deposit else 0,
            "deposit_given_minor": self.deposit.given_minor if self.deposit else 0,
        }


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one unpaid charge says."""

    outcome: Outcome
    code: str
    item: DueItem
    until: datetime | None = None


_SEVERITY = [Outcome.HELD, Outcome.DEFERRED, Outcome.REMINDED, Outcome.ALLOWED]


def is_emergency(facts: Facts, settings: Settings) -> bool:
    """Emergency department, emergency encounter, or critical triage: never held (section 8.1)."""
    return _is_emergency_visit(facts) or _is_critical(facts, settings)


def critical_condition(facts: Facts, settings: Settings) -> str:
    """The condition that makes the case critical by itself, or from the triage level that it asks for; or ""."""
    from_level = settings.critical_condition_triage
    if from_level is not None and (facts.triage_level is None or facts.triage_level > from_level):
        return ""
    return named_condition(settings.critical_conditions or (), facts.conditions)


def _is_emergency_visit(facts: Facts) -> bool:
    return facts.department_kind == "emergency" or facts.encounter_class == "emergency"


def _is_critical(facts: Facts, settings: Settings) -> bool:
    return facts.triage_level is not None and facts.triage_level <= (settings.critical_triage or 0)


def _asked_as_emergency(facts: Facts, unpaid: list[DueItem]) -> bool:
    """Whether all that is unpaid was ordered as an emergency (section 3.2); discharge settles those, too."""
    return (
        bool(unpaid)
        and not facts.settles_encounter
        and all(item.request_type == EMERGENCY_REQUEST for item in unpaid)
    )


def decide(policies: Policies, facts: Facts, at: datetime) -> Decision:
    """The gate's answer at ``at``: the first rule that fits decides."""
    visit_settings = _settings_of(policies, facts)
    unpaid, later = _unpaid(policies, facts)
    due_minor = sum(item.due_minor or 0 for item in unpaid)
    deposit = _required_deposit(policies, facts, unpaid)

    def answer(
        outcome: Outcome, code: str, says: Sentence, item: DueItem | None = None, **more: Any
    ) -> Decision:
        setting, source = _decided_by(policies, facts, code, item)
        ids = tuple(item.charge_item_id for item in unpaid)
        return Decision(
            outcome,
            code,
            says,
            due_minor,
            facts.currency,
            concerned=ids,
            setting=setting,
            source=source,
            deposit=deposit,
            **more,
        )

    if is_emergency(facts, visit_settings) and not facts.settles_encounter:
        return answer(
            Outcome.OVERRIDDEN,
            "emergency",
            Sentence(_("Emergency care is never held; charges are kept for later.")),
            by="system:emergency",
        )
    condition = "" if facts.settles_encounter else critical_condition(facts, visit_settings)
    if condition:
        return answer(
            Outcome.OVERRIDDEN,
            "critical_condition",
            Sentence(
                _("Critical condition (%(condition)s), which is never held; charges are kept for later."),
                {"condition": condition},
            ),
            by="system:emergency",
        )
    if _asked_as_emergency(facts, unpaid):
        return answer(
            Outcome.OVERRIDDEN,
            "emergency_order",
            Sentence(_("Ordered as an emergency, which is never held; charges are kept for later.")),
            by="system:emergency",
        )
    for override in facts.overrides:
        if override.expires_at > at:
            return answer(
                Outcome.OVERRIDDEN,
                "override",
                Sentence(
                    _("Released by %(who)s: %(reason)s"), {"who": override.by, "reason": override.reason}
                ),
                until=override.expires_at,
                by=override.by,
            )
    if not unpaid and later:
        unpaid, due_minor = later, sum(item.due_minor or 0 for item in later)
        return answer(
            Outcome.ALLOWED, "asked_later", Sentence(_("Payment is asked for after this service.")), later[0]
        )
    if not unpaid:
        return answer(Outcome.ALLOWED, "nothing_due", Sentence(_("Nothing is due for this step.")))
    if deposit is not None:
        asking, others = _by_deposit(policies, facts, unpaid)
        due_minor = deposit.short_minor + sum(item.due_minor or 0 for item in others)
        if not deposit.short_minor and not others:
            return answer(Outcome.ALLOWED, "deposit_held", _deposit_says(facts, deposit, asking), asking[0])
        if not deposit.short_minor:
            unpaid = others
            facts = replace(facts, deposit_minor=facts.deposit_minor - deposit.held_minor)
    if not (deposit and deposit.short_minor) and _deposit_covers(policies, facts, unpaid, due_minor):
        return answer(
            Outcome.ALLOWED, "deposit", Sentence(_("The patient's deposit covers this step.")), unpaid[0]
        )
    verdicts = [_judge(policies, facts, item, at) for item in unpaid]
    worst = min(verdicts, key=lambda verdict: _SEVERITY.index(verdict.outcome))
    alike = [verdict for verdict in verdicts if verdict.outcome is worst.outcome]
    if worst.outcome is Outcome.HELD:
        asked_beforehand = deposit is not None and deposit.short_minor > 0
        return answer(
            Outcome.HELD,
            "deposit_required" if asked_beforehand else worst.code,
            _deposit_says(facts, deposit, *_by_deposit(policies, facts, unpaid))
            if deposit is not None and asked_beforehand
            else _held_reason(facts, alike),
            worst.item,
            options=_options(_settings_of(policies, facts, worst.item), visit_settings),
        )
    amount = Money(due_minor, facts.currency)
    if worst.outcome is Outcome.DEFERRED:
        untils = [verdict.until for verdict in alike if verdict.until]
        until = min(untils) if untils else None
        says = Sentence(_("Go ahead; %(amount)s is due."), {"amount": amount})
        if until:
            says = Sentence(
                _("Go ahead; %(amount)s is due by %(until)s."), {"amount": amount, "until": until}
            )
        return answer(worst.outcome, worst.code, says, worst.item, until=until)
    if worst.outcome is Outcome.REMINDED:
        says = Sentence(_("Go ahead, and remind the patient that %(amount)s is due."), {"amount": amount})
        if not due_minor:
            says = Sentence(
                _("Go ahead; the price of this service is not known yet and will be billed later.")
            )
        return answer(worst.outcome, worst.code, says, worst.item)
    return answer(worst.outcome, worst.code, Sentence(_ALLOWED[worst.code]), worst.item)


_ALLOWED = {
    "plan": _("A payment plan is on track."),
    "always_allowed": _("This kind of request always goes ahead here; it is billed."),
    "not_enforced": _("Payment is not asked for at this step."),
}
_SETTINGS = {
    "payment_required": "level",
    "reminder": "level",
    "not_enforced": "level",
    "unpriced": "level",
    "not_essential": "level",
    "plan": "plan_satisfies",
    "deposit": "deposit_satisfies",
    "grace": "grace_days",
    "essential": "deferral_hours",
    "deferral_expired": "deferral_hours",
    "deferral_limit": "deferral_limit_minor",
    "deposit_held": "deposit_required_minor",
    "deposit_required": "deposit_required_minor",
    "asked_later": "charge_timing",
    "part_paid": "minimum_part_percent",
    "always_allowed": "allow",
    "critical_condition": "critical_conditions",
}
"""Which setting a reason rests on. Emergencies by department or kind of visit, overrides and steps that need
nothing rest on none."""


def _decided_by(policies: Policies, facts: Facts, code: str, item: DueItem | None) -> tuple[str, str]:
    """The setting that decided and the block that says it."""
    setting = _SETTINGS.get(code, "")
    if code == "emergency" and not _is_emergency_visit(facts):
        setting = "critical_triage"
    if not setting:
        return "", ""
    settings = _settings_of(policies, facts, item)
    if (
        facts.settles_encounter
        and setting in ("level", "plan_satisfies")
        and settings.arrangement_at_discharge
    ):
        setting = "arrangement_at_discharge"
    elif code == "plan" and settings.level is not Level.STRICT:
        setting = "level"
    return setting, policies.source(setting, **_subject(facts, item))


def _subject(facts: Facts, item: DueItem | None) -> dict[str, str]:
    """What ``Policies.resolve`` is asked about; the visit's department when ``item`` names none."""
    return {
        "department": (item.department if item else "") or facts.department,
        "service": item.service if item else "",
        "module": facts.module,
        "category": facts.patient_category,
    }


def _settings_of(policies: Policies, facts: Facts, item: DueItem | None = None) -> Settings:
    """The settings in force for one charge, or for the visit as a whole."""
    settings = policies.resolve(**_subject(facts, item))
    return _at_discharge(settings) if facts.settles_encounter else settings


def _unpaid(policies: Policies, facts: Facts) -> tuple[list[DueItem], list[DueItem]]:
    """What is unpaid and asked for at this step, and what of its own charges is asked for only later."""
    unpaid, later = [], []
    for item in facts.items:
        if item.due_minor is not None and item.due_minor <= 0:
            continue
        own = not item.steps or facts.step in item.steps
        timing = _settings_of(policies, facts, item).charge_timing
        if facts.settles_encounter or _asked_here(timing, facts, item, own):
            unpaid.append(item)
        elif own:
            later.append(item)
    return unpaid, later


def _asked_here(timing: ChargeTiming | None, facts: Facts, item: DueItem, own: bool) -> bool:
    """Whether a charge is asked for at this step before discharge; ``own``: its rule names the step (section 4.2)."""
    at_home = own or item.module == facts.module
    if timing is ChargeTiming.ON_CHECKIN:
        return at_home
    if timing is ChargeTiming.DURING_SERVICE:
        return at_home and item.delivered
    return own and timing is not ChargeTiming.AFTER_SERVICE


def _required_deposit(policies: Policies, facts: Facts, unpaid: list[DueItem]) -> RequiredDeposit | None:
    """The deposit that the step asks for beforehand; discharge settles everything and asks for none."""
    if facts.settles_encounter:
        return None
    charges = ((_settings_of(policies, facts, item), item.net_minor, item.due_minor) for item in unpaid)
    return required_deposit(charges, facts.deposit_minor)


def _by_deposit(
    policies: Policies, facts: Facts, unpaid: list[DueItem]
) -> tuple[list[DueItem], list[DueItem]]:
    """The unpaid charges that ask for a deposit beforehand, and the others."""
    asking = [item for item in unpaid if _settings_of(policies, facts, item).deposit_required_minor]
    return asking, [item for item in unpaid if item not in asking]


def _deposit_says(
    facts: Facts, deposit: RequiredDeposit, asking: list[DueItem], others: Sequence[DueItem] = ()
) -> Sentence:
    values = {
        "asked": Money(deposit.asked_minor, facts.currency),
        "given": Money(deposit.given_minor, facts.currency),
        "what": _named(facts, asking),
    }
    if not deposit.short_minor:
        return Sentence(_("The deposit of %(asked)s for %(what)s is held."), values)
    says = Sentence(_("A deposit of %(asked)s is asked for %(what)s; %(given)s of it is held."), values)
    if not others:
        return says
    amount = Money(sum(item.due_minor or 0 for item in others), facts.currency)
    text = _("Payment required: %(amount)s for %(what)s.")
    why = Sentence(text, {"amount": amount, "what": _named(facts, others)})
    return Sentence("%(says)s %(why)s", {"says": says, "why": why})


def _named(facts: Facts, items: Sequence[DueItem]) -> Sentence | str:
    """What is asked for, in words that may be told."""
    if facts.conceals_details:
        mine = all(not item.steps or facts.step in item.steps for item in items)
        return Sentence(_("this order") if mine else _("this order and what was to be paid before it"))
    return ", ".join(dict.fromkeys(item.name for item in items))


def _deposit_covers(policies: Policies, facts: Facts, unpaid: list[DueItem], due_minor: int) -> bool:
    """Whether the deposit is enough, every price is known and every setting lets a deposit satisfy."""
    return facts.deposit_minor >= due_minor and all(
        item.due_minor is not None and _settings_of(policies, facts, item).deposit_satisfies
        for item in unpaid
    )


def _at_discharge(settings: Settings) -> Settings:
    """Before discharge an arrangement is asked for, whatever the level was (sections 3.1, 8.2)."""
    if not settings.arrangement_at_discharge:
        return settings
    return replace(
        settings,
        level=Level.STRICT,
        plan_satisfies=True,
        plan_offered=True,
        minimum_part_percent=None,
        allow=(),
        defer=None,
    )


def _judge(policies: Policies, facts: Facts, item: DueItem, at: datetime) -> _Verdict:
    """The table of levels in docs/explanation/gate.md, for one unpaid charge."""
    settings = _settings_of(policies, facts, item)
    level = settings.level
    if level is Level.NONE:
        return _Verdict(Outcome.ALLOWED, "not_enforced", item)
    if item.is_one_of(settings.allow or ()):
        return _Verdict(Outcome.ALLOWED, "always_allowed", item)
    if item.due_minor is None:
        held = level in (Level.STRICT, Level.EMERGENCY_ONLY)
        return _Verdict(Outcome.HELD if held else Outcome.REMINDED, "unpriced", item)
    if level is Level.EMERGENCY_ONLY:
        return _Verdict(Outcome.HELD, "payment_required", item)
    if facts.plan_status == "on_track" and (level is not Level.STRICT or settings.plan_satisfies):
        return _Verdict(Outcome.ALLOWED, "plan", item)
    if level is Level.FLEXIBLE:
        return _Verdict(Outcome.REMINDED, "reminder", item)
    if _part_is_enough(settings, item):
        return _Verdict(Outcome.REMINDED, "part_paid", item)
    if level is Level.STRICT and not item.is_one_of(settings.defer or ()):
        return _Verdict(Outcome.HELD, "payment_required", item)
    grace_ends = item.due_at + timedelta(days=settings.grace_days or 0)
    if level is Level.MODERATE and (at < item.due_at or (settings.grace_days and at <= grace_ends)):
        return _Verdict(Outcome.DEFERRED, "grace", item, grace_ends)
    if not item.is_one_of(ESSENTIAL if settings.defer is None else settings.defer):
        return _Verdict(Outcome.HELD, "not_essential", item)
    return _deferred(settings, facts, item, at)


def _part_is_enough(settings: Settings, item: DueItem) -> bool:
    """Whether so much of the charge is paid that the rest may come later."""
    if not settings.partial_payment or settings.minimum_part_percent is None or not item.net_minor:
        return False
    paid_minor = item.net_minor - (item.due_minor or 0)
    return paid_minor * 100 >= settings.minimum_part_percent * item.net_minor


def _deferred(settings: Settings, facts: Facts, item: DueItem, at: datetime) -> _Verdict:
    """A charge that may be paid later, up to the limits of amount and time."""
    limit_minor = settings.deferral_limit_minor
    if limit_minor is not None and facts.outstanding_minor > limit_minor:
        return _Verdict(Outcome.HELD, "deferral_limit", item)
    until = item.due_at + timedelta(hours=settings.deferral_hours or 0)
    if at > until:
        return _Verdict(Outcome.HELD, "deferral_expired", item)
    return _Verdict(Outcome.DEFERRED, "essential", item, until)


_WHY = {
    "not_essential": _("Only urgent, follow-up and standing services may be deferred."),
    "deferral_limit": _("The patient owes more than may be deferred."),
    "deferral_expired": _("The time to pay later has passed."),
}


def _held_reason(facts: Facts, held: list[_Verdict]) -> Sentence:
    if any(verdict.code == "unpriced" for verdict in held):
        return Sentence(
            _("A price is missing: the billing office has to set it before payment can be taken.")
        )
    amount = Money(sum(verdict.item.due_minor or 0 for verdict in held), facts.currency)
    in_advance = all(verdict.item.planned for verdict in held)
    what = _named(facts, [verdict.item for verdict in held])
    text = _("Payment required: %(amount)s for %(what)s.")
    if in_advance:
        text = _("Payment required: %(amount)s in advance for %(what)s.")
    says = Sentence(text, {"amount": amount, "what": what})
    why = _WHY.get(held[0].code)
    return Sentence("%(says)s %(why)s", {"says": says, "why": Sentence(why)}) if why else says


def _options(settings: Settings, visit: Settings) -> tuple[Option, ...]:
    options = [Option("pay", gettext_lazy("Process payment"), "payments.record")]
    if settings.deposit_satisfies:
        options.append(Option("deposit", gettext_lazy("Take a deposit"), "payments.record"))
    accepted = settings.plan_satisfies and settings.level is Level.STRICT
    if settings.plan_offered and (accepted or settings.level is Level.MODERATE):
        options.append(Option("plan", gettext_lazy("Set up payment plan"), "payments.plan"))
    if visit.override is not OverrideRule.NEVER and settings.override is not OverrideRule.NEVER:
        options.append(Option("override", gettext_lazy("Emergency override"), "enforcement.override"))
    options.append(Option("postpone", gettext_lazy("Send the patient to the cashier and postpone"), ""))
    return tuple(options)
