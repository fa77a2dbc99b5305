"""How long a deposit lasts: reckoned from what a day costs, after what is owed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from almoner.enforcement.facts import Subject
from almoner.orders.models import Admission
from almoner.pages.step_actions import action_urls
from almoner.service_points.ward.deposits import lasts_until
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce
from tests.support.pages import HTMX, member_client, said, text_of, typed

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("deposit", "owed", "daily", "until"),
    [
        (45000, 0, 20000, date(2026, 3, 4)),
        (40000, 0, 20000, date(2026, 3, 4)),
        (39999, 0, 20000, date(2026, 3, 3)),
        (45000, 20000, 20000, date(2026, 3, 3)),
        (19999, 0, 20000, DAY),
        (10000, 50000, 20000, DAY),
        (0, 0, 20000, None),
        (10000, 0, 0, None),
        (10**15, 0, 1, DAY + timedelta(days=3650)),
    ],
)
def test_a_deposit_lasts_as_many_days_as_it_pays_for(
    deposit: int, owed: int, daily: int, until: date | None
) -> None:
    assert lasts_until(deposit, owed, daily, charged_until=DAY) == until


@pytest.mark.parametrize(("low", "asked"), [(1, False), (9, True)])
def test_the_stay_says_until_when_and_asks_for_more_when_it_is_low(
    day: BusyDay, low: int, asked: bool
) -> None:
    hospital = day.hospital
    enforce(hospital, "department", "inpatient", deposit_low_days=low)
    lying = day.visits["Kwame Mensah"]
    nurse = member_client(hospital.id, "ward_nurse")
    stay = next(
        tile.url
        for ward in nurse.get("/ward/").context["wards"]
        for tile in ward.beds
        if tile.patient == "Kwame Mensah"
    )
    before = text_of(nurse.get(stay))
    assert "The deposit of $100.00 lasts until Mar 2, 2026. Ask for more now" in before
    hospital.pay(day.patients["Kwame Mensah"], 70000, excess="deposit", encounter_id=lying.id, at=AT)
    page = text_of(nurse.get(stay))
    assert "The deposit of $800.00 lasts until" in page
    assert "lasts until Mar 2, 2026" not in page
    assert ("Ask for more now" in page) is asked


def test_a_bed_is_authorized_by_its_deposit(day: BusyDay) -> None:
    """A day costs 200.00; the ward asks for 500.00 beforehand."""
    hospital, visit = day.hospital, day.visits["Ana Ortiz"]
    enforce(hospital, "service", "bed_day", deposit_required_minor=50000)
    nurse = member_client(hospital.id, "ward_nurse")
    hospital.pay(day.patients["Ana Ortiz"], 30000, excess="deposit", shares=[], encounter_id=visit.id, at=AT)
    board = nurse.get("/ward/")
    assert "Deposit $300.00 of $500.00" in text_of(board)
    [row] = [row for row in board.context["waiting"] if row.patient == "Ana Ortiz"]
    assert row.is_held
    assert "A deposit of $500.00 is asked for Bed day; $300.00 of it is held." in text_of(nurse.get(row.url))
    with hospital.transaction():
        admission = Admission.objects.get(encounter=visit)
    cashier = member_client(hospital.id, "cashier")
    pay = action_urls("bed.assign", Subject(visit.id, admission.id))["pay"]
    form = cashier.get(pay, headers=HTMX).context["form"]
    assert form["amount"].value() == "200.00"
    assert "$200.00" in said(cashier.post(pay, typed(form, method="card"), headers=HTMX))
    [row] = [row for row in nurse.get("/ward/").context["waiting"] if row.patient == "Ana Ortiz"]
    assert (row.is_held, row.deposit) == (False, "Deposit $500.00 of $500.00")
    assert "The deposit of $500.00 for Bed day is held." in text_of(nurse.get(row.url))
