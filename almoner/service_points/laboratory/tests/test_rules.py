"""Which range holds for whom, and which flag a value gets: pure functions as tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from almoner.service_points.laboratory.rules import (
    Bounds,
    Usual,
    age_in_months,
    flag,
    lacking_specimens,
    usual_for,
)

BOUNDS = Bounds(Decimal(4), Decimal(11), Decimal("1.5"), Decimal(50))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("4", ""),
        ("11.0", ""),
        ("3.9", "L"),
        ("11,1", "H"),
        ("1.5", "L"),
        ("1.49", "LL"),
        ("50", "H"),
        ("50.1", "HH"),
        ("-1", "LL"),
        ("<4", ""),
        ("negative", ""),
        ("nan", ""),
        ("1e400", "HH"),
    ],
)
def test_a_value_gets_the_flag_of_where_it_lies(value: str, expected: str) -> None:
    assert flag(value, BOUNDS) == expected


@pytest.mark.parametrize(
    ("sex", "age_months", "low"),
    [
        ("female", 12 * 30, 12),
        ("male", 12 * 30, 13),
        ("male", 12 * 12, 13),
        ("male", 12 * 12 - 1, 11),
        ("female", 0, 14),
        ("female", 1, 11),
        ("other", 12 * 30, 10),
        ("male", None, 10),
    ],
)
def test_the_most_specific_range_that_fits_holds(sex: str, age_months: int | None, low: int) -> None:
    ranges = [
        Usual(Bounds(low=Decimal(10))),
        Usual(Bounds(low=Decimal(12)), sex="female", from_months=144),
        Usual(Bounds(low=Decimal(13)), sex="male", from_months=144),
        Usual(Bounds(low=Decimal(11)), to_months=144),
        Usual(Bounds(low=Decimal(14)), to_months=1),
        Usual(Bounds(), sex=sex),
    ]
    found = usual_for(ranges, sex, age_months)
    assert found is not None and found.bounds.low == low


@pytest.mark.parametrize(
    ("born", "on", "months"),
    [
        (date(2026, 3, 2), date(2026, 3, 2), 0),
        (date(2026, 1, 31), date(2026, 2, 28), 0),
        (date(2026, 1, 31), date(2026, 3, 1), 1),
        (date(2014, 3, 2), date(2026, 3, 1), 143),
        (date(2014, 3, 2), date(2026, 3, 2), 144),
        (date(2026, 3, 3), date(2026, 3, 2), None),
        (None, date(2026, 3, 2), None),
    ],
)
def test_an_age_is_counted_in_completed_months(born: date | None, on: date, months: int | None) -> None:
    assert age_in_months(born, on) == months


def test_one_sample_serves_every_test_of_its_specimen() -> None:
    assert lacking_specimens(["EDTA", "Serum", "EDTA"], []) == ["EDTA", "Serum"]
    assert lacking_specimens(["EDTA", "Serum", "EDTA"], ["EDTA"]) == ["Serum"]
