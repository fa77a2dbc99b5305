"""What holds of every price, whatever the book says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from almoner.catalog.pricing import (
    Buyer,
    DiscountLine,
    Line,
    PackageLine,
    Price,
    PriceBook,
    PricedService,
    TaxRate,
    find_line,
    price,
    total,
)
from almoner.kernel.ids import new_id

START = date(2026, 1, 1)
BUYER = Buyer(
    on=date(2026, 3, 2), payer="acme", patient_category="senior", ward_type="private", department="cardiology"
)

amounts = st.integers(min_value=0, max_value=10**9)
quantities = st.decimals(min_value=Decimal("0.001"), max_value=100_000, places=3)
percents = st.decimals(min_value=0, max_value=100, places=4)
steps = st.sampled_from([1, 5, 10, 100])
taxes = st.none() | st.builds(TaxRate, st.just("tax"), percents, st.booleans())
services = st.builds(
    PricedService, st.builds(new_id), st.just("service"), st.just("Service"), st.just("procedure"), tax=taxes
)
discounts = st.builds(DiscountLine, st.just("percent"), st.just(START), percent=percents) | st.builds(
    DiscountLine, st.just("amount"), st.just(START), amount_minor=amounts
)
books = st.builds(
    PriceBook, st.just("USD"), rounding_step_minor=steps, discounts=st.lists(discounts, max_size=3)
)


def cost(book: PriceBook, service: PricedService, unit: int, quantity: Decimal) -> Price:
    return total(book, service, unit, quantity, BUYER, "tariff")


@given(books, services, amounts, quantities)
def test_no_amount_is_negative_and_a_discount_never_exceeds_the_gross(
    book: PriceBook, service: PricedService, unit: int, quantity: Decimal
) -> None:
    answer = cost(book, service, unit, quantity)
    assert min(answer.gross_minor, answer.tax_minor, answer.net_minor, answer.discount_minor) >= 0
    assert answer.discount_minor <= answer.gross_minor
    assert answer.net_minor % book.rounding_step_minor == 0


@given(books, services, amounts, quantities)
def test_the_net_is_what_its_parts_come_to_within_half_a_step(
    book: PriceBook, service: PricedService, unit: int, quantity: Decimal
) -> None:
    answer = cost(book, service, unit, quantity)
    added = 0 if service.tax is None or service.tax.inclusive else answer.tax_minor
    exact = answer.gross_minor - answer.discount_minor + added
    assert abs(answer.net_minor - exact) * 2 <= book.rounding_step_minor


@given(books, services, amounts, quantities, percents)
def test_a_tax_inside_the_price_never_changes_what_is_paid(
    book: PriceBook, service: PricedService, unit: int, quantity: Decimal, percent: Decimal
) -> None:
    untaxed = cost(book, replace(service, tax=None), unit, quantity)
    taxed = cost(book, replace(service, tax=TaxRate("tax", percent, True)), unit, quantity)
    assert taxed.net_minor == untaxed.net_minor
    assert 0 <= taxed.tax_minor <= taxed.gross_minor - taxed.discount_minor


@given(amounts, quantities, quantities)
def test_two_lines_cost_what_one_of_both_does_within_a_minor_unit(
    unit: int, one: Decimal, other: Decimal
) -> None:
    book, service = PriceBook("USD"), PricedService(new_id(), "service", "Service", "procedure")
    apart = cost(book, service, unit, one).net_minor + cost(book, service, unit, other).net_minor
    assert abs(cost(book, service, unit, one + other).net_minor - apart) <= 1


@given(services, amounts, quantities, st.lists(discounts, min_size=1, max_size=5))
def test_the_best_discount_is_given_and_only_that(
    service: PricedService, unit: int, quantity: Decimal, lines: list[DiscountLine]
) -> None:
    together = cost(PriceBook("USD", discounts=lines), service, unit, quantity)
    alone = [cost(PriceBook("USD", discounts=[line]), service, unit, quantity) for line in lines]
    assert together.discount_minor == max(answer.discount_minor for answer in alone)


@given(services, amounts, quantities)
def test_a_price_that_is_higher_never_costs_less(
    service: PricedService, unit: int, quantity: Decimal
) -> None:
    book = PriceBook("USD")
    assert cost(book, service, unit, quantity).net_minor <= cost(book, service, unit + 1, quantity).net_minor


conditions = st.sampled_from(["", "mine", "other"])
lines = st.builds(
    Line,
    amounts,
    st.dates(START - timedelta(days=400), START + timedelta(days=400)),
    payer=conditions,
    patient_category=conditions,
    ward_type=conditions,
    department=conditions,
)
MINE = Buyer(on=date(2026, 3, 2), payer="mine", patient_category="mine", ward_type="mine", department="mine")


@given(st.lists(lines, max_size=8))
def test_the_line_that_wins_fits_and_no_fitting_line_is_more_specific(lines: list[Line]) -> None:
    found = find_line(lines, MINE)
    fitting = [
        line
        for line in lines
        if line.starts_on <= MINE.on
        and "other" not in (line.payer, line.patient_category, line.ward_type, line.department)
    ]
    assert (found is None) is (not fitting)
    if found is None:
        return
    assert found in fitting

    def weight(line: Line) -> int:
        places = (line.payer, line.patient_category, line.ward_type, line.department)
        return sum(2**power for power, place in enumerate(reversed(places)) if place)

    assert weight(found) == max(weight(line) for line in fitting)


@given(st.lists(lines, max_size=8))
def test_the_order_of_the_lines_does_not_matter(lines: list[Line]) -> None:
    once = list(
        {
            (line.payer, line.patient_category, line.ward_type, line.department, line.starts_on): line
            for line in lines
        }.values()
    )
    assert find_line(once, MINE) == find_line(once[::-1], MINE)


def test_without_a_line_there_is_no_price_and_never_a_zero() -> None:
    service = PricedService(new_id(), "service", "Service", "procedure")
    assert price(PriceBook("USD"), service, Decimal(1), BUYER, {}) is None


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=8))
def test_a_package_gives_each_of_its_services_once(taken: list[str]) -> None:
    catalog = {code: PricedService(new_id(), code, code, "procedure") for code in ("a", "b", "c", "box")}
    book = PriceBook(
        "USD",
        services=catalog,
        lines={code: [Line(1000, START)] for code in ("a", "b", "c")},
        packages={"box": PackageLine("box", 1500, frozenset({"a", "b"}), START)},
    )
    left: dict[str, set[str]] = {}
    bought = price(book, catalog["box"], Decimal(1), BUYER, left)
    assert bought is not None and bought.net_minor == 1500
    paid = [price(book, catalog[code], Decimal(1), BUYER, left) for code in taken]
    free = [answer for answer in paid if answer is not None and answer.net_minor == 0]
    assert len(free) == len({"a", "b"} & set(taken))
    assert sum(answer.net_minor for answer in paid if answer) == 1000 * (len(taken) - len(free))
