"""Every example of docs/explanation/pricing.md, priced from the price book on the same page."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal
from functools import cache

import pytest
from django.db import IntegrityError
from django.db.transaction import atomic

from almoner.catalog.models import TariffLine
from almoner.catalog.pricing import (
    Buyer,
    DiscountLine,
    Line,
    PackageLine,
    Price,
    PriceBook,
    PricedService,
    TaxRate,
    price,
)
from almoner.kernel.ids import new_id
from almoner.kernel.money import parse_minor
from tests.docs.tables import Row, parameters, read_rows, read_tables
from tests.support.hospital import make_hospital

PAGE = "explanation/pricing.md"
BUYER = ("on", "payer", "category", "ward type", "department")
ANSWER = ("unit price", "gross", "discount", "tax", "net", "price from", "discount from", "tax from")
EXAMPLE_COLUMNS = ("visit", "service", "quantity", "rounding step", *BUYER, *ANSWER)
CONDITIONS = ("payer", "category", "ward type", "department", "from", "to")
BOOK_TABLES = ("Services", "Taxes", "Tariff lines", "Discounts", "Packages")
OTHER_TABLES = ("Lines that could tie are refused", "Where this lives")
EXAMPLE_TABLES = [name for name in read_tables(PAGE) if name not in (*BOOK_TABLES, *OTHER_TABLES)]


def minor(text: str) -> int:
    return parse_minor(text, "USD")


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def first_day(row: Row) -> date:
    return date.fromisoformat(row["from"])


def _services() -> dict[str, PricedService]:
    taxes = {
        row["tax"]: TaxRate(
            row["tax"],
            Decimal(row["percent"]),
            {"with tax": True, "without tax": False}[row["listed prices"]],
        )
        for row in read_rows(PAGE, "Taxes", ("tax", "percent", "listed prices"))
    }
    return {
        row["service"]: PricedService(
            id=new_id(),
            code=row["service"],
            name=row["service"],
            kind=row["kind"],
            tax=taxes[row["tax"]] if row["tax"] else None,
        )
        for row in read_rows(PAGE, "Services", ("service", "kind", "tax"))
    }


@cache
def book(rounding_step_minor: int) -> PriceBook:
    """The price book of the page."""
    lines: dict[str, list[Line]] = {}
    for row in read_rows(PAGE, "Tariff lines", ("service", "price", *CONDITIONS)):
        lines.setdefault(row["service"], []).append(
            Line(
                price_minor=minor(row["price"]),
                starts_on=first_day(row),
                ends_on=day(row["to"]),
                payer=row["payer"],
                patient_category=row["category"],
                ward_type=row["ward type"],
                department=row["department"],
            )
        )
    discounts = [
        DiscountLine(
            code=row["discount"],
            starts_on=first_day(row),
            ends_on=day(row["to"]),
            percent=Decimal(row["percent"]) if row["percent"] else None,
            amount_minor=minor(row["amount"]) if row["amount"] else None,
            payer=row["payer"],
            patient_category=row["category"],
            department=row["department"],
            service_kind=row["kind"],
            service=row["service"],
        )
        for row in read_rows(
            PAGE,
            "Discounts",
            (
                "discount",
                "percent",
                "amount",
                "payer",
                "category",
                "department",
                "kind",
                "service",
                "from",
                "to",
            ),
        )
    ]
    packages = {
        row["package"]: PackageLine(
            row["package"],
            minor(row["price"]),
            frozenset(row["services"].split(", ")),
            first_day(row),
            day(row["to"]),
        )
        for row in read_rows(PAGE, "Packages", ("package", "price", "services", "from", "to"))
    }
    return PriceBook("USD", rounding_step_minor, _services(), lines, discounts, packages)


def run(row: Row, packaged: dict[str, set[str]]) -> Price | None:
    prices = book(minor(row.get("rounding step", "0.01")))
    buyer = Buyer(
        on=date.fromisoformat(row["on"]),
        payer=row.get("payer"),
        patient_category=row.get("category"),
        ward_type=row.get("ward type"),
        department=row.get("department"),
    )
    return price(prices, prices.services[row["service"]], Decimal(row.get("quantity", "1")), buyer, packaged)


def check(row: Row, answer: Price | None) -> None:
    """The columns that the table has, against the price that was found."""
    if answer is None:
        expected = {column: row[column] for column in ("unit price", "net")}
        assert set(expected.values()) == {"unpriced"}, row
        return
    found: dict[str, int | str] = {
        "unit price": answer.unit_price_minor,
        "gross": answer.gross_minor,
        "discount": answer.discount_minor,
        "tax": answer.tax_minor,
        "net": answer.net_minor,
    }
    sources = {
        "price from": answer.source,
        "discount from": answer.discount_source,
        "tax from": answer.tax_source,
    }
    assert {column: minor(row[column]) for column in found if column in row.cells} == {
        column: amount for column, amount in found.items() if column in row.cells
    }, row
    assert {column: row[column] for column in sources if column in row.cells} == {
        column: source for column, source in sources.items() if column in row.cells
    }, row


def examples(table: str) -> list[Row]:
    return read_rows(PAGE, table, EXAMPLE_COLUMNS)


def test_the_page_has_its_tables() -> None:
    assert len(EXAMPLE_TABLES) >= 8


@pytest.mark.parametrize(
    "row",
    parameters(
        row
        for table in EXAMPLE_TABLES
        if "visit" not in read_tables(PAGE)[table][0]
        for row in examples(table)
    ),
)
def test_an_example_costs_what_the_page_says(row: Row) -> None:
    check(row, run(row, {}))


@pytest.mark.parametrize("visit", sorted({row["visit"] for row in examples("Packages in a visit")}))
def test_a_visit_with_a_package_costs_what_the_page_says(visit: str) -> None:
    packaged: dict[str, set[str]] = {}
    for row in examples("Packages in a visit"):
        if row["visit"] == visit:
            check(row, run(row, packaged))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row", parameters(read_rows(PAGE, "Lines that could tie are refused", ("service", *CONDITIONS, "answer")))
)
def test_lines_that_could_tie_are_refused_by_the_database(row: Row) -> None:
    hospital = make_hospital()

    def add(service: str, starts_on: date, ends_on: date | None, **conditions: str) -> None:
        TariffLine.objects.create(
            hospital_id=hospital.id,
            service_id=hospital.services[service],
            price_minor=100,
            starts_on=starts_on,
            ends_on=ends_on,
            **conditions,
        )

    with hospital.transaction():
        TariffLine.objects.all().delete()
        add("consultation", date(2026, 1, 1), date(2026, 6, 30))
        add("blood_count", date(2026, 1, 1), None, payer="acme")
        conditions = {
            "payer": row["payer"],
            "patient_category": row["category"],
            "ward_type": row["ward type"],
            "department": row["department"],
        }
        if row["answer"] == "accepted":
            add(row["service"], first_day(row), day(row["to"]), **conditions)
            return
        assert row["answer"] == "refused"
        with pytest.raises(IntegrityError, match="tariff_lines_do_not_overlap"), atomic():
            add(row["service"], first_day(row), day(row["to"]), **conditions)


def test_every_condition_and_every_kind_of_price_has_an_example() -> None:
    prices = book(1)
    lines = [line for of_service in prices.lines.values() for line in of_service]
    for name in ("payer", "patient_category", "ward_type", "department", "ends_on"):
        assert any(getattr(line, name) for line in lines), name
    for item in fields(DiscountLine):
        assert any(getattr(line, item.name) for line in prices.discounts), item.name
    assert {service.tax.inclusive for service in prices.services.values() if service.tax} == {True, False}
    rows = [row for table in EXAMPLE_TABLES for row in examples(table)]
    sources = {row.get("price from").split("@")[0].split("/")[0].replace("maternity", "x") for row in rows}
    assert {"tariff:standard", "package:x", "package:x:included", ""} <= sources
    assert {line.code for line in prices.discounts} <= {row.get("discount from") for row in rows}
