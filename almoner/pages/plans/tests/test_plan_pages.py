"""The pages of payment plans: previewed, agreed, behind, changed by two, cancelled, printed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.enforcement.facts import Subject
from almoner.pages import plans as room
from almoner.pages.step_actions import action_urls
from almoner.payments.models import PaymentPlan, PlanChangeRequest
from almoner.payments.operations import agree_plan
from almoner.payments.plans import Terms
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

NAME = "Maria Silva"
LATER = AT + timedelta(days=40)


@pytest.fixture
def billing(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "billing_staff")


@pytest.fixture
def plan(day: BusyDay) -> PaymentPlan:
    """75.00 in three parts from 1 April on."""
    return agree_plan(
        day.hospital.id,
        patient_account_id=day.patients[NAME].account_id,
        encounter_id=day.visits[NAME].id,
        total_minor=7500,
        terms=Terms(3, date(2026, 4, 1)),
        patient_agreed_by="Joao Silva",
        actor=day.hospital.actor,
        at=AT,
    )


def at_a_later_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almoner.pages.staff.now", lambda: LATER)


def preview(client: Client, **fields: str) -> str:
    sent = {
        "total": "100",
        "frequency": "monthly",
        "instalments": "3",
        "first_due_on": "2026-04-01",
        **fields,
    }
    answer = client.get(reverse("plans:preview"), sent, headers=HTMX)
    assert answer.status_code == 200
    return text_of(answer)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, ["1 Apr 1, 2026 $33.33", "2 May 1, 2026 $33.33", "3 Jun 1, 2026 $33.34", "Total $100.00"]),
        ({"down_payment": "40"}, ["Down payment Mar 2, 2026 $40.00", "1 Apr 1, 2026 $20.00"]),
        ({"frequency": "weekly"}, ["2 Apr 8, 2026"]),
        ({"frequency": "dates", "parts": "2026-04-01 60\n2026-05-15 40"}, ["2 May 15, 2026 $40.00"]),
        (
            {"frequency": "dates", "parts": "2026-04-01 60"},
            ["These come to $60.00, but $100.00 is to be paid."],
        ),
        ({"frequency": "dates", "parts": "soon 60"}, ["got: soon 60"]),
        ({"instalments": "0"}, ["greater than or equal to 1"]),
        ({"first_due_on": "2026-03-01"}, ["today or later"]),
        ({"total": "", "left": "50"}, ["Total $50.00"]),
    ],
)
def test_the_preview_shows_the_instalments_or_what_is_wrong(
    billing: Client, fields: dict[str, str], shown: list[str]
) -> None:
    text = preview(billing, **fields)
    for words in shown:
        assert words in text, text


def test_a_plan_is_agreed_with_who_agreed_and_a_down_payment(day: BusyDay, billing: Client) -> None:
    url = action_urls("consultation.start", Subject(day.visits[NAME].id))["plan"]
    form = billing.get(url, headers=HTMX).context["form"]
    fields = {"patient_agreed_by": "Joao Silva", "down_payment": "15", "grace_days": "3"}
    assert "$75.00" in said(billing.post(url, typed(form, **fields), headers=HTMX))
    again = billing.post(url, typed(billing.get(url, headers=HTMX).context["form"], **fields), headers=HTMX)
    assert again.status_code == 422
    assert "covers this already" in text_of(again)
    with day.hospital.transaction():
        plan = PaymentPlan.objects.get()
    page = text_of(billing.get(reverse("plans:plan", args=[plan.id])))
    for words in ("Joao Silva", "3 days of grace", "$15.00 down", "Waited for", "Behind"):
        assert words in page


def test_a_plan_that_is_behind_stands_first_on_the_list_and_leaves_it_when_paid(
    day: BusyDay, billing: Client, plan: PaymentPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not billing.get(reverse("plans:plans")).context["rows"]
    at_a_later_day(monkeypatch)
    [row] = billing.get(reverse("plans:plans")).context["rows"]
    assert (row.patient, row.behind, row.missed) == (NAME, "$25.00", "1 instalment missed")
    day.hospital.pay(day.patients[NAME], 2500, encounter_id=day.visits[NAME].id, at=LATER)
    assert not billing.get(reverse("plans:plans")).context["rows"]
    [row] = billing.get(reverse("plans:plans"), {"show": "on-track"}).context["rows"]
    assert (row.paid, row.next_says) == ("$25.00", "$25.00 due May 1, 2026")


def test_two_people_change_a_plan(day: BusyDay, billing: Client, plan: PaymentPlan) -> None:
    url = reverse("plans:change", args=[plan.id])
    form = billing.get(url, headers=HTMX).context["form"]
    assert billing.post(url, typed(form, reason=""), headers=HTMX).status_code == 422
    sent = typed(form, reason="Lost the job", instalments="5")
    assert said(billing.post(url, sent, headers=HTMX)).startswith("Asked.")
    with day.hospital.transaction():
        asked = PlanChangeRequest.objects.get()
    own = billing.get(reverse("plans:plan", args=[plan.id]))
    assert "somebody else decides" in text_of(own)
    approve = reverse("plans:approve", args=[asked.id])
    assert billing.post(approve, headers=HTMX).status_code == 409
    manager = member_client(day.hospital.id, "hospital_manager")
    assert "Lost the job" in text_of(manager.get(reverse("plans:plan", args=[plan.id])))
    answer = manager.post(approve, headers=HTMX)
    new = text_of(manager.get(answer.headers["HX-Redirect"]))
    assert "5 instalments, every month" in new
    assert "the plan that this one replaced" in new
    assert "Replaced" in text_of(manager.get(reverse("plans:plan", args=[plan.id])))


def test_a_change_may_be_refused(day: BusyDay, billing: Client, plan: PaymentPlan) -> None:
    url = reverse("plans:change", args=[plan.id])
    billing.post(url, typed(billing.get(url, headers=HTMX).context["form"], reason="x"), headers=HTMX)
    with day.hospital.transaction():
        asked = PlanChangeRequest.objects.get()
    manager = member_client(day.hospital.id, "hospital_manager")
    assert said(manager.post(reverse("plans:refuse", args=[asked.id]), headers=HTMX)).startswith("Refused.")
    assert "On Track" in text_of(manager.get(reverse("plans:plan", args=[plan.id])))


def test_a_plan_is_cancelled_with_a_reason(day: BusyDay, billing: Client, plan: PaymentPlan) -> None:
    url = reverse("plans:cancel", args=[plan.id])
    form = billing.get(url, headers=HTMX).context["form"]
    assert billing.post(url, typed(form), headers=HTMX).status_code == 422
    assert "cancelled" in said(billing.post(url, typed(form, reason="Moved away"), headers=HTMX))
    page = text_of(billing.get(reverse("plans:plan", args=[plan.id])))
    assert "Moved away" in page
    assert "Not asked for" in page
    assert "Cancel the plan" not in page


def test_the_agreement_can_be_printed_and_signed(billing: Client, plan: PaymentPlan) -> None:
    paper = text_of(billing.get(reverse("plans:agreement", args=[plan.id])))
    for words in ("Payment agreement", "Joao Silva, Mar 2, 2026", "Apr 1, 2026", "$25.00"):
        assert words in paper


def test_who_takes_payments_reads_a_plan_and_settles_it_but_does_not_change_it(
    day: BusyDay, plan: PaymentPlan
) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    page = text_of(cashier.get(reverse("plans:plan", args=[plan.id])))
    assert "Settle now: $75.00" in page
    assert "Change the instalments" not in page
    file = cashier.get(reverse("patient", args=[day.patients[NAME].id])).content.decode()
    assert reverse("plans:plan", args=[plan.id]) in file


@pytest.mark.parametrize("name", ["plans:plan", "plans:plans", "plans:agreement"])
def test_a_page_asks_at_most_twelve_questions(billing: Client, plan: PaymentPlan, name: str) -> None:
    address = reverse(name, args=[] if name == "plans:plans" else [plan.id])
    billing.get(address)
    with CaptureQueriesContext(connection) as asked:
        billing.get(address, {"show": "on-track"})
    assert len(asked) <= 12, [one["sql"][:120] for one in asked]


def test_every_template_was_rendered(
    day: BusyDay, billing: Client, plan: PaymentPlan, rendered: set[str]
) -> None:
    def see(name: str, *args: Any) -> None:
        assert billing.get(reverse(name, args=args), headers=HTMX).status_code == 200

    for name in ("plans:plan", "plans:agreement", "plans:cancel", "plans:change", "plans:pay"):
        see(name, plan.id)
    see("plans:offer-patient", day.patients[NAME].id)
    billing.get(reverse("plans:plan", args=[plan.id]))
    billing.get(reverse("plans:plans"))
    preview(billing)
    assert templates_of(room) - rendered == set()
