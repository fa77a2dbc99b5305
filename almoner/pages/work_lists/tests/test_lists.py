"""The billing office's lists: what stands on them, and that settling a row takes it off, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.catalog.models import TariffLine
from almoner.charging.models import ChargeItem, WorkReview
from almoner.identity.models import AuditRecord
from almoner.orders.models import Prescription, TestOrder
from almoner.orders.operations import order_tests
from almoner.pages import work_lists as room
from almoner.patients.operations import close_encounter
from almoner.payments.corrections import cancel_with_reason, revise_quantity
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.pharmacy import operations as pharmacy
from almoner.service_points.ward.accrual import settle
from tests.support.day import AT, BusyDay
from tests.support.hospital import PRICES_START, change_configuration
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

LISTS = ("unpriced", "unbilled", "undelivered", "late")


@pytest.fixture
def billing(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "billing_staff")


def later(monkeypatch: pytest.MonkeyPatch, **passed: int) -> datetime:
    """Let the pages think that so much time has passed."""
    at = AT + timedelta(**passed)
    monkeypatch.setattr("almoner.pages.staff.now", lambda: at)
    return at


def rows(client: Client, name: str, **query: str) -> list[Any]:
    answer = client.get(reverse(f"work_lists:{name}"), query)
    assert answer.status_code == 200
    return answer.context["rows"]


def of(client: Client, name: str, patient: str) -> list[Any]:
    return [row for row in rows(client, name) if row.patient == patient]


def press(client: Client, row: Any, title: str, **fields: object) -> HttpResponse:
    """Open the row's dialog of that title, type and send it; or press what does it at once."""
    if row.direct is not None and row.direct.title == title:
        return client.post(row.direct.url, headers=HTMX)
    [url] = [action.url for action in row.actions if action.title == title]
    opened = client.get(url, headers=HTMX)
    assert opened.status_code == 200, text_of(opened)
    return client.post(url, typed(opened.context["form"], **fields), headers=HTMX)


def unlisted(day: BusyDay) -> ChargeItem:
    captured = day.hospital.capture(
        "service.provided", "unlisted", encounter=day.visits["Maria Silva"], at=AT, quantity=3
    )
    return item(day, captured.items[0]["id"])


def item(day: BusyDay, item_id: object) -> ChargeItem:
    with day.hospital.transaction():
        return ChargeItem.objects.get(id=item_id)


def test_an_unpriced_charge_gets_the_stated_price_and_leaves_the_list(day: BusyDay, billing: Client) -> None:
    charge = unlisted(day)
    [row] = rows(billing, "unpriced")
    assert (row.patient, row.what, row.amount) == ("Maria Silva", "Unlisted × 3", "")
    answer = press(billing, row, "Give the price", price="12.50")
    assert (answer.status_code, said(answer)) == (200, "Priced: $37.50.")
    assert rows(billing, "unpriced") == []
    assert (item(day, charge.id).status, item(day, charge.id).net_minor) == ("billable", 3750)
    with day.hospital.transaction():
        assert AuditRecord.objects.get(action="charge.priced").subject_id == charge.id
    again = press(billing, row, "Give the price", price="99")
    assert again.status_code == 422 and "has its price already" in text_of(again)
    assert item(day, charge.id).net_minor == 3750


def test_without_a_stated_price_the_tariffs_are_asked(day: BusyDay, billing: Client) -> None:
    charge = unlisted(day)
    [row] = rows(billing, "unpriced")
    answer = press(billing, row, "Give the price")
    assert answer.status_code == 422
    assert "No tariff gives a price" in answer.context["form"].errors["price"][0]
    with day.hospital.transaction():
        TariffLine.objects.create(
            hospital_id=day.hospital.id, service_id=charge.service_id, price_minor=400, starts_on=PRICES_START
        )
        change_configuration(day.hospital)
    assert said(press(billing, row, "Give the price")) == "Priced: $12.00."


def order_without_charge(day: BusyDay) -> TestOrder:
    """Tomás has two tests; one charge is taken back before they are processed."""
    placed = order_tests(
        day.hospital.id,
        encounter_id=day.visits["Tomás Herrera"].id,
        services=["blood_count", "lipid_panel"],
        idempotency_key="unbilled",
        actor=day.hospital.actor,
        at=AT - timedelta(minutes=20),
    )
    blood = next(row["id"] for row in placed.captured.items if row["service"] == "blood_count")
    day.hospital.pay(
        day.patients["Tomás Herrera"],
        3500,
        shares=[(row["id"], 3500) for row in placed.captured.items if row["id"] != blood],
        at=AT - timedelta(minutes=15),
    )
    cancel(day, blood)
    laboratory.process(
        day.hospital.id, placed.order.id, actor=day.hospital.actor, at=AT - timedelta(minutes=5)
    )
    return placed.order


