"""Section 6.3 in a browser: a bed waits for the advance, an override or a plan; and what the ward looks like."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from almoner.hospitals.models import Bed, Ward
from almoner.kernel.ids import new_id
from almoner.orders.models import Admission
from almoner.orders.operations import admit
from almoner.service_points.checkin.operations import check_in
from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member
from tests.support.hospital import enforce

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, str]:
    """Email addresses by role; the ward accepts a plan and has beds for everybody."""
    hospital = busy_day.hospital
    enforce(hospital, "department", "inpatient", payment_plan_satisfies=True)
    with hospital.transaction():
        ward = Ward.objects.get(code="general_ward")
        Bed.objects.bulk_create(
            [Bed(hospital_id=hospital.id, ward=ward, code=str(number)) for number in range(3, 13)]
        )
    roles = ("ward_nurse", "cashier", "doctor", "billing_staff")
    return {role: make_member(hospital.id, role).email for role in roles}


def admitted(day: BusyDay, name: str) -> UUID:
    """A patient who was admitted just now and awaits a bed."""
    hospital = day.hospital
    patient = hospital.patient(name)
    arrived = check_in(
        hospital.id,
        patient_id=patient.id,
        department="inpatient",
        encounter_class="inpatient",
        idempotency_key=f"arrival:{new_id()}",
        actor=hospital.actor,
        at=AT,
    )
    placed = admit(
        hospital.id,
        encounter_id=arrived.encounter.id,
        ward="general_ward",
        idempotency_key=f"admission:{new_id()}",
        actor=hospital.actor,
        at=AT,
    )
    return placed.order.id


def in_dialog(visitor: Visitor, admission_id: UUID, day: BusyDay, step_action: str) -> Page:
    """The patient's page of whoever may do it, with the dialog of the held bed open."""
    with day.hospital.transaction():
        patient_id = Admission.objects.get(id=admission_id).patient_id
    page = visitor.open(f"/patients/{patient_id}/")
    page.get_by_role("region", name="Held now").get_by_role("button", name=step_action).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    return page


@pytest.mark.parametrize(
    ("role", "action", "button", "typed"),
    [
        ("cashier", "Process payment", "Take the payment", {}),
        ("doctor", "Emergency override", "Release the service", {"Why it cannot wait": "Sepsis"}),
        ("billing_staff", "Set up payment plan", "Agree the plan", {}),
    ],
)
def test_6_3_a_bed_is_assigned_once_it_is_paid_overridden_or_planned(
    visit: Visit,
    people: dict[str, str],
    busy_day: BusyDay,
    role: str,
    action: str,
    button: str,
    typed: dict[str, str],
) -> None:
    name = f"Bed By {role.replace('_', ' ').title()}"
    admission_id = admitted(busy_day, name)
    ward = visit()
    ward.log_in(people["ward_nurse"])
    nurse = ward.open("/ward/")
    row = nurse.get_by_role("region", name="Awaiting Bed").get_by_role("listitem").filter(has_text=name)
    expect(row).to_contain_text("Payment Required: $200.00/day")
    row.get_by_role("link", name="What can be done").click()
    free = nurse.get_by_role("button", name="Assign bed").first
    expect(free).to_be_disabled()

    other = visit()
    other.log_in(people[role])
    page = in_dialog(other, admission_id, busy_day, action)
    for label, words in typed.items():
        page.get_by_label(label).fill(words)
    if role == "billing_staff":
        # The instalments are shown before anybody agrees to them, and change with what is typed.
        shown = page.get_by_role("dialog").get_by_role("table")
        expect(shown).to_contain_text("$66.68")
        page.get_by_label("Instalments").fill("4")
        expect(shown).to_contain_text("$50.00")
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("dialog")).to_have_count(0)

    # The nurse's open page changes by itself.
    expect(free).to_be_enabled()
    free.click()
    expect(nurse.get_by_role("heading", name="Bed ", exact=False).first).to_be_visible()
    expect(nurse.get_by_role("button", name="Discharge", exact=True)).to_be_visible()


def test_a_patient_is_moved_to_another_bed_by_keyboard(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    with busy_day.hospital.transaction():
        lying = Admission.objects.get(encounter=busy_day.visits["Kwame Mensah"].id).id
    visitor = visit()
    visitor.log_in(people["ward_nurse"])
    page = visitor.open(f"/ward/admissions/{lying}/")
    expect(page.get_by_role("heading", name="Bed 1", exact=True)).to_be_visible()
    page.keyboard.press("b")
    expect(page.get_by_label("To bed")).to_be_focused()
    page.get_by_label("To bed").select_option("9")
    page.get_by_label("Why").fill("Needs monitoring")
    visitor.picture("ward-transfer-1280")
    page.get_by_label("Why").press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    beds = page.get_by_role("region", name="Beds of this stay")
    expect(beds.get_by_role("row").last).to_contain_text("Needs monitoring")
    expect(page.get_by_role("heading", name="Bed 9", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("width", "height", "colour_scheme"), [(1280, 720, "light"), (390, 844, "dark")], ids=["desk", "phone"]
)
def test_the_ward_can_be_read_by_everyone_at_every_size(
    visit: Visit, people: dict[str, str], busy_day: BusyDay, width: int, height: int, colour_scheme: str
) -> None:
    with busy_day.hospital.transaction():
        lying = Admission.objects.get(encounter=busy_day.visits["Kwame Mensah"].id).id
        waiting = Admission.objects.get(encounter=busy_day.visits["Ana Ortiz"].id).id
    visitor = visit(width=width, height=height, colour_scheme=colour_scheme)
    visitor.log_in(people["ward_nurse"])
    for name, path in [
        ("board", "/ward/"),
        ("waiting", f"/ward/admissions/{waiting}/"),
        ("stay", f"/ward/admissions/{lying}/"),
    ]:
        page = visitor.open(path)
        expect(page.locator("#live")).to_be_visible()
        visitor.picture(f"ward-{name}-{width}-{colour_scheme}", full_page=True)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
