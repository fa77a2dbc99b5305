"""The laboratory (section 6.2) and the pharmacy, as the people who work there meet them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from almoner.kernel.actor import Actor
from tests.browser.accessibility import assert_no_sideways_scrolling, barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]
SCREENS = [(1280, 720, "light"), (390, 844, "dark")]


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, str]:
    roles = ("laboratory_technician", "cashier", "pharmacist", "doctor", "administrator")
    return {role: make_member(busy_day.hospital.id, role).email for role in roles}


@pytest.fixture
def verifying(busy_day: BusyDay) -> Iterator[None]:
    """The hospital asks for a second person."""
    from almoner.service_points.laboratory.models import LaboratorySettings

    with busy_day.hospital.transaction():
        row, _ = LaboratorySettings.objects.update_or_create(
            hospital_id=busy_day.hospital.id, defaults={"verify_results": True}
        )
    yield
    with busy_day.hospital.transaction():
        LaboratorySettings.objects.filter(id=row.id).update(verify_results=False)


def order_test(day: BusyDay, key: str) -> UUID:
    """A laboratory order of Priya Raman, which waits for payment; its id."""
    from almoner.orders.operations import order_tests

    placed = order_tests(
        day.hospital.id,
        encounter_id=day.visits["Priya Raman"].id,
        services=["blood_count"],
        idempotency_key=key,
        actor=Actor("user:n.okafor@stbrigid.example", everything=True),
        at=AT,
    )
    return placed.order.id


def prescribed(day: BusyDay, key: str) -> UUID:
    """A prescription of Priya Raman; its id."""
    from decimal import Decimal

    from almoner.orders.operations import Medication, prescribe

    placed = prescribe(
        day.hospital.id,
        encounter_id=day.visits["Priya Raman"].id,
        medications=[Medication("amoxicillin", Decimal(20))],
        idempotency_key=key,
        actor=Actor("user:n.okafor@stbrigid.example", everything=True),
        at=AT,
    )
    return placed.order.id


def pay_for(day: BusyDay, order_id: UUID) -> None:
    """The cashier's operation."""
    from almoner.charging.models import ChargeItem

    with day.hospital.transaction():
        items = list(ChargeItem.objects.filter(order_id=order_id))
        account = items[0].patient_account_id
        patient = next(one for one in day.patients.values() if one.account_id == account)
    shares = [(item.id, day.hospital.open_minor(item.id)) for item in items]
    day.hospital.pay(patient, sum(minor for _, minor in shares), shares=shares, at=AT)


