"""Section 6.1 as people play it: from the door to the consultation, at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_no_sideways_scrolling, barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member, open_drawer

Visit = Callable[..., Visitor]
SIZES = [(1280, 720), (390, 844)]


@pytest.fixture(scope="module")
def staff(busy_day: BusyDay) -> dict[str, str]:
    """The address of somebody of every role that this visit meets; reception has a drawer of its own."""
    roles = ("receptionist", "doctor", "cashier")
    people = {role: make_member(busy_day.hospital.id, role) for role in roles}
    open_drawer(busy_day.hospital.id, people["receptionist"], "receptionist", "reception")
    return {role: user.email for role, user in people.items()}


def arrive(visit: Visit, staff: dict[str, str], name: str, width: int, height: int) -> Visitor:
    """Reception registers ``name`` and checks them in to cardiology, with the keyboard."""
    visitor = visit(width=width, height=height)
    page = visitor.log_in(staff["receptionist"])
    page.get_by_role("link", name="Reception").click()
    expect(page.get_by_role("heading", name="Reception")).to_be_visible()
    search = page.get_by_role("searchbox", name="Who arrives?")
    expect(search).to_be_focused()
    page.keyboard.type(name)
    page.get_by_role("link", name=f"Nobody is found by “{name}”").click()
    expect(page.get_by_label("Name")).to_have_value(name)
    number = sum(map(ord, name))
    page.get_by_label("Birth date").fill(f"{1950 + number % 50}-04-12")
    page.get_by_label("Phone").fill(f"555 {number * 7919 % 10**7:07d}")
    page.get_by_role("button", name="Register").press("Enter")

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.get_by_label("Department").select_option("cardiology")
    expect(page.locator("#fees")).to_contain_text("Consultation")
    expect(page.locator("#fees")).to_contain_text("$75.00")
    page.get_by_label("Reason").fill("I have chest pain")
    visitor.picture(f"check-in-{width}")
    assert_no_sideways_scrolling(page)
    page.get_by_label("Reason").press("Enter")
    expect(page.get_by_role("heading", name="Token")).to_be_visible()
    assert int(page.locator(".token-number").inner_text()) > 0
    expect(page.get_by_text("Payment required: $75.00 for Consultation.")).to_be_visible()
    visitor.picture(f"token-{width}")
    assert_no_sideways_scrolling(page)
    return visitor


def open_visit(visit: Visit, staff: dict[str, str], name: str, width: int, height: int) -> Visitor:
    """The doctor finds the patient in the queue and opens the visit."""
    visitor = visit(width=width, height=height)
    page = visitor.log_in(staff["doctor"])
    page.get_by_role("link", name="Consultation").first.click()
    row = page.locator("tr.visit").filter(has_text=name)
    expect(row).to_contain_text("Payment required")
    visitor.picture(f"queue-{width}")
    assert_no_sideways_scrolling(page)
    row.get_by_role("link", name=f"Open the visit of {name}").click()
    expect(page.get_by_text("Payment required: $75.00 for Consultation.")).to_be_visible()
    expect(page.get_by_role("button", name="Start consultation")).to_be_disabled()
    visitor.picture(f"held-{width}")
    assert_no_sideways_scrolling(page)
    return visitor


def start(page: Page) -> None:
    page.get_by_role("button", name="Start consultation").click()
    expect(page.get_by_text("In consultation since")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_payment_at_reception_releases_the_doctor_s_open_page(
    visit: Visit, staff: dict[str, str], width: int, height: int
) -> None:
    """Process payment: allow the consultation. Two browsers at once, and no reload."""
    name = f"Harriet Paid {width}"
    reception = arrive(visit, staff, name, width, height)
    doctor = open_visit(visit, staff, name, width, height)

    reception.page.get_by_role("button", name="Process payment").click()
    dialog = reception.page.get_by_role("dialog", name="Process payment")
    expect(dialog.get_by_label("Amount")).to_have_value("75.00")
    expect(dialog.get_by_label("Amount")).to_be_focused()
    dialog.get_by_label("Cash handed over").fill("50")
    dialog.get_by_role("button", name="Take the payment").click()
    expect(dialog.get_by_text("This is less than the amount.")).to_be_visible()
    reception.expect_complaint("422")
    dialog.get_by_label("Cash handed over").fill("100")
    reception.picture(f"pay-{width}")
    dialog.get_by_role("button", name="Take the payment").dblclick()
    expect(dialog).to_be_hidden()
    expect(reception.page.get_by_text("give $25.00 back")).to_be_visible()
    expect(reception.page.get_by_text("Payment required")).to_be_hidden()

    expect(doctor.page.get_by_role("button", name="Start consultation")).to_be_enabled(timeout=3000)
    start(doctor.page)
    doctor.picture(f"started-{width}")
    assert_no_sideways_scrolling(doctor.page)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_doctor_overrides_in_an_emergency(
    visit: Visit, staff: dict[str, str], width: int, height: int
) -> None:
    """Emergency override: allow the consultation, payment later."""
    name = f"Edgar Urgent {width}"
    arrive(visit, staff, name, width, height)
    doctor = open_visit(visit, staff, name, width, height)
    page = doctor.page
    page.get_by_role("button", name="Emergency override").click()
    dialog = page.get_by_role("dialog", name="Emergency override")
    dialog.get_by_role("button", name="Release the service").click()
    expect(dialog.get_by_text("This field is required.")).to_be_visible()
    doctor.expect_complaint("422")
    dialog.get_by_label("Why it cannot wait").fill("Acute coronary syndrome suspected")
    doctor.picture(f"override-{width}")
    dialog.get_by_role("button", name="Release the service").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("Acute coronary syndrome suspected")).to_be_visible()
    start(page)
    expect(page.get_by_label("Billing status")).to_contain_text("$75.00")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_patient_returns_to_reception_and_comes_back(
    visit: Visit, staff: dict[str, str], width: int, height: int, busy_day: BusyDay
) -> None:
    """Defer: the doctor's page says who takes the payment; the cashier finds the patient by the bar's search."""
    name = f"Deborah Deferred {width}"
    arrive(visit, staff, name, width, height)
    doctor = open_visit(visit, staff, name, width, height)
    expect(doctor.page.get_by_text("This is done by: Receptionist, Cashier")).to_be_visible()

    cashier = visit(width=width, height=height)
    page = cashier.log_in(staff["cashier"])
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(name.lower().replace("deborah", "deb"))
    expect(page.locator("#search-results a").first).to_contain_text(name)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    cashier.picture(f"patient-{width}")
    assert_no_sideways_scrolling(page)
    page.get_by_role("button", name="Process payment").press("Enter")
    page.get_by_role("dialog").get_by_label("Amount").press("Enter")
    expect(page.get_by_text("$75.00 received.")).to_be_visible()
    expect(page.get_by_label("Billing status")).to_contain_text("Good Standing")

    expect(doctor.page.get_by_role("button", name="Start consultation")).to_be_enabled(timeout=3000)
    start(doctor.page)


def test_the_doctor_notes_orders_and_finishes_with_the_keyboard(
    visit: Visit, staff: dict[str, str], busy_day: BusyDay
) -> None:
    busy_day.hospital.pay(busy_day.patients["Maria Silva"], 7500, at=AT)
    visitor = visit()
    page = visitor.log_in(staff["doctor"])
    visitor.open(f"/consultation/visits/{busy_day.visits['Maria Silva'].id}/")
    page.keyboard.press("p")
    expect(page.get_by_text("In consultation since")).to_be_visible()
    page.get_by_label("Note", exact=True).fill("Murmur, second intercostal space")
    page.get_by_role("button", name="Save the note").press("Enter")
    course = page.get_by_role("region", name="Notes and orders")
    expect(course).to_contain_text("Murmur, second intercostal space")
    expect(page.get_by_label("Note", exact=True)).to_have_value("")

    page.get_by_role("heading", name="Maria Silva").focus()
    page.keyboard.press("3")
    page.get_by_label("Narrow the tests").fill("lip")
    expect(page.get_by_label("Blood count")).to_be_hidden()
    page.get_by_label("Lipid panel · $35.00").check()
    page.get_by_role("button", name="Order the tests").press("Enter")
    expect(course).to_contain_text("Lipid panel")

    page.keyboard.press("4")
    page.get_by_role("button", name="Prescribe", exact=True).press("Enter")
    expect(page.get_by_text("Choose at least one medication.")).to_be_visible()
    visitor.expect_complaint("422")
    page.locator("#prescription-service_0").select_option("amoxicillin")
    page.locator("#prescription-quantity_0").fill("21")
    page.get_by_role("button", name="Prescribe", exact=True).press("Enter")
    expect(course).to_contain_text("Amoxicillin × 21")
    visitor.picture("visit-full", full_page=True)

    page.get_by_role("button", name="Finish the consultation").press("Enter")
    expect(page.get_by_text("Seen by")).to_be_visible()


def test_the_waiting_room_shows_the_number_that_is_called_and_no_name(
    visit: Visit, staff: dict[str, str], busy_day: BusyDay
) -> None:
    display = visit(width=1920, height=1080)
    display.log_in(staff["receptionist"])
    screen = display.open("/check-in/waiting-room/?department=general_practice")
    expect(screen.get_by_text("Priya")).to_have_count(0)
    page = visit().log_in(staff["doctor"])
    page.goto(page.url.rstrip("/") + "/consultation/?department=general_practice")
    row = page.locator("tr.visit").filter(has_text="Priya Raman")
    number = row.locator(".token-small").inner_text()
    expect(screen.locator(".display-now")).not_to_have_text(number)
    row.get_by_role("button", name="Call Priya Raman").click()
    expect(screen.locator(".display-now")).to_have_text(number, timeout=3000)
    display.picture("waiting-room")


def test_somebody_who_is_registered_already_is_not_registered_twice_unseen(
    visit: Visit, staff: dict[str, str]
) -> None:
    visitor = visit()
    page = visitor.log_in(staff["receptionist"])
    visitor.open("/check-in/register/?name=Jane+Smith")
    page.get_by_label("Phone").fill("555 0199 88")
    page.get_by_label("Phone").press("Tab")
    expect(page.get_by_text("Registered already?")).to_be_visible()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("This may be somebody who is registered already.")).to_be_visible()
    visitor.expect_complaint("422")
    expect(page.get_by_label("Phone")).to_have_value("555 0199 88")
    visitor.picture("duplicates")
    page.get_by_role("link", name="Jane Smith").first.click()
    expect(page.get_by_role("heading", name="Jane Smith")).to_be_visible()


def test_an_ended_session_keeps_what_was_typed(visit: Visit, staff: dict[str, str]) -> None:
    visitor = visit()
    page = visitor.log_in(staff["receptionist"])
    visitor.open("/check-in/register/")
    page.get_by_label("Name").fill("Ophelia Interrupted")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Register").click()
    dialog = page.get_by_role("dialog", name="You were logged out")
    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="Log in").click()
    visitor.expect_complaint("401")
    other = opened.value
    other.get_by_label("Email").fill(staff["receptionist"])
    other.get_by_label("Password").fill("correct horse battery staple")
    other.get_by_role("button", name="Log in").click()
    expect(other.get_by_role("heading", name="You are logged in again")).to_be_visible()
    other.close()
    dialog.get_by_role("button", name="I am logged in again").click()
    expect(page.get_by_label("Name")).to_have_value("Ophelia Interrupted")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="Ophelia Interrupted")).to_be_visible()


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (390, "dark")])
def test_axe_finds_no_barrier(
    visit: Visit, staff: dict[str, str], busy_day: BusyDay, width: int, colours: str
) -> None:
    visitor = visit(width=width, colour_scheme=colours)
    page = visitor.log_in(staff["doctor"])
    patient, encounter = busy_day.patients["Ana Ortiz"].id, busy_day.visits["Samuel Osei"].id
    found = {}
    for path in (
        "/consultation/",
        f"/consultation/visits/{encounter}/",
        f"/patients/{patient}/",
        "/search/?q=a",
    ):
        found[path] = barriers(visitor.open(path))
    page.context.clear_cookies()
    visitor.log_in(staff["receptionist"])
    for path in (
        "/check-in/",
        "/check-in/register/?name=Jane+Smith",
        f"/check-in/patients/{patient}/",
        f"/check-in/visits/{encounter}/",
        "/check-in/waiting-room/",
    ):
        found[path] = barriers(visitor.open(path))
    visitor.open(f"/patients/{busy_day.patients['John Doe'].id}/")
    visitor.picture(f"patient-{width}-{colours}", full_page=True)
    page.get_by_role("button", name="Process payment").first.click()
    expect(page.get_by_role("dialog", name="Process payment")).to_be_visible()
    found["pay"] = barriers(page)
    visitor.open("/check-in/")
    visitor.picture(f"reception-{width}-{colours}")
    assert {path: problems for path, problems in found.items() if problems} == {}
