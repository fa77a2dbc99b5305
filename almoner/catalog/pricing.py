"""What a service costs: tariff line, then package, then discount, then tax, then rounding.

Pure functions over a ``PriceBook``; docs/explanation/pricing.md works them out as tables that the tests
run. All amounts are minor units. Rounding is half away from zero and happens in these places only: gross
(unit price times quantity), a discount in percent, and tax, each to the minor unit; the net is then rounded
to the hospital's step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from almoner.kernel.money import round_half_up


@dataclass(frozen=True, slots=True)
class TaxRate:
    code: str
    percent: Decimal
    inclusive: bool


@dataclass(frozen=True, slots=True)
class PricedService:
    """What pricing needs of a catalog service."""

    id: UUID
    code: str
    name: str
    kind: str
    department_id: UUID | None = None
    department: str = ""
    tax: TaxRate | None = None
    flags: frozenset[str] = frozenset()
    payment_timing: str = ""
    charge_timing: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A tariff line; empty conditions fit everybody."""

    price_minor: int
    starts_on: date
    ends_on: date | None = None
    payer: str = ""
    patient_category: str = ""
    ward_type: str = ""
    department: str = ""
    tariff: str = "standard"


@dataclass(frozen=True, slots=True)
class DiscountLine:
    code: str
    starts_on: date
    ends_on: date | None = None
    percent: Decimal | None = None
    amount_minor: int | None = None
    payer: str = ""
    patient_category: str = ""
    department: str = ""
    service_kind: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class PackageLine:
    code: str
    price_minor: int
    services: frozenset[str]
    starts_on: date
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class PriceBook:
    """A hospital's prices as of one configuration version."""

    currency: str
    rounding_step_minor: int = 1
    services: dict[str, PricedService] = field(default_factory=dict)
    lines: dict[str, list[Line]] = field(default_factory=dict)
    discounts: list[DiscountLine] = field(default_factory=list)
    packages: dict[str, PackageLine] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Buyer:
    """For whom and when: the conditions that tariff lines and discounts are matched against."""

    on: date
    payer: str = ""
    patient_category: str = ""
    ward_type: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """net = gross - discount + tax (when not inclusive) + rounding; tax is part of net either way."""

    unit_price_minor: int
    gross_minor: int
    discount_minor: int
    tax_minor: int
    net_minor: int
    source: str
    discount_source: str = ""
    tax_source: str = ""


def _in_force(line: Line | DiscountLine | PackageLine, on: date) -> bool:
    return line.starts_on <= on and (line.ends_on is None or on <= line.ends_on)


def _fits(condition: str, value: str) -> bool:
    return condition in ("", value)


def find_line(lines: list[Line], buyer: Buyer) -> Line | None:
    """The most specific line in force: payer counts above patient category, above ward type, above department."""
    fitting = [
        line
        for line in lines
        if _in_force(line, buyer.on)
        and _fits(line.payer, buyer.payer)
        and _fits(line.patient_category, buyer.patient_category)
        and _fits(line.ward_type, buyer.ward_type)
        and _fits(line.department, buyer.department)
    ]
    return max(
        fitting,
        key=lambda line: (
            line.payer != "",
            line.patient_category != "",
            line.ward_type != "",
            line.department != "",
            line.starts_on,
        ),
        default=None,
    )


def _source(line: Line) -> str:
    conditions = [c for c in (line.payer, line.patient_category, line.ward_type, line.department) if c]
    return f"tariff:{'/'.join([line.tariff, *conditions])}@{line.starts_on.isoformat()}"


def find_discount(book: PriceBook, service: PricedService, gross_minor: int, buyer: Buyer) -> tuple[int, str]:
    """The largest discount that fits, in minor units (never above the gross amount), and its code."""
    best = (0, "")
    for line in book.discounts:
        if not (
            _in_force(line, buyer.on)
            and _fits(line.payer, buyer.payer)
            and _fits(line.patient_category, buyer.patient_category)
            and _fits(line.department, buyer.department)
            and _fits(line.service_kind, service.kind)
            and _fits(line.service, service.code)
        ):
            continue
        amount = line.amount_minor
        if line.percent is not None:
            amount = round_half_up(gross_minor * line.percent / 100)
        amount = min(amount or 0, gross_minor)
        if amount > best[0]:
            best = (amount, line.code)
    return best


def total(
    book: PriceBook,
    service: PricedService,
    unit_price_minor: int,
    quantity: Decimal,
    buyer: Buyer,
    source: str,
) -> Price:
    """Gross, discount, tax and net of ``quantity`` at a known unit price."""
    gross = round_half_up(unit_price_minor * quantity)
    discount, discount_source = find_discount(book, service, gross, buyer)
    taxable = gross - discount
    if service.tax is None:
        net = round_half_up(Decimal(taxable), book.rounding_step_minor)
        return Price(unit_price_minor, gross, discount, 0, net, source, discount_source)
    rate = service.tax.percent / 100
    if service.tax.inclusive:
        tax = taxable - round_half_up(taxable / (1 + rate))
        net = taxable
    else:
        tax = round_half_up(taxable * rate)
        net = taxable + tax
    net = round_half_up(Decimal(net), book.rounding_step_minor)
    return Price(unit_price_minor, gross, discount, tax, net, source, discount_source, service.tax.code)


def price(
    book: PriceBook, service: PricedService, quantity: Decimal, buyer: Buyer, packaged: dict[str, set[str]]
) -> Price | None:
    """What ``quantity`` of ``service`` costs, or None when no price is known: never a silent zero.

    ``packaged`` maps the packages bought in this encounter to the services they may still give; a
    service taken from a package costs nothing and is removed from it. Buying a package is charging the
    service of the same code.
    """
    package = book.packages.get(service.code)
    if package is not None and _in_force(package, buyer.on):
        packaged[package.code] = set(package.services)
        return total(book, service, package.price_minor, quantity, buyer, f"package:{package.code}")
    for code, remaining in packaged.items():
        if service.code in remaining and quantity == 1:
            remaining.discard(service.code)
            return Price(0, 0, 0, 0, 0, f"package:{code}:included")
    line = find_line(book.lines.get(service.code, []), buyer)
    if line is None:
        return None
    return total(book, service, line.price_minor, quantity, buyer, _source(line))