def test_the_technician_s_page_changes_by_itself_when_the_cashier_takes_the_payment(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    """Section 6.2: ordered and held, paid at the cash desk, processed, results, report."""
    technician, cashier = visit(), visit()
    technician.log_in(people["laboratory_technician"])
    page = technician.open("/laboratory/")
    waiting = page.get_by_role("link", name="John Doe - Lab Order LAB-1 - Payment Required: $65.00")
    expect(waiting).to_be_visible()
    waiting.click()
    expect(page.get_by_role("button", name="Process samples")).to_be_disabled()
    assert "blood" not in page.content().lower() and "lipid" not in page.content().lower()

    cashier.log_in(people["cashier"])
    desk = cashier.open(f"/patients/{busy_day.patients['John Doe'].id}/")
    desk.get_by_role("button", name="Process payment").first.click()
    desk.get_by_role("dialog").get_by_role("button", name="payment").click()
    expect(desk.get_by_role("status").filter(has_text="received")).to_be_visible()

    expect(page.get_by_text("Blood count")).to_be_visible()
    page.get_by_role("button", name="Process samples").click()
    page.get_by_role("button", name="Reference range of Blood count").click()
    usual = page.get_by_role("dialog")
    usual.get_by_role("spinbutton", name="From optional").fill("4")
    usual.get_by_role("spinbutton", name="To optional").fill("10.5")
    usual.get_by_role("button", name="Save").click()
    expect(page.get_by_text("4 – 10.5")).to_be_visible()
    page.get_by_role("button", name="Enter results").click()
    results = page.get_by_role("dialog")
    results.get_by_label("Blood count").fill("11.2")
    results.get_by_label("Lipid panel").fill("normal")
    results.get_by_role("button", name="Save").click()
    expect(page.get_by_text("High", exact=True)).to_be_visible()
    technician.picture("laboratory-order-done")
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", name="Laboratory report")).to_be_visible()
    expect(page.get_by_text("11.2")).to_be_visible()
    technician.picture("laboratory-report")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_sample_is_labelled_and_a_second_person_verifies_the_result(
    visit: Visit, people: dict[str, str], busy_day: BusyDay, verifying: None, width: int, height: int
) -> None:
    """From the held order to the report: paid elsewhere, labelled, entered by one, verified by another."""
    order_id = order_test(busy_day, f"verified-{width}")
    technician = visit(width=width, height=height)
    technician.log_in(people["laboratory_technician"])
    page = technician.open(f"/laboratory/orders/{order_id}/")
    expect(page.get_by_role("button", name="Process samples")).to_be_disabled()
    assert "Blood" not in page.content()
    pay_for(busy_day, order_id)
    expect(page.get_by_role("rowheader", name="Blood count")).to_be_visible()
    page.get_by_role("button", name="Process samples").click()
    page.get_by_role("button", name="Collect samples").click()
    number = page.locator(".sample-number")
    expect(number).to_have_text(re.compile(r"S26-\d{6}"))
    page.get_by_role("button", name="Receive").click()
    expect(page.get_by_text("Received", exact=True)).to_be_visible()
    page.get_by_role("button", name="Enter results").click()
    page.get_by_role("dialog").get_by_label("Blood count").fill("7.25")
    technician.picture(f"laboratory-entry-{width}")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("A second person verifies the results")).to_be_visible()
    expect(page.get_by_role("link", name="PDF")).to_have_count(0)
    assert_no_sideways_scrolling(page)

    second = visit(width=width, height=height)
    second.log_in(people["administrator"])
    other = second.open(f"/laboratory/orders/{order_id}/")
    other.get_by_role("button", name="Verify results").click()
    expect(other.get_by_role("dialog").get_by_text("7.25")).to_be_visible()
    second.picture(f"laboratory-verify-{width}")
    other.get_by_role("dialog").get_by_role("button", name="Verify").click()
    expect(page.get_by_role("link", name="PDF")).to_be_visible()
    technician.picture(f"laboratory-verified-{width}", full_page=True)
    assert barriers(page) == []
    report = page.request.get(technician.address + f"/laboratory/orders/{order_id}/report.pdf")
    assert report.ok and report.headers["content-type"] == "application/pdf"
    label = technician.open(f"/laboratory/orders/{order_id}/labels/")
    expect(label.get_by_role("img", name="S26-")).to_be_visible()
    technician.picture(f"laboratory-label-{width}")


def test_a_paid_prescription_is_handed_out_in_part_and_then_in_whole_by_keyboard(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    order_id = prescribed(busy_day, "keyboard")
    visitor = visit()
    visitor.log_in(people["pharmacist"])
    page = visitor.open(f"/pharmacy/prescriptions/{order_id}/")
    expect(page.get_by_role("button", name="Dispense")).to_be_disabled()
    pay_for(busy_day, order_id)
    expect(page.get_by_role("button", name="Dispense")).to_be_enabled()
    page.keyboard.press("e")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("spinbutton").fill("12")
    page.keyboard.press("Enter")
    expect(page.get_by_text("× 12")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_text("× 8")).to_be_visible()
    visitor.picture("pharmacy-prescription-done")


@pytest.mark.parametrize(("width", "height", "colours"), SCREENS)
def test_the_pages_fit_and_have_no_barrier(
    visit: Visit, people: dict[str, str], busy_day: BusyDay, width: int, height: int, colours: str
) -> None:
    key = f"{width}-{colours}"
    order_id, prescription_id = order_test(busy_day, f"t-{key}"), prescribed(busy_day, f"p-{key}")
    found = []
    for role, addresses in [
        ("laboratory_technician", ["/laboratory/", f"/laboratory/orders/{order_id}/", "/laboratory/done/"]),
        (
            "pharmacist",
            ["/pharmacy/", f"/pharmacy/prescriptions/{prescription_id}/", "/pharmacy/handed-out/"],
        ),
    ]:
        visitor = visit(width=width, height=height, colour_scheme=colours)
        visitor.log_in(people[role])
        for number, address in enumerate(addresses):
            page: Page = visitor.open(address)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert_no_sideways_scrolling(page)
            found += barriers(page)
            visitor.picture(f"{role}-{number}-{key}", full_page=True)
    assert found == []
