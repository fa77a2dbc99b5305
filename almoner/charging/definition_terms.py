"""The terms of a charge definition, and what they cannot be: refused with the field and the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from almoner.catalog.models import Service
from almoner.charging.conditions import check_condition
from almoner.charging.models import ChargeDefinition, ChargeRule, WardBillingTemplate
from almoner.charging.terms import PER_CHARGE, PER_DAY, PER_STAY
from almoner.hospitals.models import Department, Ward
from almoner.kernel.errors import DomainError
from almoner.kernel.service_points import event_kinds, steps

MAXIMUM_TIERS = 20
MAXIMUM_AMOUNT = 10**12
PAYMENT_REQUIREMENTS = ("", "immediate", "deferred", "plan")
BASES = ("charges", "outstanding")
STAGES = ("gross", "discounted", "net")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TIME = ("daily", "hourly")


@dataclass(frozen=True, slots=True)
class DefinitionTerms:
    """What somebody wants to be charged; the fields are those of ``charging.models.ChargeDefinition``.

    Amounts are minor units. ``tiers``: (first unit, last unit or None, rate). ``service_name`` names a
    service that the catalog does not have yet.
    """

    code: str
    service: str
    billing_type: str
    starts_on: date
    service_name: str = ""
    template: str = ""
    rate_minor: int | None = None
    percent: Decimal | None = None
    base: dict[str, Any] = field(default_factory=dict)
    free_units: Decimal = Decimal(0)
    tiers: tuple[tuple[int, int | None, int], ...] = ()
    minimum_minor: int = 0
    cap_minor: int | None = None
    cap_per: str = ""
    rounding_minor: int = 1
    day_rule: str = "full"
    free_minutes: int = 0
    ward_types: tuple[str, ...] = ()
    patient_categories: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    event_kinds: tuple[str, ...] = ()
    condition: str = ""
    payment_requirement: str = ""
    required_at: tuple[str, ...] = ()
    ends_on: date | None = None
    is_active: bool = True


def check_definition(terms: DefinitionTerms) -> None:
    """Refuse terms that cannot be; the ``DomainError`` names the field. Needs the hospital's transaction."""
    named = {
        row.code: tuple(row.base.get("definitions", ()))
        for row in ChargeDefinition.objects.filter(superseded=False).order_by("version")
    }
    check_terms(terms, named)
    _check_names(terms)


def check_terms(terms: DefinitionTerms, named: Mapping[str, Sequence[str]]) -> None:
    """Refuse what cannot be whatever the hospital has. ``named``: by code, whom the bases of others name."""
    check_code(terms.code)
    _check_word("billing_type", terms.billing_type, ChargeDefinition.BillingType.values)
    _check_amounts(terms)
    _check_tiers(terms)
    _check_limits(terms)
    _check_time(terms)
    check_known("event_kinds", terms.event_kinds, event_kinds())
    check_known("required_at", terms.required_at, steps())
    _check_word("payment_requirement", terms.payment_requirement, PAYMENT_REQUIREMENTS)
    for category in terms.patient_categories:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", category):
            raise refusal(
                "patient_categories",
                gettext("Expected a code such as private, got %(category)r.") % {"category": category},
            )
    if terms.condition:
        check_condition(terms.condition)
    if terms.billing_type == ChargeDefinition.BillingType.PERCENTAGE:
        _check_percentage(terms, named)
    elif terms.percent is not None or terms.base:
        raise refusal("percent", gettext("Expected a percent and its base only for the type percentage."))


def refusal(field_name: str, message: str, code: str = "invalid_definition") -> DomainError:
    """What refuses a field of a definition."""
    return DomainError(message, field=field_name, code=code)


def check_code(code: str) -> None:
    """Refuse what cannot be the code of a charge or a template."""
    if not _CODE.fullmatch(code):
        raise refusal("code", gettext("Expected a code of 1 to 80 letters, digits, _ and -."))


def _check_word(field_name: str, word: str, words: Iterable[str]) -> None:
    known = list(words)
    if word not in known:
        raise refusal(
            field_name,
            gettext("Expected one of %(known)s, got %(word)r.")
            % {"known": ", ".join(one for one in known if one), "word": word},
        )


