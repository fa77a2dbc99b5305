"""What a charge says, in the words of the page: types, rules, sections of the form."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from almoner.charging.models import ChargeDefinition

Type = ChargeDefinition.BillingType

TYPES = {
    Type.ONE_TIME.value: (_("One-time"), _("Once for each visit, when the first of its events happens")),
    Type.DAILY.value: (_("Daily"), _("Each day in a bed")),
    Type.HOURLY.value: (_("Hourly"), _("Each hour begun in a bed")),
    Type.PERCENTAGE.value: (_("Percentage"), _("A part of other charges, or of what is overdue")),
    Type.QUANTITY_BASED.value: (_("By quantity"), _("Each unit that is recorded")),
    Type.EVENT_TRIGGERED.value: (_("By event"), _("Each time one of its events happens")),
}
"""Title and what one charge is made for, by billing type (section 2.1)."""

UNITS = {
    Type.ONE_TIME.value: _("visit"),
    Type.DAILY.value: _("day"),
    Type.HOURLY.value: _("hour"),
    Type.QUANTITY_BASED.value: _("unit"),
    Type.EVENT_TRIGGERED.value: _("event"),
}
DAY_RULES = {
    "full": _("Every date begun counts as a day"),
    "by_hour": _("By the hours in bed: part of a day costs that part"),
    "noon_to_noon": _("From noon to noon"),
    "free_until": _("A day counts after a time that is free"),
}
BASES = {"charges": _("Charges of the stay"), "outstanding": _("What the patient has overdue")}
STAGES = {
    "net": _("As charged, after discount and tax"),
    "discounted": _("After discount, before tax"),
    "gross": _("Before discount and tax"),
}
KINDS = {
    "ward": _("Ward"),
    "consultation": _("Consultations"),
    "fee": _("Fees"),
    "laboratory": _("Laboratory"),
    "medication": _("Medication"),
    "procedure": _("Procedures"),
    "other": _("Other"),
}
LIMITS = {"day": _("Per day"), "stay": _("Per stay")}
REQUIREMENTS = {
    "": _("As the service and the billing cycle say"),
    "immediate": _("Immediate: due at once"),
    "deferred": _("Deferred: due as the billing cycle says"),
    "plan": _("Plan: due at the end of the month"),
}
CATEGORIES = ("general", "insurance", "private", "emergency")
"""Those of section 2.2, and the one that every patient starts in."""

TIME = frozenset({Type.DAILY.value, Type.HOURLY.value})
TRIGGERED = frozenset({Type.ONE_TIME.value, Type.QUANTITY_BASED.value, Type.EVENT_TRIGGERED.value})
_RATE = TIME | TRIGGERED
_DAILY = frozenset({Type.DAILY.value})
_PERCENTAGE = frozenset({Type.PERCENTAGE.value})
ONLY_FOR = {
    "rate": _RATE,
    "tiers": _RATE,
    "free_units": _RATE,
    "cap_per": TIME,
    "day_rule": _DAILY,
    "free_minutes": _DAILY,
    "percent": _PERCENTAGE,
    "base_of": _PERCENTAGE,
    "base_stage": _PERCENTAGE,
    "base_kinds": _PERCENTAGE,
    "base_definitions": _PERCENTAGE,
    "base_services": _PERCENTAGE,
    "event_kinds": TRIGGERED,
    "required_at": TRIGGERED | _DAILY,
}
"""The billing types for which a field means something; a field that is not here means something for all."""

SECTIONS = (
    (_("What is charged"), ("name", "code", "service", "template")),
    (
        _("How much"),
        (
            "rate",
            "percent",
            "base_of",
            "base_stage",
            "base_kinds",
            "base_definitions",
            "base_services",
            "day_rule",
            "free_minutes",
            "free_units",
            "tiers",
            "minimum",
            "cap",
            "cap_per",
            "rounding",
        ),
    ),
    (_("Where and for whom"), ("ward_types", "departments", "patient_categories")),
    (_("What triggers it"), ("event_kinds", "condition")),
    (_("Payment"), ("payment_requirement", "required_at")),
    (_("When"), ("starts_on", "ends_on", "is_active")),
)
"""The form of section 2.2, in the order in which people think of it; the type stands above all."""

LABELS = {
    "service": _("Service"),
    "billing_type": _("Type"),
    "template": _("Template"),
    "rate_minor": _("Rate"),
    "percent": _("Percent"),
    "base": _("Of what"),
    "free_units": _("Free units"),
    "tiers": _("Tiers"),
    "minimum_minor": _("At least"),
    "cap_minor": _("At most"),
    "rounding_minor": _("Rounded to"),
    "day_rule": _("What counts as a day"),
    "ward_types": _("Kinds of wards"),
    "departments": _("Departments"),
    "patient_categories": _("Patient categories"),
    "event_kinds": _("Triggered by"),
    "condition": _("Condition"),
    "payment_requirement": _("Payment"),
    "required_at": _("Asked for before"),
    "starts_on": _("From"),
    "ends_on": _("Until"),
    "is_active": _("In use"),
}
"""What a version says, in the order in which a comparison shows it."""

CONDITION_WORDS = (
    ("patient_age", _("in whole years")),
    ("patient_category", _("such as private")),
    ("patient_sex", _("female, male, other, unknown")),
    ("payer", _("code of who pays first; empty without one")),
    ("encounter_class", _("ambulatory, emergency, inpatient")),
    ("visit_type", _("such as first, follow_up")),
    ("triage_level", _("1 (resuscitation) to 5")),
    ("priority", _("stat, urgent, routine")),
    ("department", _("code of the ward's department")),
    ("ward_type", _("such as icu")),
    ("day_of_stay", _("counted from 1")),
    ("quantity", _("how many units")),
)
"""What a condition may ask for (``charging.conditions.VARIABLES``)."""
