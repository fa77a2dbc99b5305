"""All that a version of a charge says, and what two versions say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from almoner.administration.ward_charges.presenting import amount_text, base_text, type_title
from almoner.administration.ward_charges.words import DAY_RULES, LABELS, LIMITS, REQUIREMENTS, STAGES
from almoner.charging.models import ChargeDefinition
from almoner.interop.hospital_file.state import BEGINNING
from almoner.kernel.service_points import event_kinds, steps
from almoner.pages.presenters import Formats


def facts_of(row: ChargeDefinition, formats: Formats) -> list[tuple[Any, str]]:
    """What a version says: the thing, and what about it; what it does not speak of is left out."""
    return [(label, text) for label, text in _said(row, formats) if text]


def differences(
    one: ChargeDefinition, other: ChargeDefinition, formats: Formats
) -> list[tuple[Any, str, str]]:
    """What two versions say otherwise: the thing, the one, the other."""
    pairs = zip(_said(one, formats), _said(other, formats), strict=True)
    return [(label, first, second) for (label, first), (_label, second) in pairs if first != second]


def _said(row: ChargeDefinition, formats: Formats) -> list[tuple[Any, str]]:
    return [
        (label, _SAYS.get(name, _plain)(row, getattr(row, name), formats)) for name, label in LABELS.items()
    ]


def _plain(row: ChargeDefinition, value: Any, formats: Formats) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _amount(row: ChargeDefinition, value: int | None, formats: Formats) -> str:
    return formats.money(value) if value else ""


def _rate(row: ChargeDefinition, value: int | None, formats: Formats) -> str:
    return "" if value is None else formats.money(value)


def _cap(row: ChargeDefinition, value: int | None, formats: Formats) -> str:
    per = str(LIMITS.get(row.cap_per, "")).lower()
    return "" if value is None else f"{formats.money(value)} {per}".strip()


def _rounding(row: ChargeDefinition, value: int, formats: Formats) -> str:
    return formats.money(value) if value > 1 else ""


def _base(row: ChargeDefinition, value: Mapping[str, Any], formats: Formats) -> str:
    if row.percent is None or value.get("of") == "outstanding":
        return base_text(value) if row.percent is not None else ""
    return f"{base_text(value)} ({str(STAGES[value.get('stage', 'net')]).lower()})"


def _number(row: ChargeDefinition, value: Any, formats: Formats) -> str:
    return f"{value.normalize():f}" if value else ""


def _day_rule(row: ChargeDefinition, value: str, formats: Formats) -> str:
    if row.billing_type != ChargeDefinition.BillingType.DAILY:
        return ""
    minutes = _("%(count)d minutes") % {"count": row.free_minutes} if row.free_minutes else ""
    return f"{DAY_RULES[value]} {minutes}".strip()


def _day(row: ChargeDefinition, value: date | None, formats: Formats) -> str:
    return formats.day(value) if value is not None and value > BEGINNING else ""


def _titles(known: Mapping[str, Any], codes: list[str]) -> str:
    return ", ".join(str(known[code].title) if code in known else code for code in codes)


_SAYS: dict[str, Callable[[ChargeDefinition, Any, Formats], str]] = {
    "billing_type": lambda row, value, formats: type_title(value),
    "rate_minor": _rate,
    "percent": _number,
    "base": _base,
    "free_units": _number,
    "tiers": lambda row, value, formats: amount_text(row, formats) if value else "",
    "minimum_minor": _amount,
    "cap_minor": _cap,
    "rounding_minor": _rounding,
    "day_rule": _day_rule,
    "event_kinds": lambda row, value, formats: _titles(event_kinds(), value),
    "required_at": lambda row, value, formats: _titles(steps(), value),
    "payment_requirement": lambda row, value, formats: str(REQUIREMENTS[value]),
    "starts_on": _day,
    "ends_on": _day,
    "is_active": lambda row, value, formats: _("yes") if value else _("no"),
}
