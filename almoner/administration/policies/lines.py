"""What can be set, in the order of the page: each line is one setting and the file's key for it at each scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from almoner.enforcement.policy import SCOPES
from almoner.pages.plans.forms import FREQUENCIES
from almoner.payments.plans import INTERVALS, MAXIMUM_INSTALMENTS

CHOICE, NUMBER, AMOUNT, PERCENT = "choice", "number", "amount", "percent"
REQUESTS, CODES = "requests", "codes"
HOSPITAL, SERVICE = "hospital", "service"
_ALL = SCOPES
_NARROW = tuple(scope for scope in SCOPES if scope != HOSPITAL)
_YES_NO = {"yes": _("Yes"), "no": _("No")}
_SWITCH = {"yes": True, "no": False}
_ENABLED = {"yes": "enabled", "no": "disabled"}
_AVAILABLE = {"yes": "available", "no": "not_available"}
_ALLOWED = {"yes": "allowed", "no": "not_allowed"}


@dataclass(frozen=True, slots=True)
class Line:
    """``setting`` is the name in ``enforcement.policy.Settings``, or the key itself where no gate asks for it.

    ``keys`` maps a scope to the file's key; ``words`` maps the values of the form to the file's, per scope where
    they differ. ``titles`` are the choices.
    """

    setting: str
    title: Any
    keys: Mapping[str, str]
    kind: str = CHOICE
    titles: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    help: Any = ""
    unit: Any = ""
    bounds: tuple[int, int] = (0, 0)

    def choices(self, scope: str) -> list[tuple[str, Any]]:
        """What can be chosen at ``scope``."""
        words = self.words.get(scope, self.words.get("", {}))
        return [(value, title) for value, title in self.titles.items() if not words or value in words]

    def word(self, scope: str, value: Any) -> Any:
        """The file's word for a value of the form."""
        if self.kind == PERCENT:
            return f"{value.normalize():f}"
        if self.kind != CHOICE:
            return value
        words = self.words.get(scope, self.words.get("", {}))
        return words.get(value, value)


def _everywhere(key: str, **other: str) -> dict[str, str]:
    return dict.fromkeys(_ALL, key) | other


def _switch(setting: str, title: Any, key: str, help: Any = "") -> Line:
    return Line(setting, title, _everywhere(key), titles=_YES_NO, words={"": _SWITCH}, help=help)


_LEVELS = {
    "emergency_only": _("Emergencies only: nothing else without payment"),
    "strict": _("Strict: no service without payment"),
    "moderate": _("Moderate: essential services may be paid later"),
    "flexible": _("Flexible: remind, never hold"),
    "none": _("None: payment is not asked for"),
}
_OVERRIDES = {
    "always": _("Always"),
    "conditional": _("Depending on triage or condition"),
    "never": _("Never"),
}
_TIMINGS = {
    "immediate": _("At once"),
    "within_24h": _("Within 24 hours"),
    "end_of_visit": _("At the end of the day of the visit"),
    "monthly": _("At the end of the month"),
}
_CYCLES = {
    "real_time": _("At once"),
    "daily_batch": _("At the end of the day"),
    "weekly_batch": _("At the end of the week"),
    "monthly_batch": _("At the end of the month"),
}
_ASKED = {
    "on_checkin": _("On check-in: at every step of the service point"),
    "before_service": _("Before the service"),
    "during_service": _("During the service: once it has begun"),
    "after_service": _("After the service: before discharge"),
}
_INTERVALS = {interval.value: FREQUENCIES[interval] for interval in INTERVALS}