def cancel(day: BusyDay, item_id: object, at: datetime = AT - timedelta(minutes=10)) -> None:
    cancel_with_reason(
        day.hospital.id,
        item_id,  # type: ignore[arg-type]
        reason="slip",
        idempotency_key=f"cancel-{item_id}",
        actor=day.hospital.actor,
        at=at,
    )


def test_a_processed_test_whose_charge_was_taken_back_before_is_unbilled(
    day: BusyDay, billing: Client
) -> None:
    assert rows(billing, "unbilled") == []
    order = order_without_charge(day)
    [row] = rows(billing, "unbilled")
    assert (row.patient, row.what) == ("Tomás Herrera", "Blood count")
    assert order.number in row.note
    answer = press(billing, row, "Charge it")
    assert said(answer) == "Charged: $30.00."
    with day.hospital.transaction():
        charge = ChargeItem.objects.get(order_id=order.id, service__code="blood_count", status="billable")
    assert charge.net_minor == 3000 and charge.delivered_at == AT - timedelta(minutes=5)
    assert rows(billing, "unbilled") == [] and rows(billing, "late") == []
    assert billing.post(row.direct.url, headers=HTMX).status_code == 404, (
        "charged once, whoever presses again"
    )
    cancel(day, charge.id, at=AT)
    assert rows(billing, "unbilled") == [], "taken back after the work was done: a decision"


def test_work_that_needs_no_charge_leaves_the_list_with_a_reason(day: BusyDay, billing: Client) -> None:
    order_without_charge(day)
    [row] = rows(billing, "unbilled")
    assert press(billing, row, "No charge", note=" ").status_code == 422
    assert said(press(billing, row, "No charge", note="Repeated for free")) == "Taken off the list."
    assert rows(billing, "unbilled") == []
    with day.hospital.transaction():
        review = WorkReview.objects.get()
    assert (review.work_list, review.note) == ("unbilled", "Repeated for free")


def dispensed(day: BusyDay) -> Prescription:
    """Tomás gets his 21 amoxicillin, paid."""
    with day.hospital.transaction():
        pills = Prescription.objects.get()
        [charge] = ChargeItem.objects.filter(order_id=pills.id)
    day.hospital.pay(day.patients["Tomás Herrera"], 1050, shares=[(charge.id, 1050)], at=AT)
    pharmacy.dispense(
        day.hospital.id,
        pills.id,
        idempotency_key="all",
        actor=day.hospital.actor,
        at=AT - timedelta(minutes=5),
    )
    return pills


def test_what_was_handed_out_and_brought_back_is_not_unbilled(day: BusyDay, billing: Client) -> None:
    pills = dispensed(day)
    assert rows(billing, "unbilled") == []
    with day.hospital.transaction():
        [charge] = ChargeItem.objects.filter(order_id=pills.id, status="billable")
    revise_quantity(
        day.hospital.id,
        charge.id,
        quantity=Decimal(16),
        reason="five came back",
        idempotency_key="back",
        actor=day.hospital.actor,
        at=AT,
    )
    assert rows(billing, "unbilled") == []


def test_medication_handed_out_beyond_its_charge_is_charged_for_the_rest(
    day: BusyDay, billing: Client
) -> None:
    with day.hospital.transaction():
        pills = Prescription.objects.get()
        [charge] = ChargeItem.objects.filter(order_id=pills.id)
    revise_quantity(
        day.hospital.id,
        charge.id,
        quantity=Decimal(15),
        reason="slip",
        idempotency_key="less",
        actor=day.hospital.actor,
        at=AT - timedelta(minutes=10),
    )
    day.hospital.pay(day.patients["Tomás Herrera"], 9000, at=AT - timedelta(minutes=8), excess="deposit")
    pharmacy.dispense(
        day.hospital.id,
        pills.id,
        idempotency_key="all",
        actor=day.hospital.actor,
        at=AT - timedelta(minutes=5),
    )
    [row] = rows(billing, "unbilled")
    assert row.what == "Amoxicillin × 6"
    assert said(press(billing, row, "Charge it")) == "Charged: $3.00."
    assert rows(billing, "unbilled") == []


