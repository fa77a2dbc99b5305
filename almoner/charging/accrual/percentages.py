"""Charges that are a percentage of others (section 2.1): reckoned anew as their base changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from almoner.charging.accrual.comparison import LIVE
from almoner.charging.accrual.periods import Period
from almoner.charging.accrual.planning import Stay, TimeCharge, facts_of
from almoner.charging.accrual.writing import Due
from almoner.charging.book import Book
from almoner.charging.conditions import ConditionFailed
from almoner.charging.models import ChargeItem
from almoner.charging.rules import CONDITION_FAILED, PERCENTAGE, Rule
from almoner.charging.terms import Base, Part
from almoner.kernel.clock import local_date
from almoner.kernel.money import round_half_up
from almoner.ledger.models import OpenItem

OUTSTANDING = "outstanding"
STAY = "stay"
"""The service period of a percentage of charges: there is one for the whole stay."""


@dataclass(frozen=True, slots=True)
class BaseItem:
    """A charge that a percentage may be taken of; amounts in minor units."""

    code: str
    service: str
    service_kind: str
    charge_type: str
    gross_minor: int
    discount_minor: int
    net_minor: int
    overdue_minor: int


def base_minor(base: Base, items: Iterable[BaseItem]) -> int:
    """What the base comes to. Other percentages belong to it only when it names them."""
    return sum(_share(base, item) for item in items if _belongs(base, item))


def _belongs(base: Base, item: BaseItem) -> bool:
    if item.code in base.definitions:
        return True
    if item.charge_type == PERCENTAGE:
        return False
    if base.services or base.service_kinds:
        return item.service in base.services or item.service_kind in base.service_kinds
    return not base.definitions


def _share(base: Base, item: BaseItem) -> int:
    if base.of == OUTSTANDING:
        return item.overdue_minor
    return {
        "gross": item.gross_minor,
        "discounted": item.gross_minor - item.discount_minor,
        "net": item.net_minor,
    }[base.stage]


def amount_of(rule: Rule, of_minor: int) -> int:
    """The percentage of ``of_minor``, rounded half away from zero, within minimum and cap; 0 of nothing."""
    terms = rule.terms
    if of_minor <= 0 or terms.percent is None:
        return 0
    amount = max(terms.minimum_minor, round_half_up(of_minor * terms.percent / 100, terms.rounding_minor))
    return amount if terms.cap_minor is None else min(amount, terms.cap_minor)


@dataclass(frozen=True, slots=True)
class PercentageChange:
    """``outdated`` is to be taken back first, ``due`` to be written; either may be missing."""

    outdated: ChargeItem | None
    due: Due | None


def compare_percentages(stay: Stay, book: Book, *, until: datetime) -> list[PercentageChange]:
    """What changes in the percentages of a stay, each after those that its base names.

    What is taken of charges is reckoned anew whenever they have changed. What is taken of overdue amounts
    is reckoned once a local month, when they are first seen overdue. Needs the hospital's transaction.
    """
    if not book.percentages or not stay.occupancies:
        return []
    rows = list(
        ChargeItem.objects.filter(encounter=stay.encounter_id).select_related("service").order_by("revision")
    )
    items = _base_items(rows, until)
    changes = []
    for code in in_order(book.percentages):
        charge = _reckon(stay, book, _rule_in_force(book, code, until), items, until)
        period = charge.period.key if charge is not None else STAY
        revisions = [row for row in rows if row.rule_code == code and row.service_period == period]
        live = next((row for row in revisions if row.status in LIVE), None)
        if _stands(charge, live, revisions):
            continue
        due = Due(stay, charge, len(revisions)) if charge is not None else None
        changes.append(PercentageChange(live, due))
        items = [item for item in items if item.code != code]
        if charge is not None and charge.part is not None:
            items.append(_as_base_item(charge, charge.part.rate_minor or 0))
    return changes


def _stands(charge: TimeCharge | None, live: ChargeItem | None, revisions: Sequence[ChargeItem]) -> bool:
    """Whether nothing is to be done: it is as it was, was taken back by hand, or is charged once a month only."""
    if charge is None:
        return live is None
    if charge.rule.terms.base.of == OUTSTANDING:
        return bool(revisions)
    if live is None:
        return bool(revisions) and revisions[-1].basis != ""
    return live.basis == charge.basis


def reckon_percentage(stay: Stay, book: Book, rule: Rule, *, until: datetime) -> TimeCharge | None:
    """What the percentage of ``rule`` comes to for a stay as it was charged up to now; None for nothing."""
    rows = list(ChargeItem.objects.filter(encounter=stay.encounter_id).select_related("service"))
    return _reckon(stay, book, rule, _base_items(rows, until), until)


def _rule_in_force(book: Book, code: str, until: datetime) -> Rule | None:
    today = local_date(until, book.time_zone)
    versions = book.percentages[code]
    return next((one for one in versions if one.terms.is_active and one.terms.in_force(today)), None)


def _reckon(
    stay: Stay, book: Book, rule: Rule | None, items: Sequence[BaseItem], until: datetime
) -> TimeCharge | None:
    """The percentage as its base stands now; None when it does not apply or comes to nothing."""
    today = local_date(until, book.time_zone)
    last = stay.occupancies[-1]
    if rule is None or not rule.terms.fits(last.ward_type, stay.patient_category, last.department):
        return None
    is_monthly = rule.terms.base.of == OUTSTANDING
    key = today.strftime("%Y-%m") if is_monthly else STAY
    period = Period(key, today, until, Decimal(1), replace(last, ward_type=""))
    if rule.terms.condition is not None:
        try:
            if not rule.terms.condition.holds(facts_of(stay, replace(period, place=last), book.time_zone)):
                return None
        except ConditionFailed as failure:
            return TimeCharge(rule, period, None, f"{CONDITION_FAILED}: {failure}")
    others = [item for item in items if item.code != rule.code]
    amount = amount_of(rule, base_minor(rule.terms.base, others))
    return TimeCharge(rule, period, Part(Decimal(1), amount)) if amount else None


def in_order(percentages: Mapping[str, list[Rule]]) -> list[str]:
    """The codes, those that a base names before the one whose base it is."""
    ordered: dict[str, None] = {}

    def visit(code: str, way: frozenset[str]) -> None:
        if code in ordered or code in way:
            return
        for named in percentages[code][-1].terms.base.definitions:
            if named in percentages:
                visit(named, way | {code})
        ordered[code] = None

    for code in sorted(percentages):
        visit(code, frozenset())
    return list(ordered)


def _base_items(rows: Sequence[ChargeItem], until: datetime) -> list[BaseItem]:
    billable = [row for row in rows if row.status == "billable"]
    still_open = dict(
        OpenItem.objects.filter(id__in=[row.id for row in billable]).values_list("id", "patient_minor")
    )
    return [
        BaseItem(
            code=row.rule_code,
            service=row.service.code,
            service_kind=row.service.kind,
            charge_type=row.charge_type,
            gross_minor=row.gross_minor or 0,
            discount_minor=row.discount_minor,
            net_minor=row.net_minor or 0,
            overdue_minor=still_open.get(row.id, 0) if row.due_at < until else 0,
        )
        for row in billable
    ]


def _as_base_item(charge: TimeCharge, amount_minor: int) -> BaseItem:
    service = charge.rule.service
    return BaseItem(charge.rule.code, service, "", PERCENTAGE, amount_minor, 0, amount_minor, 0)
