"""The network is cut while a payment is sent: it is said, what was typed stays, and sending it again pays once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from almoner.payments.models import Payment
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.mark.parametrize("arrives", [True, False], ids=["answer_lost", "request_lost"])
def test_a_payment_whose_answer_is_lost_is_sent_again_and_made_once(
    visit: Visit, busy_day: BusyDay, arrives: bool
) -> None:
    hospital = busy_day.hospital
    cashier = make_member(hospital.id, "receptionist" if arrives else "cashier")
    patient = hospital.patient(f"Cut Off {arrives}")
    hospital.capture("service.provided", "bandage", patient=patient, at=AT)
    visitor = visit()
    visitor.log_in(cashier.email)
    page = visitor.open(f"/cashier/patients/{patient.id}/")

    def cut(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        if arrives:
            route.fetch()
        route.abort()

    page.route("**/cashier/patients/**", cut)
    page.locator("#id_reference").fill("slip 4")
    page.get_by_role("button", name="Take the payment").click()
    expect(page.get_by_text("send it again. It is done once")).to_be_visible()
    expect(page.locator("#id_reference")).to_have_value("slip 4")
    page.unroute("**/cashier/patients/**")
    page.get_by_role("button", name="Take the payment").click()
    expect(page.get_by_role("heading", name="Receipt MAIN-2026-")).to_be_visible()
    with hospital.transaction():
        [payment] = Payment.objects.filter(patient_account=patient.account_id)
    assert (payment.amount_minor, payment.reference) == (1100, "slip 4")
    visitor.forget("net::ERR_FAILED")
    visitor.forget("htmx:sendError")