def test_a_night_in_bed_without_its_daily_charge_is_charged_by_day(
    day: BusyDay, billing: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert of(billing, "unbilled", "Kwame Mensah") == []
    at = later(monkeypatch, days=3)
    found = of(billing, "unbilled", "Kwame Mensah")
    assert len(found) == 2, "the first day was charged with the bed, today is not over"
    assert said(press(billing, found[0], "Charge it")) == "Charged: $600.00."
    assert of(billing, "unbilled", "Kwame Mensah") == []
    with day.hospital.transaction():
        admission = ChargeItem.objects.filter(charge_type="daily", status="billable").first()
        assert admission is not None
    assert settle(day.hospital.id, admission.order_id, actor=day.hospital.actor, at=at) == []  # type: ignore[arg-type]


def test_a_charge_never_delivered_is_listed_after_a_week_and_delivered_or_cancelled(
    day: BusyDay, billing: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows(billing, "undelivered") == []
    later(monkeypatch, days=8)
    [john, panel] = of(billing, "undelivered", "John Doe")
    assert {john.what, panel.what} == {"Blood count", "Lipid panel"}
    assert rows(billing, "undelivered", days="30") == []
    assert said(press(billing, john, "It was given", reason="Paper form")) == "Delivered: it is revenue now."
    again = press(billing, john, "It was given", reason="Paper form")
    assert again.status_code == 422 and "delivered already" in text_of(again)
    assert said(press(billing, panel, "Cancel", reason="Never taken")) == "The charge is taken back."
    assert of(billing, "undelivered", "John Doe") == []
    with day.hospital.transaction():
        actions = set(AuditRecord.objects.values_list("action", flat=True))
    assert {"charge.delivery_confirmed", "charge.cancelled"} <= actions


def test_an_event_after_discharge_is_listed_until_it_is_reviewed(day: BusyDay, billing: Client) -> None:
    assert rows(billing, "late") == []
    visit = day.visits["Priya Raman"]
    close_encounter(day.hospital.id, visit.id, actor=day.hospital.actor, at=AT - timedelta(minutes=3))
    day.hospital.capture("service.provided", "bandage", encounter=visit, at=AT)
    [row] = rows(billing, "late")
    assert (row.patient, row.amount, row.amount_note) == ("Priya Raman", "$11.00", "$11.00 open")
    assert said(press(billing, row, "Reviewed", note="Bill sent")) == "Reviewed."
    assert rows(billing, "late") == []
    assert billing.get(row.actions[0].url, headers=HTMX).status_code == 404


def test_the_tabs_count_every_list(day: BusyDay, billing: Client) -> None:
    unlisted(day)
    order_without_charge(day)
    answer = billing.get(reverse("work_lists:late"))
    assert {str(tab.title): tab.count for tab in answer.context["tabs"]} == {
        "No price": "1",
        "Done, not billed": "1",
        "Billed, not delivered": "0",
        "After discharge": "0",
        "Overrides": "0",
    }


def test_a_manager_sees_the_lists_and_who_may_settle_them(day: BusyDay) -> None:
    unlisted(day)
    manager = member_client(day.hospital.id, "hospital_manager")
    [row] = rows(manager, "unpriced")
    assert row.actions[0].why_not == "This is done by: Billing staff, Administrator."
    assert manager.post(row.actions[0].url, {}, headers=HTMX).status_code == 403


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_however_long_it_is(
    day: BusyDay, billing: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for days in (0, 8):
        later(monkeypatch, days=days)
        with CaptureQueriesContext(connection) as queries:
            assert billing.get(reverse(f"work_lists:{name}")).status_code == 200
        counts.append(len(queries))
        unlisted(day)
    assert counts[0] == counts[1] <= 12, queries.captured_queries


@pytest.mark.parametrize("subject", ["x", "laboratory:1", "ward:1:2", "ward:", "nowhere:1", "pharmacy:é\x00"])
def test_a_subject_that_names_nothing_is_not_there(billing: Client, subject: str) -> None:
    assert billing.post(reverse("work_lists:charge", args=[subject]), headers=HTMX).status_code == 404


def test_every_template_is_rendered(
    day: BusyDay, billing: Client, rendered: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unlisted(day)
    for name in (*LISTS, "overrides", "held"):
        assert billing.get(reverse(f"work_lists:{name}")).status_code == 200
    [row] = rows(billing, "unpriced")
    billing.get(row.actions[0].url, headers=HTMX)
    doctor = member_client(day.hospital.id, "doctor")
    held = doctor.get(reverse("work_lists:held")).context["rows"][0]
    doctor.get(held.url)
    form_url = doctor.get(held.url).context["page"].action.url
    opened = doctor.get(form_url, headers=HTMX)
    doctor.post(form_url, typed(opened.context["form"], reason="Cannot wait"), headers=HTMX)
    override = rows(billing, "overrides")[0]
    billing.get(override.url)
    billing.get(override.actions[0].url, headers=HTMX)
    assert templates_of(room) - rendered == set()