def check_known(field_name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse what is ``given`` at the field and is not ``known`` here."""
    names = sorted(known)
    for one in given:
        if one not in names:
            raise refusal(
                field_name,
                gettext("There is no %(one)r here. Known: %(names)s.")
                % {"one": one, "names": ", ".join(names) or "none"},
            )


def _check_amounts(terms: DefinitionTerms) -> None:
    amounts = {
        "rate_minor": terms.rate_minor,
        "minimum_minor": terms.minimum_minor,
        "cap_minor": terms.cap_minor,
        **{f"tiers[{place}].rate_minor": rate for place, (_, _, rate) in enumerate(terms.tiers)},
    }
    for name, amount in amounts.items():
        if amount is not None and not 0 <= amount <= MAXIMUM_AMOUNT:
            raise refusal(
                name,
                gettext("Expected an amount of zero or more, got %(amount)s minor units.")
                % {"amount": amount},
            )
    if not 1 <= terms.rounding_minor <= 1_000_000:
        raise refusal(
            "rounding_minor", gettext("Expected the smallest amount to round to, at least one minor unit.")
        )
    if not 0 <= terms.free_units <= 10_000 or terms.free_units != int(terms.free_units):
        raise refusal("free_units", gettext("Expected 0 to 10,000 whole free units."))
    if terms.ends_on is not None and terms.ends_on < terms.starts_on:
        raise refusal(
            "ends_on",
            gettext("Expected a date not before %(starts_on)s, got %(ends_on)s.")
            % {"starts_on": terms.starts_on, "ends_on": terms.ends_on},
        )


def _check_tiers(terms: DefinitionTerms) -> None:
    if len(terms.tiers) > MAXIMUM_TIERS:
        raise refusal(
            "tiers", gettext("Expected at most %(maximum_tiers)s tiers.") % {"maximum_tiers": MAXIMUM_TIERS}
        )
    expected = 1
    for place, (first, last, _) in enumerate(terms.tiers):
        if first != expected:
            raise refusal(
                "tiers",
                gettext("Expected tier %(tier)s to begin with unit %(expected)s, got %(first)s.")
                % {"tier": place + 1, "expected": expected, "first": first},
            )
        if last is None and place < len(terms.tiers) - 1:
            raise refusal(
                "tiers",
                gettext("Tier %(tier)s has no last unit, so no tier can follow it.") % {"tier": place + 1},
            )
        if last is not None and last < first:
            raise refusal(
                "tiers",
                gettext("Tier %(tier)s ends with unit %(last)s before it begins with %(first)s.")
                % {"tier": place + 1, "last": last, "first": first},
            )
        expected = (last or first) + 1
    if terms.tiers and terms.tiers[-1][1] is not None:
        raise refusal(
            "tiers",
            gettext("Unit %(expected)s and above have no rate: leave the last tier without an end.")
            % {"expected": expected},
        )
    if terms.tiers and terms.rate_minor is not None:
        raise refusal("rate_minor", gettext("Expected either one rate or tiers, not both."))


def _check_limits(terms: DefinitionTerms) -> None:
    is_time = terms.billing_type in _TIME
    allowed = (PER_DAY, PER_STAY) if is_time else (PER_CHARGE,)
    if terms.billing_type == ChargeDefinition.BillingType.PERCENTAGE:
        allowed = (PER_STAY,)
    if terms.cap_minor is not None:
        if terms.cap_minor == 0:
            raise refusal("cap_minor", gettext("Expected a cap above zero."))
        if terms.cap_minor < terms.minimum_minor:
            raise refusal("cap_minor", gettext("The cap is below the minimum."))
        _check_word("cap_per", terms.cap_per, allowed)
    elif terms.cap_per:
        raise refusal(
            "cap_minor",
            gettext("Expected the amount of the cap per %(cap_per)s.") % {"cap_per": terms.cap_per},
        )
    limited = terms.minimum_minor or terms.cap_minor is not None or terms.rounding_minor > 1
    is_percentage = terms.billing_type == ChargeDefinition.BillingType.PERCENTAGE
    if limited and terms.rate_minor is None and not terms.tiers and not is_percentage:
        raise refusal(
            "rate_minor", gettext("A minimum, a cap or a rounding needs a rate of the definition's own.")
        )
    if is_percentage and (terms.rate_minor is not None or terms.tiers or terms.free_units):
        raise refusal("rate_minor", gettext("A percentage has no rate, tiers or free units."))


def _check_time(terms: DefinitionTerms) -> None:
    if terms.billing_type == "daily":
        _check_word("day_rule", terms.day_rule, ("full", "by_hour", "noon_to_noon", "free_until"))
    elif terms.day_rule != "full":
        raise refusal("day_rule", gettext("Only a daily charge has a day rule."))
    if (terms.day_rule == "free_until") != (terms.free_minutes > 0):
        raise refusal(
            "free_minutes", gettext("Expected free minutes with the day rule free_until, and only with it.")
        )
    if not 0 <= terms.free_minutes < 24 * 60:
        raise refusal("free_minutes", gettext("Expected less than a day of free minutes."))
    triggered = terms.billing_type not in (*_TIME, ChargeDefinition.BillingType.PERCENTAGE)
    if triggered and not terms.event_kinds:
        raise refusal("event_kinds", gettext("Expected at least one event that triggers it."))
    if not triggered and terms.event_kinds:
        raise refusal(
            "event_kinds",
            gettext("No event triggers a %(billing_type)s charge.") % {"billing_type": terms.billing_type},
        )
    if terms.required_at and terms.billing_type in ("hourly", "percentage"):
        raise refusal(
            "required_at",
            gettext("No step can ask for a %(billing_type)s charge in advance.")
            % {"billing_type": terms.billing_type},
        )


def _check_names(terms: DefinitionTerms) -> None:
    if not _CODE.fullmatch(terms.service):
        raise refusal("service", gettext("Expected a service code of 1 to 80 letters, digits, _ and -."))
    if not terms.service_name and not Service.objects.filter(code=terms.service, is_active=True).exists():
        raise refusal(
            "service",
            gettext("There is no service %(service)r; give it a name to make one.")
            % {"service": terms.service},
        )
    check_known("ward_types", terms.ward_types, set(Ward.objects.values_list("ward_type", flat=True)))
    check_known("departments", terms.departments, set(Department.objects.values_list("code", flat=True)))
    if terms.template:
        check_known("template", [terms.template], WardBillingTemplate.objects.values_list("code", flat=True))
    check_known("base", terms.base.get("services", ()), Service.objects.values_list("code", flat=True))
    if ChargeRule.objects.filter(code=terms.code).exists():
        raise refusal(
            "code",
            gettext("The hospital's file has a charge rule %(code)r already.") % {"code": terms.code},
        )


def _check_percentage(terms: DefinitionTerms, named: Mapping[str, Sequence[str]]) -> None:
    if terms.percent is None or not 0 < terms.percent <= 100:
        raise refusal("percent", gettext("Expected a percentage above 0 and at most 100."))
    if terms.percent != round(terms.percent, 4):
        raise refusal("percent", gettext("Expected a percentage with at most four decimals."))
    unknown = sorted(set(terms.base) - {"of", "stage", "service_kinds", "services", "definitions"})
    if unknown:
        raise refusal("base", gettext("Unknown key %(unknown)r in the base.") % {"unknown": unknown[0]})
    _check_word("base", terms.base.get("of", "charges"), BASES)
    _check_word("base", terms.base.get("stage", "net"), STAGES)
    check_known("base", terms.base.get("service_kinds", ()), Service.Kind.values)
    if terms.service in terms.base.get("services", ()):
        raise refusal(
            "base",
            gettext("A percentage cannot be part of its own base: %(way)s.")
            % {"way": f"{terms.code} of {terms.service}"},
            "circular_base",
        )
    bases = {**named, terms.code: tuple(terms.base.get("definitions", ()))}
    check_known("base", bases[terms.code], bases)
    circle = _circle(terms.code, bases)
    if circle:
        way = " of ".join(circle)
        raise refusal(
            "base",
            gettext("A percentage cannot be part of its own base: %(way)s.") % {"way": way},
            "circular_base",
        )


def _circle(code: str, named: Mapping[str, Sequence[str]]) -> list[str]:
    """The way from ``code`` back to itself through the bases, if there is one."""
    ways = [[code]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for following in sorted(named.get(way[-1], ())):
            if following == code:
                return [*way, code]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []
