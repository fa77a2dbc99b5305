"""Two people at one patient, a session that ends, a record that is merged: nothing is lost, nothing doubled."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse

from almoner.orders.models import TestOrder
from almoner.patients.merging import merge_patients
from almoner.payments.models import Payment
from almoner.reports.verify import check_books
from tests.support.day import AT, PASSWORD, BusyDay
from tests.support.pages import HTMX, member_client, text_of, typed

MARIA = "Maria Silva"


def account(day: BusyDay, name: str = MARIA) -> str:
    return reverse("cashier:account", args=[day.patients[name].id])


def taken(day: BusyDay, name: str = MARIA) -> int:
    """What was taken from the patient, in minor units."""
    with day.hospital.transaction():
        payments = Payment.objects.filter(patient_account=day.patients[name].account_id)
        return sum(payment.amount_minor for payment in payments)


def opened(client: Client, url: str, **fields: object) -> dict[str, object]:
    """What the browser sends of the form at ``url``."""
    return typed(client.get(url).context["form"], **fields)


@pytest.mark.parametrize("others", ["cashier", "billing_staff", "receptionist"])
def test_of_two_people_at_one_patient_the_second_sees_what_the_first_did(day: BusyDay, others: str) -> None:
    first, second = (
        member_client(day.hospital.id, "insurance_specialist"),
        member_client(day.hospital.id, others),
    )
    forms = [opened(client, account(day)) for client in (first, second)]
    assert first.post(account(day), forms[0], headers=HTMX).status_code == 200
    answer = second.post(account(day), {**forms[1], "reference": "slip 7"}, headers=HTMX)
    assert answer.status_code == 422
    assert "has been paid meanwhile. Nothing was taken" in text_of(answer)
    assert answer.context["form"]["reference"].value() == "slip 7"
    assert "Nothing is owed." in text_of(second.get(account(day)))
    assert taken(day) == 7500


def test_two_people_pay_one_step_once(day: BusyDay) -> None:
    url = reverse("step-pay", args=["consultation.start", day.visits[MARIA].id])
    clients = [member_client(day.hospital.id, role) for role in ("cashier", "receptionist")]
    forms = [opened(client, url) for client in clients]
    answers = [
        client.post(url, form, headers=HTMX).status_code for client, form in zip(clients, forms, strict=True)
    ]
    assert answers == [200, 422]
    assert taken(day) == 7500


def test_a_session_that_ended_asks_to_log_in_beside_the_form_and_the_same_form_goes_through(
    day: BusyDay,
) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    form = opened(cashier, account(day), reference="slip 9")
    Session.objects.all().delete()
    answer = cashier.post(account(day), form, headers=HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (401, "#session"), "the form itself is not replaced"
    assert taken(day) == 0
    cashier.login(username=f"cashier-{day.hospital.id}@example.org", password=PASSWORD)
    again = [cashier.post(account(day), form, headers=HTMX) for _ in range(2)]
    assert [one.status_code for one in again] == [200, 200]
    assert again[0]["HX-Redirect"] == again[1]["HX-Redirect"]
    assert taken(day) == 7500


def test_a_payment_for_a_record_that_was_merged_meanwhile_is_taken_once_and_found_at_the_survivor(
    day: BusyDay,
) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    form = opened(cashier, account(day))
    merge_patients(
        day.hospital.id,
        duplicate_id=day.patients[MARIA].id,
        survivor_id=day.patients["Samuel Osei"].id,
        actor=day.hospital.actor,
        at=AT,
    )
    for _ in range(2):
        assert cashier.post(account(day), form, headers=HTMX).status_code == 200
    page = cashier.get(account(day), follow=True)
    assert page.redirect_chain[-1][0] == account(day, "Samuel Osei")
    assert "Nothing is owed." in text_of(page)
    assert taken(day) == 7500


def test_a_refused_payment_for_a_merged_record_keeps_what_was_typed_and_goes_on_at_the_survivor(
    day: BusyDay,
) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    form = opened(cashier, account(day), reference="slip 7", amount="99999")
    merge_patients(
        day.hospital.id,
        duplicate_id=day.patients[MARIA].id,
        survivor_id=day.patients["Samuel Osei"].id,
        actor=day.hospital.actor,
        at=AT,
    )
    answer = cashier.post(account(day), form, headers=HTMX)
    assert answer.status_code == 422
    kept = answer.context["form"]
    assert (kept["reference"].value(), kept["amount"].value()) == ("slip 7", "99999")
    assert f'action="{account(day, "Samuel Osei")}"' in answer.content.decode()
    form = {**form, "amount": ""}
    assert cashier.post(account(day, "Samuel Osei"), form, headers=HTMX).status_code == 200
    assert taken(day) == 7500


def test_one_payment_takes_what_both_records_of_a_person_owe(day: BusyDay) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    samuel = day.patients["Samuel Osei"]
    visit = day.hospital.encounter(samuel, started_at=AT)
    day.hospital.capture("service.provided", "bandage", encounter=visit, at=AT)
    merge_patients(
        day.hospital.id,
        duplicate_id=day.patients[MARIA].id,
        survivor_id=samuel.id,
        actor=day.hospital.actor,
        at=AT,
    )
    here = account(day, "Samuel Osei")
    form = opened(cashier, here)
    assert cashier.post(here, form, headers=HTMX).status_code == 200
    assert "Nothing is owed." in text_of(cashier.get(here))
    with day.hospital.transaction(), connection.cursor() as cursor:
        assert Payment.objects.filter(amount_minor=7500 + 1100).count() == 1
        assert [result.check.code for result in check_books(cursor) if result.wrong] == []


def test_what_was_done_meanwhile_is_done_once_however_often_it_is_pressed(day: BusyDay) -> None:
    technician = member_client(day.hospital.id, "laboratory_technician")
    with day.hospital.transaction():
        order = TestOrder.objects.get(encounter=day.visits["John Doe"])
    pay = reverse("order-step-pay", args=["laboratory.process", order.encounter_id, order.id])
    cashier = member_client(day.hospital.id, "cashier")
    process = reverse("laboratory:process", args=[order.id])
    assert technician.post(process, headers=HTMX).status_code == 409, "held until it is paid"
    assert cashier.post(pay, opened(cashier, pay), headers=HTMX).status_code == 200
    assert [technician.post(process, headers=HTMX).status_code for _ in range(2)] == [200, 200]


def test_the_books_are_whole_after_all_of_it(day: BusyDay) -> None:
    test_two_people_pay_one_step_once(day)
    test_what_was_done_meanwhile_is_done_once_however_often_it_is_pressed(day)
    with day.hospital.transaction(), connection.cursor() as cursor:
        assert [result.check.code for result in check_books(cursor) if result.wrong] == []
