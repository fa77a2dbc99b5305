"""The dialogs of a held step: pay, agree a plan, override. Nothing is done twice, nothing typed is lost."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import Client

from almoner.enforcement.facts import Subject
from almoner.enforcement.models import Override
from almoner.enforcement.queries import service_point_status
from almoner.kernel.ids import new_id
from almoner.orders.models import Admission, TestOrder
from almoner.pages.step_actions import action_urls
from almoner.payments.models import Payment, PaymentPlan, PlanInstalment
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce
from tests.support.pages import HTMX, member_client, said, typed


@pytest.fixture
def cashier(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "cashier")


def urls(day: BusyDay, patient: str, step: str = "consultation.start") -> dict[str, str]:
    return action_urls(step, Subject(day.visits[patient].id))


def send(client: Client, url: str, **fields: object) -> HttpResponse:
    """Open the dialog at ``url`` and send it with what it holds, changed by ``fields``."""
    opened = client.get(url, headers=HTMX)
    assert opened.status_code == 200
    return client.post(url, typed(opened.context["form"], **fields), headers=HTMX)


def payments(day: BusyDay, patient: str) -> list[Payment]:
    with day.hospital.transaction():
        return list(Payment.objects.filter(patient_account=day.patients[patient].account_id))


def may_proceed(
    day: BusyDay, patient: str, step: str = "consultation.start", order: UUID | None = None
) -> bool:
    subject = Subject(day.visits[patient].id, order)
    return service_point_status(day.hospital.id, step, subject, at=AT).decision.may_proceed


def test_a_payment_is_prefilled_and_releases_the_step(day: BusyDay, cashier: Client) -> None:
    answer = send(cashier, urls(day, "Maria Silva")["pay"], method="card")
    assert said(answer) == "$75.00 received. Receipt MAIN-2026-000006."
    [payment] = payments(day, "Maria Silva")
    assert (payment.amount_minor, payment.method, payment.unallocated_minor) == (7500, "card", 0)
    assert may_proceed(day, "Maria Silva")


def test_cash_gives_change(day: BusyDay, cashier: Client) -> None:
    answer = send(cashier, urls(day, "Maria Silva")["pay"], tendered="$100")
    assert "give $25.00 back" in said(answer)
    assert payments(day, "Maria Silva")[0].change_minor == 2500


def test_the_same_form_sent_again_is_the_same_payment(day: BusyDay, cashier: Client) -> None:
    url = urls(day, "Maria Silva")["pay"]
    key = f"page:{new_id()}"
    first, again = (send(cashier, url, amount="75", idempotency_key=key) for _ in range(2))
    assert said(first) == said(again) != ""
    assert len(payments(day, "Maria Silva")) == 1
    other = send(cashier, url, amount="10", idempotency_key=key)
    assert other.status_code == 422 and "was sent before" in other.content.decode()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": "a lot"}, "Expected an amount"),
        ({"amount": "0"}, "Enter at least $0.01"),
        ({"amount": "75.001"}, "2 decimal places"),
        ({"amount": "€75"}, "Expected an amount in USD"),
        ({"amount": "80"}, "Only $75.00 is open here"),
        ({"tendered": "20"}, "less than the amount"),
        ({"tendered": "100", "method": "card"}, "Only cash gives change"),
        ({"method": "barter"}, "Select a valid choice"),
        ({"cash_point": "elsewhere"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    day: BusyDay, cashier: Client, fields: dict[str, str], problem: str
) -> None:
    answer = send(cashier, urls(day, "Maria Silva")["pay"], reference="slip 77", **fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert problem in page and "slip 77" in page and 'aria-invalid="true"' in page
    assert payments(day, "Maria Silva") == []


def test_an_advance_is_kept_as_a_deposit_though_other_charges_are_open(day: BusyDay, cashier: Client) -> None:
    with day.hospital.transaction():
        admission = Admission.objects.get(encounter=day.visits["Ana Ortiz"].id)
    day.hospital.capture("service.provided", "bandage", encounter=day.visits["Ana Ortiz"], at=AT)
    url = action_urls("bed.assign", Subject(admission.encounter_id, admission.id))["pay"]
    assert "an advance, kept as a deposit" in cashier.get(url, headers=HTMX).content.decode()
    assert said(send(cashier, url)).startswith("$200.00 received")
    assert payments(day, "Ana Ortiz")[0].unallocated_minor == 20000
    assert may_proceed(day, "Ana Ortiz", "bed.assign", admission.id)


def test_a_plan_is_agreed_once(day: BusyDay) -> None:
    billing = member_client(day.hospital.id, "billing_staff")
    url = urls(day, "Maria Silva")["plan"]
    key = f"page:{new_id()}"
    for _ in range(2):
        assert "$75.00" in said(send(billing, url, idempotency_key=key))
    with day.hospital.transaction():
        [plan] = PaymentPlan.objects.filter(patient_account=day.patients["Maria Silva"].account_id)
        parts = PlanInstalment.objects.filter(plan=plan).order_by("number")
        assert [(one.amount_minor, one.due_on.isoformat()) for one in parts] == [
            (2500, "2026-04-01"),
            (2500, "2026-05-01"),
            (2500, "2026-06-01"),
        ]
    assert plan.total_minor == 7500
    assert send(billing, url, instalments="0").status_code == 422


def test_an_override_releases_the_step_with_a_reason_and_once(day: BusyDay) -> None:
    doctor = member_client(day.hospital.id, "doctor")
    url = urls(day, "Maria Silva")["override"]
    key = f"page:{new_id()}"
    for _ in range(2):
        answer = send(doctor, url, reason="Chest pain", idempotency_key=key, retroactive="on")
        assert said(answer).startswith("Released until")
    with day.hospital.transaction():
        [override] = Override.objects.filter(patient=day.patients["Maria Silva"].id)
    assert override.reason == "Chest pain" and override.starts_at < AT
    assert may_proceed(day, "Maria Silva")


def test_a_conditional_override_is_given_for_a_condition_that_the_policy_names(day: BusyDay) -> None:
    doctor = member_client(day.hospital.id, "doctor")
    url = urls(day, "Maria Silva")["override"]
    conditional = {"emergency_override": "conditional", "override_conditions": ["chest_pain"]}
    enforce(day.hospital, "department", "cardiology", **conditional)
    refused = send(doctor, url, reason="Pain", condition="headache")
    assert refused.status_code == 422 and "one of these conditions: chest_pain" in refused.content.decode()
    assert "headache" in refused.content.decode()
    assert said(send(doctor, url, reason="Pain", condition="chest_pain")).startswith("Released until")
    assert may_proceed(day, "Maria Silva")


def test_an_override_needs_a_reason_and_a_policy_that_allows_it(day: BusyDay) -> None:
    doctor = member_client(day.hospital.id, "doctor")
    url = urls(day, "Maria Silva")["override"]
    assert "This field is required" in send(doctor, url).content.decode()
    enforce(day.hospital, "department", "cardiology", emergency_override="never")
    refused = send(doctor, url, reason="Chest pain")
    assert refused.status_code == 422 and "allows no override" in refused.content.decode()
    assert "Chest pain" in refused.content.decode()


@pytest.mark.parametrize(
    "ends", ["tomorrow", "2026-03-02T15:00:00+00:00", "2030-01-01T00:00:00+00:00", "2026-03-03"]
)
def test_a_time_that_is_none_of_the_choices_is_refused(day: BusyDay, ends: str) -> None:
    doctor = member_client(day.hospital.id, "doctor")
    answer = send(doctor, urls(day, "Maria Silva")["override"], reason="Pain", expires_at=ends)
    assert answer.status_code == 422
    assert not may_proceed(day, "Maria Silva")


def test_who_may_not_is_told_who_can_and_nothing_happens(day: BusyDay, cashier: Client) -> None:
    answer = cashier.post(urls(day, "Maria Silva")["override"], {"reason": "x"}, headers=HTMX)
    assert (answer.status_code, answer["HX-Reswap"]) == (403, "none")
    assert said(answer) == "This is done by: Hospital manager, Doctor, Administrator."
    page = cashier.get(urls(day, "Maria Silva")["override"])
    assert page.status_code == 403 and "Doctor" in page.content.decode()


def test_the_laboratorys_order_is_not_named_in_its_dialog(day: BusyDay, cashier: Client) -> None:
    with day.hospital.transaction():
        order = TestOrder.objects.get(encounter=day.visits["John Doe"].id)
    url = action_urls("laboratory.process", Subject(order.encounter_id, order.id))["pay"]
    page = cashier.get(url, headers=HTMX).content.decode()
    assert "$65.00" in page and "Blood" not in page and "Lipid" not in page


def test_another_hospitals_visit_and_an_unknown_step_are_not_there(day: BusyDay, cashier: Client) -> None:
    for url in (
        action_urls("consultation.start", Subject(new_id()))["pay"],
        urls(day, "Maria Silva", "no.step")["pay"],
    ):
        assert cashier.get(url).status_code == 404
        assert cashier.post(url, {}, headers=HTMX).status_code == 404
