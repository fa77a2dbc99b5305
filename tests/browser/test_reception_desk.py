"""Reception in a browser: two records made one; what its pages look like at every size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from almoner.patients.operations import register_patient
from almoner.scheduling.appointments import book
from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def receptionist(busy_day: BusyDay) -> str:
    return make_member(busy_day.hospital.id, "receptionist").email


@pytest.fixture(scope="module")
def pages(busy_day: BusyDay) -> dict[str, str]:
    """Addresses of reception's pages by name; two records of Wei Chen among them."""
    doubles = [
        register_patient(
            busy_day.hospital.id,
            name=name,
            birth_date=date(1964, 9, 12),
            phone="555 010 7788",
            actor=busy_day.hospital.actor,
            at=AT,
        ).patient.id
        for name in ("Katherine Johnson", "Katherine G. Johnson")
    ]
    doctor = make_member(busy_day.hospital.id, "doctor", name="Dr Adeyemi").id
    for number, (name, minutes) in enumerate([("Wei Chen", -40), ("Ingrid Holm", 15), ("Wei Chen", 70)]):
        book(
            busy_day.hospital.id,
            patient_id=busy_day.patients[name].id,
            department="cardiology",
            practitioner_id=doctor if number else None,
            starts_at=AT + timedelta(minutes=minutes),
            reason="Control after the infarct",
            idempotency_key=f"desk-{number}",
            actor=busy_day.hospital.actor,
            at=AT - timedelta(hours=2),
        )
    return {
        "reception": "/check-in/",
        "appointments": "/check-in/appointments/",
        "appointment": f"/check-in/patients/{doubles[0]}/appointment/",
        "duplicates": "/check-in/possible-duplicates/",
        "merge-choose": f"/check-in/patients/{doubles[0]}/merge/",
        "merge": f"/check-in/patients/{doubles[0]}/merge/{doubles[1]}/",
    }


@pytest.mark.parametrize(
    ("width", "height", "colour_scheme"), [(1280, 720, "light"), (390, 844, "dark")], ids=["desk", "phone"]
)
def test_reception_can_be_read_by_everyone_at_every_size(
    visit: Visit, receptionist: str, pages: dict[str, str], width: int, height: int, colour_scheme: str
) -> None:
    visitor = visit(width=width, height=height, colour_scheme=colour_scheme)
    visitor.log_in(receptionist)
    for name, path in pages.items():
        page = visitor.open(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        visitor.picture(f"{name}-{width}-{colour_scheme}", full_page=True)
        assert barriers(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


def test_two_records_of_one_person_become_one(visit: Visit, receptionist: str, pages: dict[str, str]) -> None:
    visitor = visit()
    visitor.log_in(receptionist)
    page = visitor.open(pages["duplicates"])
    page.get_by_role("link", name="Compare Katherine Johnson").click()
    page.get_by_role("group", name="Name").get_by_label("Katherine G. Johnson").check()
    page.get_by_label("Both records are of this person").check()
    page.get_by_role("button", name="Merge the two records").click()
    expect(page.get_by_role("heading", name="Katherine G. Johnson", level=1)).to_be_visible()


def test_who_is_expected_is_checked_in_by_keyboard_alone(
    visit: Visit, receptionist: str, pages: dict[str, str]
) -> None:
    visitor = visit()
    visitor.log_in(receptionist)
    page = visitor.open("/check-in/appointments/")
    expect(page.get_by_role("link", name="Check in Ingrid Holm")).to_be_visible()
    page = visitor.open("/check-in/")
    expect(page.get_by_role("searchbox", name="Who arrives?")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("a")
    department = page.get_by_label("Department")
    expect(department).to_be_focused()
    expect(department).to_have_value("cardiology")
    expect(page.locator("#fees")).to_contain_text("$75.00")
    page.get_by_label("Reason").press("Enter")
    expect(page.get_by_role("heading", name="Token")).to_be_visible()


def test_a_new_patient_is_registered_and_checked_in_by_keyboard_alone(
    visit: Visit, receptionist: str
) -> None:
    """From the search to the token, with nothing but ``page.keyboard``."""
    visitor = visit()
    visitor.log_in(receptionist)
    page = visitor.open("/check-in/")
    press, type_ = page.keyboard.press, page.keyboard.type
    expect(page.get_by_role("searchbox", name="Who arrives?")).to_be_focused()
    type_("Zora Neale")
    register = page.get_by_role("link", name="Nobody is found by “Zora Neale”")
    expect(register).to_be_visible()
    press("ArrowDown")
    expect(register).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    press("Tab")
    type_("01071961")
    expect(page.get_by_label("Birth date")).to_have_value("1961-01-07")
    press("Tab")  # the calendar of the field
    press("Tab")
    expect(page.get_by_label("Sex")).to_be_focused()
    type_("fem")
    press("Tab")
    expect(page.get_by_label("Phone")).to_be_focused()
    type_("555 010 4411")
    press("Enter")
    department = page.get_by_label("Department")
    expect(department).to_be_focused()
    expect(page.get_by_role("heading", name="Zora Neale")).to_be_visible()
    type_("Card")
    expect(department).to_have_value("cardiology")
    expect(page.locator("#fees")).to_contain_text("$75.00")
    for label in ("Visit", "Triage", "Reason"):
        press("Tab")
        expect(page.get_by_label(label)).to_be_focused()
    type_("Chest pain on stairs")
    press("Enter")
    expect(page.get_by_role("heading", name="Token")).to_be_visible()
    expect(page.get_by_role("heading", name="Zora Neale")).to_be_visible()