SECTIONS: tuple[tuple[Any, tuple[Line, ...]], ...] = (
    (
        _("Holding a service"),
        (
            Line(
                "level",
                _("How hard"),
                dict.fromkeys(_NARROW, "payment_enforcement")
                | {HOSPITAL: "global_policy", SERVICE: "payment_required"},
                titles=_LEVELS,
                words={
                    HOSPITAL: {word: word for word in ("emergency_only", "strict", "moderate", "flexible")},
                    SERVICE: {"strict": "mandatory", "moderate": "deferred", "flexible": "optional"},
                },
            ),
            Line(
                "blocking",
                _("Blocking"),
                dict.fromkeys(_NARROW, "service_blocking"),
                titles={"yes": _("On"), "no": _("Off: at most a reminder")},
                words={"": _ENABLED},
            ),
            Line("charge_timing", _("Payment is asked for"), {SERVICE: "charge_timing"}, titles=_ASKED),
            Line("allow", _("Always goes ahead"), _everywhere("allow"), REQUESTS),
            _switch(
                "hide_details",
                _("Hide test details until payment"),
                "hide_test_details",
                _("Apart from whether the laboratory is held."),
            ),
        ),
    ),
    (
        _("Paying later or in parts"),
        (
            Line(
                "grace_days",
                _("Grace period"),
                _everywhere("grace_period", hospital="grace_periods"),
                NUMBER,
                unit=_("days"),
                bounds=(0, 30),
            ),
            Line("defer", _("May be paid later"), _everywhere("defer"), REQUESTS),
            Line(
                "deferral_hours",
                _("Pay later within"),
                _everywhere("deferral_hours"),
                NUMBER,
                unit=_("hours"),
                bounds=(0, 24 * 365),
            ),
            Line(
                "deferral_limit_minor",
                _("Pay later up to what is owed"),
                _everywhere("deferral_limit_minor"),
                AMOUNT,
            ),
            Line(
                "partial_payment",
                _("A part may be paid"),
                _everywhere("partial_payment", hospital="allow_partial_payments"),
                titles=_YES_NO,
                words={"": _ALLOWED, HOSPITAL: _ENABLED},
            ),
            Line(
                "minimum_part_percent",
                _("A part that is enough"),
                _everywhere("minimum_part_percent"),
                NUMBER,
                unit=_("percent"),
                bounds=(1, 100),
            ),
            Line(
                "plan_offered",
                _("Payment plans"),
                _everywhere("payment_plans"),
                titles={"yes": _("Offered"), "no": _("Not offered")},
                words={"": _AVAILABLE, HOSPITAL: _ENABLED},
            ),
            _switch("plan_satisfies", _("A plan releases under strict"), "payment_plan_satisfies"),
            _switch("deposit_satisfies", _("A deposit releases"), "deposit_satisfies"),
            Line(
                "deposit_required_minor",
                _("Deposit asked for beforehand"),
                _everywhere("deposit_required_minor"),
                AMOUNT,
            ),
            Line(
                "deposit_low_days",
                _("Ask for more when a deposit lasts for less than"),
                _everywhere("deposit_low_days"),
                NUMBER,
                unit=_("days"),
                bounds=(0, 60),
            ),
        ),
    ),
    (
        _("Emergencies and discharge"),
        (
            Line(
                "override",
                _("Staff may override"),
                _everywhere("emergency_override"),
                titles=_OVERRIDES,
                words={SERVICE: {"always": "allowed", "never": "not_allowed"}},
            ),
            Line(
                "override_triage",
                _("Override from triage level"),
                _everywhere("override_triage"),
                NUMBER,
                help=_("1 (resuscitation) to 5"),
                bounds=(1, 5),
            ),
            Line(
                "override_conditions",
                _("Override for conditions"),
                _everywhere("override_conditions"),
                CODES,
                help=_("Codes with commas between them, such as chest_pain, labour"),
            ),
            Line(
                "critical_conditions",
                _("Never held for conditions"),
                _everywhere("critical_conditions"),
                CODES,
                help=_(
                    "Released by themselves: reasons at check-in and ICD-10 codes of diagnoses, such as chest_pain, I21"
                ),
            ),
            Line(
                "critical_condition_triage",
                _("For these conditions only from triage level"),
                _everywhere("critical_condition_triage"),
                NUMBER,
                help=_("1 (resuscitation) to 5"),
                bounds=(1, 5),
            ),
            Line(
                "critical_triage",
                _("Never held from triage level"),
                _everywhere("critical_triage"),
                NUMBER,
                help=_("1 (resuscitation) to 5"),
                bounds=(1, 5),
            ),
            _switch(
                "arrangement_at_discharge", _("Discharge asks for an arrangement"), "arrangement_at_discharge"
            ),
        ),
    ),
    (
        _("Late fees"),
        (
            Line(
                "late_fees",
                _("Late fees"),
                _everywhere("late_fees"),
                titles={"yes": _("Charged"), "no": _("Not charged")},
                words={"": _ENABLED},
                help=_("For what stays unpaid past its grace period; charged as the service late_fee."),
            ),
            Line(
                "late_fee_percent",
                _("Of what is overdue"),
                _everywhere("late_fee_percent"),
                PERCENT,
                unit=_("percent"),
            ),
            Line("late_fee_amount_minor", _("A fixed amount"), _everywhere("late_fee_amount_minor"), AMOUNT),
            Line(
                "late_fee_period",
                _("Charged"),
                _everywhere("late_fee_period"),
                titles={"daily": _("Every day"), "weekly": _("Every week"), "monthly": _("Every month")},
            ),
            Line(
                "late_fee_cap_minor",
                _("At most for a visit"),
                _everywhere("late_fee_cap_minor"),
                AMOUNT,
            ),
        ),
    ),
    (
        _("Payment plans offered by rule"),
        (
            Line(
                "auto_plans",
                _("Offer a plan"),
                _everywhere("auto_payment_plans"),
                titles=_YES_NO,
                words={"": _ENABLED},
                help=_("Wherever what is owed is shown. Staff accept it with the patient, in one click."),
            ),
            Line("plan_minimum_minor", _("For amounts from"), _everywhere("plan_minimum_minor"), AMOUNT),
            Line("plan_maximum_minor", _("For amounts up to"), _everywhere("plan_maximum_minor"), AMOUNT),
            Line(
                "plan_instalments",
                _("Instalments"),
                _everywhere("plan_instalments"),
                NUMBER,
                bounds=(1, MAXIMUM_INSTALMENTS),
            ),
            Line("plan_interval", _("How often"), _everywhere("plan_interval"), titles=_INTERVALS),
            Line(
                "plan_down_percent",
                _("Due at once"),
                _everywhere("plan_down_percent"),
                NUMBER,
                unit=_("percent"),
                bounds=(0, 90),
            ),
            Line(
                "plan_history_months",
                _("Only without a missed instalment for"),
                _everywhere("plan_history_months"),
                NUMBER,
                unit=_("months"),
                bounds=(0, 120),
            ),
        ),
    ),
    (
        _("What payment plans cost"),
        (
            Line(
                "plan_fee_amount_minor",
                _("For the agreement"),
                _everywhere("plan_fee_amount_minor"),
                AMOUNT,
            ),
            Line(
                "plan_fee_per_instalment_minor",
                _("For each instalment after the down payment"),
                _everywhere("plan_fee_per_instalment_minor"),
                AMOUNT,
            ),
        ),
    ),
    (
        _("When charges fall due"),
        (
            Line(
                "reminders",
                _("Reminders"),
                _everywhere("payment_reminders"),
                titles={"yes": _("Sent to patients"), "no": _("Not sent")},
                words={"": _ENABLED},
                help=_("Of what falls due and is overdue, and of deposits that run low."),
            ),
            Line("billing_cycle", _("Billing cycle"), {HOSPITAL: "billing_cycle"}, titles=_CYCLES),
            Line("payment_timing", _("Payment is due"), {SERVICE: "payment_timing"}, titles=_TIMINGS),
        ),
    ),
)
REQUEST_TITLES = {
    "stat": _("Stat"),
    "urgent": _("Urgent"),
    "routine": _("Routine"),
    "first": _("First visit"),
    "follow_up": _("Follow-up"),
    "maintenance": _("Standing medication"),
    "elective": _("Elective"),
}
LINES = tuple(line for _title, lines in SECTIONS for line in lines)


def lines_of(scope: str) -> tuple[Line, ...]:
    """The settings that a block of ``scope`` may say."""
    return tuple(line for line in LINES if scope in line.keys)


def form_value(line: Line, value: Any) -> Any:
    """A setting as the form holds it; "" (an empty list of codes) when nothing is said."""
    if line.kind in (REQUESTS, CODES):
        return list(value or ())
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else value
