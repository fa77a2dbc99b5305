"""Which charges an event makes, and when they fall due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.catalog.pricing import Line, PackageLine, PriceBook, PricedService
from almoner.charging.rules import (
    Context,
    Draft,
    Event,
    EventLine,
    Rule,
    check_quantity,
    draft_charges,
    due_at,
    packages_left,
)
from almoner.kernel.errors import DomainError
from almoner.kernel.ids import new_id

TODAY = date(2026, 3, 2)
KIND = "medication.prescribed"


def service(code: str, *flags: str) -> PricedService:
    return PricedService(new_id(), code, code, "medication", flags=frozenset(flags))


BOOK = PriceBook(
    "USD",
    services={
        s.code: s
        for s in (service("aspirin"), service("morphine", "special"), service("fee"), service("box"))
    },
    lines={code: [Line(minor, TODAY)] for code, minor in (("aspirin", 50), ("morphine", 900), ("fee", 200))},
    packages={"box": PackageLine("box", 700, frozenset({"aspirin", "morphine"}), TODAY)},
)


def drafts(*rules: Rule, context: Context | None = None, lines: tuple[EventLine, ...] = ()) -> list[Draft]:
    event = Event(KIND, "key", lines=lines)
    return draft_charges(event, context or Context(), list(rules), BOOK, TODAY)


def found(made: list[Draft]) -> list[tuple[int, str, str]]:
    return [(draft.line, draft.rule.code, draft.service.code) for draft in made]


BOTH = (EventLine("aspirin", Decimal(20)), EventLine("morphine"))


def test_a_rule_per_line_charges_each_line_at_its_quantity() -> None:
    made = drafts(Rule("medication", KIND, per_line=True), lines=BOTH)
    assert found(made) == [(1, "medication", "aspirin"), (2, "medication", "morphine")]
    assert [draft.price.net_minor for draft in made if draft.price] == [1000, 900]


def test_a_rule_of_the_event_charges_its_service_once() -> None:
    made = drafts(Rule("dispensing", KIND, service="fee"), lines=BOTH)
    assert found(made) == [(0, "dispensing", "fee")]
    assert made[0].quantity == 1


def test_a_rule_with_a_flag_charges_only_for_the_lines_that_have_it() -> None:
    made = drafts(Rule("handling", KIND, service="fee", per_line=True, line_flag="special"), lines=BOTH)
    assert found(made) == [(2, "handling", "fee")]
    assert made[0].quantity == 1


def test_rules_of_other_events_charge_nothing() -> None:
    assert drafts(Rule("other", "lab_test.ordered", service="fee"), lines=BOTH) == []


@pytest.mark.parametrize(
    ("condition", "value", "context"),
    [
        ("department", "cardiology", {"department": "cardiology"}),
        ("department_kind", "specialist", {"department_kind": "specialist"}),
        ("ward_type", "private", {"ward_type": "private"}),
    ],
)
def test_a_rule_with_a_condition_charges_only_where_it_fits(
    condition: str, value: str, context: dict[str, str]
) -> None:
    rule = Rule("fee", KIND, service="fee", **{condition: value})  # type: ignore[arg-type]
    assert found(drafts(rule, context=Context(**context))) == [(0, "fee", "fee")]  # type: ignore[arg-type]
    assert drafts(rule, context=Context(**dict.fromkeys(context, "another"))) == []  # type: ignore[arg-type]
    assert drafts(rule) == []


@pytest.mark.parametrize(
    ("once_per", "charged"), [("patient", "charged_once_patient"), ("encounter", "charged_once_encounter")]
)
def test_a_rule_that_charges_once_is_passed_over_when_it_has(once_per: str, charged: str) -> None:
    rule = Rule("registration", KIND, service="fee", once_per=once_per)
    context: dict[str, Any] = {charged: frozenset({"registration"})}
    other: dict[str, Any] = {charged: frozenset({"another"})}
    assert (
        found(drafts(rule)) == found(drafts(rule, context=Context(**other))) == [(0, "registration", "fee")]
    )
    assert drafts(rule, context=Context(**context)) == []


def test_an_agreed_price_is_kept_and_says_so() -> None:
    made = drafts(Rule("import", KIND, per_line=True), lines=(EventLine("aspirin", Decimal(3), 70),))
    assert made[0].price is not None
    assert (made[0].price.net_minor, made[0].price.source) == (210, "import")


def test_a_service_without_a_price_makes_a_charge_without_one() -> None:
    book = PriceBook("USD", services={"aspirin": service("aspirin")})
    event = Event(KIND, "key", lines=(EventLine("aspirin"),))
    (draft,) = draft_charges(event, Context(), [Rule("medication", KIND, per_line=True)], book, TODAY)
    assert draft.price is None


@pytest.mark.parametrize(
    ("lines", "field", "code"),
    [
        ((EventLine("aspirin"), EventLine("nothing")), "lines[1].service", "unknown_service"),
        ((EventLine("aspirin", Decimal(0)),), "lines[0].quantity", "invalid_quantity"),
        ((EventLine("aspirin", Decimal(-1)),), "lines[0].quantity", "invalid_quantity"),
    ],
)
def test_a_line_that_cannot_be_is_named(lines: tuple[EventLine, ...], field: str, code: str) -> None:
    with pytest.raises(DomainError) as refusal:
        drafts(Rule("medication", KIND, per_line=True), lines=lines)
    assert (refusal.value.field, refusal.value.code) == (field, code)


def test_a_line_that_no_rule_charges_is_checked_all_the_same() -> None:
    with pytest.raises(DomainError, match="no service 'nothing'"):
        drafts(lines=(EventLine("nothing"),))


@pytest.mark.parametrize("quantity", ["0", "-1", "100000.001", "1.0001", "NaN", "Infinity", "1e30", "0.0005"])
def test_an_impossible_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(DomainError) as refusal:
        check_quantity(Decimal(quantity), "quantity")
    assert refusal.value.field == "quantity"


@pytest.mark.parametrize("quantity", ["0.001", "1", "2.50", "100000", "1E+2"])
def test_a_possible_quantity_is_kept(quantity: str) -> None:
    assert check_quantity(Decimal(quantity), "quantity") == Decimal(quantity)


def test_what_a_package_may_still_give_follows_from_the_charges_of_the_visit() -> None:
    assert packages_left(BOOK, []) == {}
    assert packages_left(BOOK, ["package:box>box"]) == {"box": {"aspirin", "morphine"}}
    assert packages_left(BOOK, ["package:box>box", "package:box:included>aspirin"]) == {"box": {"morphine"}}
    assert packages_left(BOOK, ["package:gone>gone", "package:gone:included>aspirin"]) == {}


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


NEW_YORK, KOLKATA = "America/New_York", "Asia/Kolkata"


@pytest.mark.parametrize(
    ("timing", "cycle", "happened", "zone", "due"),
    [
        ("", "real_time", "2026-03-02T15:00", NEW_YORK, "2026-03-02T15:00"),
        ("immediate", "monthly_batch", "2026-03-02T15:00", NEW_YORK, "2026-03-02T15:00"),
        ("within_24h", "real_time", "2026-03-02T15:00", NEW_YORK, "2026-03-03T15:00"),
        ("end_of_visit", "real_time", "2026-03-02T15:00", NEW_YORK, "2026-03-03T00:00"),
        ("", "daily_batch", "2026-03-02T15:00", NEW_YORK, "2026-03-03T00:00"),
        ("", "daily_batch", "2026-03-02T00:00", NEW_YORK, "2026-03-03T00:00"),
        ("", "daily_batch", "2026-03-02T23:59", KOLKATA, "2026-03-03T00:00"),
        ("", "weekly_batch", "2026-03-02T15:00", NEW_YORK, "2026-03-09T00:00"),  # a Monday
        ("", "weekly_batch", "2026-03-08T15:00", NEW_YORK, "2026-03-09T00:00"),  # a Sunday
        ("", "monthly_batch", "2026-03-02T15:00", NEW_YORK, "2026-04-01T00:00"),
        ("monthly", "real_time", "2026-03-31T23:59", NEW_YORK, "2026-04-01T00:00"),
        ("monthly", "real_time", "2026-12-31T12:00", NEW_YORK, "2027-01-01T00:00"),
        ("monthly", "real_time", "2026-02-28T12:00", NEW_YORK, "2026-03-01T00:00"),
        ("monthly", "real_time", "2028-02-28T12:00", NEW_YORK, "2028-03-01T00:00"),  # a leap year
        ("monthly", "real_time", "2028-02-29T12:00", NEW_YORK, "2028-03-01T00:00"),
        # The day that has 23 hours (8 March) and the day that has 25 (1 November).
        ("", "daily_batch", "2026-03-08T01:30", NEW_YORK, "2026-03-09T00:00"),
        ("", "daily_batch", "2026-11-01T00:30", NEW_YORK, "2026-11-02T00:00"),
        ("", "weekly_batch", "2026-10-27T12:00", NEW_YORK, "2026-11-02T00:00"),
        ("monthly", "real_time", "2026-11-01T00:30", NEW_YORK, "2026-12-01T00:00"),
    ],
)
def test_when_a_charge_falls_due(timing: str, cycle: str, happened: str, zone: str, due: str) -> None:
    assert due_at(timing, cycle, local(happened, zone), zone) == local(due, zone)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-07", 24), ("2026-03-08", 23), ("2026-11-01", 25)])
def test_the_end_of_a_local_day_is_23_24_or_25_hours_after_its_beginning(day: str, hours: int) -> None:
    begins = local(f"{day}T00:00", NEW_YORK).astimezone(UTC)
    assert due_at("end_of_visit", "real_time", begins, NEW_YORK) - begins == timedelta(hours=hours)


def test_within_24h_is_24_hours_even_when_the_clock_changes() -> None:
    happened = local("2026-03-07T15:00", NEW_YORK)
    due = due_at("within_24h", "real_time", happened.astimezone(UTC), NEW_YORK)
    assert due - happened.astimezone(UTC) == timedelta(hours=24)


instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from([NEW_YORK, KOLKATA, "UTC", "Australia/Lord_Howe", "Pacific/Apia", "Europe/London"])


@given(
    st.sampled_from(["", "immediate", "within_24h", "end_of_visit", "monthly"]),
    st.sampled_from(["real_time", "daily_batch", "weekly_batch", "monthly_batch"]),
    instants,
    zones,
)
def test_nothing_falls_due_before_it_happened_or_later_than_its_month(
    timing: str, cycle: str, happened: datetime, zone: str
) -> None:
    due = due_at(timing, cycle, happened, zone)
    assert happened <= due <= happened + timedelta(days=32)


@given(instants, instants, zones, st.sampled_from(["end_of_visit", "monthly", "within_24h"]))
def test_what_happened_earlier_is_never_due_later(
    one: datetime, other: datetime, zone: str, timing: str
) -> None:
    first, second = sorted((one, other))
    assert due_at(timing, "real_time", first, zone) <= due_at(timing, "real_time", second, zone)
