"""A plan that the rules offer, in place: shown, accepted in one dialog, its down payment taken."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.catalog.models import Service
from almoner.enforcement.facts import Subject
from almoner.pages.step_actions import action_urls
from almoner.payments.models import PaymentPlan
from tests.support.day import BusyDay
from tests.support.hospital import enforce
from tests.support.pages import HTMX, member_client, said, text_of, typed

NAME = "Maria Silva"
OFFER = "Pay in 3 instalments of $18.75, $18.75 now"
RULES = {"auto_payment_plans": "enabled", "payment_plan_satisfies": True}


@pytest.fixture
def offering(day: BusyDay) -> BusyDay:
    """The busy hospital, strict, where plans are offered by rule and release."""
    enforce(day.hospital, "hospital", payment_enforcement={"global_policy": "strict"}, gate=RULES)
    return day


def offer_of(day: BusyDay) -> str:
    return reverse("plans:offer-visit", args=[day.visits[NAME].id])


def test_the_widget_the_cashier_and_the_held_step_offer_it_in_place(offering: BusyDay) -> None:
    patient = offering.patients[NAME].id
    billing = member_client(offering.hospital.id, "billing_staff")
    file = billing.get(reverse("patient", args=[patient]))
    assert text_of(file).count(OFFER) == 2
    assert offer_of(offering) in file.content.decode()
    cashier = member_client(offering.hospital.id, "cashier")
    account = cashier.get(reverse("cashier:account", args=[patient]))
    assert OFFER in text_of(account)
    doctor = member_client(offering.hospital.id, "doctor")
    bar = doctor.get(reverse("consultation:visit", args=[offering.visits[NAME].id]))
    assert OFFER in text_of(bar)


def test_nothing_is_offered_where_the_rules_offer_nothing(day: BusyDay) -> None:
    billing = member_client(day.hospital.id, "billing_staff")
    assert "instalments of" not in text_of(billing.get(reverse("patient", args=[day.patients[NAME].id])))
    assert "No plan is offered" in text_of(billing.get(offer_of(day), headers=HTMX))


def test_it_is_accepted_and_its_down_payment_releases_the_step(offering: BusyDay) -> None:
    manager = member_client(offering.hospital.id, "administrator")
    shown = manager.get(offer_of(offering), headers=HTMX)
    for words in ("Down payment", "Jun 2, 2026", "$75.00"):
        assert words in text_of(shown)
    paying = manager.post(offer_of(offering), typed(shown.context["form"]), headers=HTMX)
    assert paying.headers["HX-Trigger"] == "almoner:changed"
    form = paying.context["form"]
    assert form["amount"].value() == "18.75"
    assert "$18.75" in said(manager.post(paying.context["action"], typed(form), headers=HTMX))
    with offering.hospital.transaction():
        plan = PaymentPlan.objects.get()
    assert "On Track" in text_of(manager.get(reverse("plans:plan", args=[plan.id])))
    held = manager.get(action_urls("consultation.start", Subject(offering.visits[NAME].id))["plan"])
    assert held.status_code == 200
    assert OFFER not in text_of(manager.get(reverse("patient", args=[offering.patients[NAME].id])))


def test_who_takes_no_payments_sends_the_patient_to_the_cashier(offering: BusyDay) -> None:
    manager = member_client(offering.hospital.id, "hospital_manager")
    sent = typed(manager.get(offer_of(offering), headers=HTMX).context["form"], patient_agreed_by="Joao")
    answer = manager.post(offer_of(offering), sent, headers=HTMX)
    with offering.hospital.transaction():
        assert PaymentPlan.objects.get().patient_agreed_by == "Joao"
    assert said(answer) == "A payment plan for $75.00 is agreed. $18.75 is due now, at the cashier."


def test_an_offer_that_changed_shows_what_is_offered_now_and_keeps_what_was_typed(offering: BusyDay) -> None:
    billing = member_client(offering.hospital.id, "billing_staff")
    form = billing.get(offer_of(offering), headers=HTMX).context["form"]
    offering.hospital.pay(offering.patients[NAME], 1500)
    answer = billing.post(offer_of(offering), typed(form, patient_agreed_by="Joao"), headers=HTMX)
    assert answer.status_code == 422
    for words in ("not offered any more", "$60.00"):
        assert words in text_of(answer)
    again = typed(answer.context["form"])
    assert again["patient_agreed_by"] == "Joao"
    assert billing.post(offer_of(offering), again, headers=HTMX).status_code == 200


@pytest.mark.parametrize("name", ["patient", "cashier:account"])
def test_an_offer_asks_the_database_nothing_more(day: BusyDay, name: str) -> None:
    client = member_client(day.hospital.id, "cashier")
    address = reverse(name, args=[day.patients[NAME].id])
    asked = []
    for rules in ({}, RULES):
        enforce(day.hospital, "hospital", payment_enforcement={"global_policy": "strict"}, gate=rules)
        client.get(address)
        with CaptureQueriesContext(connection) as statements:
            page = client.get(address)
        asked.append(len(statements))
        assert (OFFER in text_of(page)) is bool(rules)
    assert asked[0] == asked[1]


@pytest.fixture
def costing(offering: BusyDay) -> BusyDay:
    """The same hospital, where a plan costs 5.00 and each instalment 2.00."""
    with offering.hospital.transaction():
        Service.objects.create(
            hospital_id=offering.hospital.id, code="plan_fee", name="Plan", kind=Service.Kind.OTHER
        )
    fees = {"plan_fee_amount_minor": 500, "plan_fee_per_instalment_minor": 200}
    enforce(offering.hospital, "patient_category", "general", **fees)
    return offering


def test_what_a_plan_costs_is_shown_before_it_is_agreed(costing: BusyDay) -> None:
    clerk = member_client(costing.hospital.id, "billing_staff")
    shown = text_of(clerk.get(offer_of(costing), headers=HTMX))
    for words in ("$86.00", "$11.00 of it for the plan"):
        assert words in shown
    url = action_urls("consultation.start", Subject(costing.visits[NAME].id))["plan"]
    form = clerk.get(url, headers=HTMX).context["form"]
    preview = text_of(clerk.get(reverse("plans:preview"), typed(form), headers=HTMX))
    for words in ("$86.00", "of it for the plan $11.00"):
        assert words in preview


def test_settled_at_once_the_instalments_to_come_cost_nothing(costing: BusyDay) -> None:
    clerk = member_client(costing.hospital.id, "billing_staff")
    clerk.post(
        offer_of(costing), typed(clerk.get(offer_of(costing), headers=HTMX).context["form"]), headers=HTMX
    )
    with costing.hospital.transaction():
        plan = PaymentPlan.objects.get()
    page = clerk.get(reverse("plans:plan", args=[plan.id]))
    for words in ("Settle now: $80.00", "$6.00 of fees are taken back"):
        assert words in text_of(page)
    settle = reverse("plans:settle", args=[plan.id])
    form = clerk.get(settle, headers=HTMX).context["form"]
    wrong = clerk.post(settle, typed(form, amount="86", method="card"), headers=HTMX)
    assert "$80.00 settles the plan now." in text_of(wrong)
    assert "$80.00" in said(clerk.post(settle, typed(form, method="card"), headers=HTMX))
    assert "Settled early" in text_of(clerk.get(reverse("plans:plan", args=[plan.id])))
