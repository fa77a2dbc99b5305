"""Instalments: they add up to the cent, whatever the total, and their days follow the calendar."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.kernel.errors import DomainError
from almoner.payments.models import PlanInstalment
from almoner.payments.plan_queries import fill
from almoner.payments.plans import Frequency, Terms, schedule

TODAY = date(2026, 3, 2)
REGULAR = [Frequency.WEEKLY, Frequency.FORTNIGHTLY, Frequency.MONTHLY]


@given(
    total=st.integers(min_value=1, max_value=10**13),
    share=st.integers(min_value=0, max_value=99),
    count=st.integers(min_value=1, max_value=120),
    frequency=st.sampled_from(REGULAR),
    wait=st.integers(min_value=0, max_value=400),
)
def test_regular_instalments_add_up_and_follow_each_other(
    total: int, share: int, count: int, frequency: Frequency, wait: int
) -> None:
    down = total * share // 100
    count = min(count, total - down)
    terms = Terms(count, TODAY + timedelta(days=wait), frequency, down_payment_minor=down)
    parts = schedule(terms, total, agreed_on=TODAY)
    assert sum(part.amount_minor for part in parts) == total
    assert all(part.amount_minor > 0 for part in parts)
    regular = [part for part in parts if part.number]
    assert len(regular) == count
    assert [part.due_on for part in regular] == sorted({part.due_on for part in regular})
    assert len({part.amount_minor for part in regular[:-1]}) <= 1
    assert 0 <= regular[-1].amount_minor - regular[0].amount_minor < count


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=20), st.integers(-5, 5))
def test_given_parts_are_taken_only_when_they_add_up(amounts: list[int], off: int) -> None:
    parts = tuple((TODAY + timedelta(days=number), amount) for number, amount in enumerate(amounts))
    terms = Terms(frequency=Frequency.DATES, parts=parts)
    total = sum(amounts) + off
    if off == 0:
        assert [one.amount_minor for one in schedule(terms, total, agreed_on=TODAY)] == amounts
    else:
        with pytest.raises(DomainError):
            schedule(terms, total, agreed_on=TODAY)


@given(st.lists(st.integers(min_value=1, max_value=10**6), min_size=1, max_size=12), st.integers(0, 10**7))
def test_payments_fill_the_instalments_in_the_order_of_their_days(amounts: list[int], paid: int) -> None:
    rows = [
        PlanInstalment(number=number, due_on=TODAY, amount_minor=one) for number, one in enumerate(amounts, 1)
    ]
    filled = fill(rows, paid)
    assert sum(one.paid_minor for one in filled) == min(paid, sum(amounts))
    partial = [one for one in filled if one.paid_minor < one.amount_minor]
    assert all(one.paid_minor == 0 for one in partial[1:])


def test_a_month_without_the_day_ends_earlier_and_the_next_has_it_again() -> None:
    parts = schedule(Terms(4, date(2027, 12, 31)), 1000, agreed_on=TODAY)
    assert [part.due_on.isoformat() for part in parts] == [
        "2027-12-31",
        "2028-01-31",
        "2028-02-29",
        "2028-03-31",
    ]


def test_the_last_instalment_takes_the_rest_and_the_down_payment_is_due_today() -> None:
    parts = schedule(Terms(3, date(2026, 4, 1), down_payment_minor=2000), 10001, agreed_on=TODAY)
    assert [(part.number, part.due_on.isoformat(), part.amount_minor) for part in parts] == [
        (0, "2026-03-02", 2000),
        (1, "2026-04-01", 2667),
        (2, "2026-05-01", 2667),
        (3, "2026-06-01", 2667),
    ]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"instalments": 0}, "instalments"),
        ({"instalments": 121}, "instalments"),
        ({"instalments": 101}, "instalments"),
        ({"first_due_on": None}, "first_due_on"),
        ({"first_due_on": TODAY - timedelta(days=1)}, "first_due_on"),
        ({"first_due_on": date(9999, 12, 1)}, "first_due_on"),
        ({"down_payment_minor": 100}, "down_payment_minor"),
        ({"down_payment_minor": -1}, "down_payment_minor"),
        ({"grace_days": 31}, "grace_days"),
        ({"frequency": Frequency.DATES}, "parts"),
        ({"frequency": Frequency.DATES, "parts": ((TODAY, 50), (TODAY, 50))}, "parts"),
        ({"frequency": Frequency.DATES, "parts": ((TODAY, 150), (date(2026, 4, 1), -50))}, "parts"),
        ({"frequency": Frequency.DATES, "parts": ((date(2026, 3, 1), 100),)}, "parts"),
    ],
)
def test_terms_that_are_none_are_refused_at_their_field(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        schedule(Terms(**{"instalments": 3, "first_due_on": TODAY, **terms}), 100, agreed_on=TODAY)
    assert refused.value.field == field


def test_terms_come_back_as_they_were_stored() -> None:
    terms = Terms(0, None, Frequency.DATES, 500, 3, ((date(2026, 4, 1), 700),))
    assert Terms.of_data(terms.as_data()) == terms
