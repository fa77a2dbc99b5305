"""The cashier in a browser: a payment with cash and change over two charges, sent twice, by keyboard; every size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from almoner.payments.models import Payment
from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member
from tests.support.hospital import TestPatient

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, str]:
    """Email addresses by role."""
    return {role: make_member(busy_day.hospital.id, role).email for role in ("cashier", "billing_staff")}


def owing(day: BusyDay, name: str) -> TestPatient:
    """A patient who owes a consultation of 75.00 and a bandage of 11.00."""
    patient = day.hospital.patient(name)
    visit = day.hospital.encounter(patient, started_at=AT)
    for service in ("consultation", "bandage"):
        day.hospital.capture("service.provided", service, encounter=visit, at=AT)
    return patient


def payments(day: BusyDay, patient: TestPatient) -> list[Payment]:
    with day.hospital.transaction():
        return list(Payment.objects.filter(patient_account=patient.account_id))


def test_cash_with_change_over_two_charges_by_keyboard_alone(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    patient = owing(busy_day, "Keyboard Payer")
    visitor = visit()
    visitor.log_in(people["cashier"])
    page = visitor.open("/cashier/")
    expect(page.get_by_role("searchbox", name="Who pays?")).to_be_focused()
    page.keyboard.type("keyboard pay")
    expect(page.locator("#payer-found")).to_contain_text("Keyboard Payer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Consultation")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Bandage")).to_be_checked()
    expect(page.get_by_label("Cash handed over")).to_be_focused()
    page.keyboard.type("100")
    expect(page.locator("#account-total")).to_contain_text("Change to give")
    expect(page.locator("#account-total")).to_contain_text("$14.00")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Receipt MAIN-2026-")).to_be_visible()
    receipt = page.locator("article.receipt")
    for words in ("Consultation", "Bandage", "$86.00", "$100.00", "$14.00"):
        expect(receipt).to_contain_text(words)
    [payment] = payments(busy_day, patient)
    assert (payment.amount_minor, payment.change_minor) == (8600, 1400)


def test_a_double_click_and_the_back_button_make_one_payment(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    patient = owing(busy_day, "Double Click")
    visitor = visit()
    visitor.log_in(people["cashier"])
    page = visitor.open(f"/cashier/patients/{patient.id}/")
    page.get_by_role("button", name="Take the payment").dblclick()
    expect(page.get_by_role("heading", name="Receipt MAIN-2026-")).to_be_visible()
    page.go_back()
    if page.get_by_role("checkbox").count():
        with page.expect_response(lambda response: response.request.method == "POST") as answered:
            page.get_by_role("button", name="Take the payment").click()
        answered.value.finished()
        page.wait_for_load_state("networkidle")
        visitor.forget("422")
    assert len(payments(busy_day, patient)) == 1


def test_a_part_is_unticked_and_billing_staff_give_it_back(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    patient = owing(busy_day, "Partly Paid")
    visitor = visit()
    visitor.log_in(people["billing_staff"])
    page = visitor.open(f"/cashier/patients/{patient.id}/")
    page.get_by_role("checkbox", name="Consultation").uncheck()
    expect(page.locator("#account-total")).to_contain_text("$11.00")
    page.get_by_role("button", name="Take the payment").click()
    expect(page.locator("article.receipt")).to_contain_text("$11.00")
    page.get_by_role("button", name="Refund").click()
    page.get_by_label("Why").fill("Not used")
    page.get_by_role("dialog").get_by_role("button", name="Refund").click()
    expect(page.locator("#said")).to_contain_text("Give $11.00 back.")
    expect(page.locator("article.receipt")).to_contain_text("Refunded since")


@pytest.mark.parametrize(
    ("width", "height", "colour_scheme"), [(1280, 720, "light"), (390, 844, "dark")], ids=["desk", "phone"]
)
def test_the_cashiers_pages_can_be_read_by_everyone_at_every_size(
    visit: Visit, people: dict[str, str], busy_day: BusyDay, width: int, height: int, colour_scheme: str
) -> None:
    patient = owing(busy_day, "Seen Everywhere")
    paid = busy_day.hospital.pay(patient, 2000, tendered_minor=5000, at=AT)
    visitor = visit(width=width, height=height, colour_scheme=colour_scheme)
    visitor.log_in(people["cashier"])
    for name, path in [
        ("desk", "/cashier/"),
        ("account", f"/cashier/patients/{patient.id}/"),
        ("receipt", f"/cashier/payments/{paid.payment_id}/"),
        ("paper", f"/cashier/payments/{paid.payment_id}/paper/80mm/"),
    ]:
        page = visitor.open(path)
        expect(page.get_by_role("main")).to_be_visible()
        visitor.picture(f"cashier-{name}-{width}-{colour_scheme}", full_page=True)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
