"""Section 8 in a browser: a critical emergency from the door to the arrangement at discharge, and never held between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from almoner.orders.operations import admit
from almoner.patients.models import Encounter
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member
from tests.support.hospital import enforce

NAME = "Critical Case"


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, str]:
    """Email addresses by role; everything is strict, and plans are offered by rule."""
    enforce(
        busy_day.hospital,
        "patient_category",
        "general",
        auto_payment_plans="enabled",
        plan_down_percent=0,
    )
    roles = ("receptionist", "doctor", "administrator")
    return {role: make_member(busy_day.hospital.id, role).email for role in roles}


def test_a_critical_case_is_treated_at_once_and_arranges_at_discharge(
    visit: Callable[..., Visitor], people: dict[str, str], busy_day: BusyDay
) -> None:
    hospital = busy_day.hospital
    patient = hospital.patient(NAME)
    door = visit()
    door.log_in(people["receptionist"])
    page = door.open(f"/check-in/patients/{patient.id}/")
    page.get_by_label("Department").select_option("emergency")
    page.get_by_label("Triage (ESI)").select_option("1")
    expect(page.locator("#fees")).to_contain_text("$75.00")
    page.get_by_role("button", name="Check in").click()
    expect(page.get_by_role("heading", name="Charged at check-in")).to_be_visible()

    doctor = visit()
    doctor.log_in(people["doctor"])
    with hospital.transaction():
        encounter_id = Encounter.objects.get(patient_id=patient.id).id
    page = doctor.open(f"/consultation/visits/{encounter_id}/")
    expect(page.get_by_text("Emergency care is never held")).to_be_visible()
    page.get_by_role("button", name="Start consultation").click()
    expect(page.get_by_text("In consultation since")).to_be_visible()
    admit(
        hospital.id,
        encounter_id=encounter_id,
        ward="general_ward",
        idempotency_key=f"admission:{encounter_id}",
        actor=hospital.actor,
        at=AT,
    )

    ward = visit()
    ward.log_in(people["administrator"])
    page = ward.open("/ward/")
    row = page.get_by_role("region", name="Awaiting Bed").get_by_role("listitem").filter(has_text=NAME)
    row.get_by_role("link", name="Choose a bed").click()
    expect(page.get_by_text("instalments of")).to_have_count(0)
    page.get_by_role("button", name="Assign bed").first.click()
    leaves = page.get_by_role("button", name="Discharge", exact=True)
    expect(leaves).to_be_disabled()

    page.get_by_role("button", name="Pay in 3 instalments").click()
    offered = page.get_by_role("dialog", name="Pay in instalments")
    expect(offered.get_by_role("table")).to_contain_text("Total")
    ward.picture("offer")
    offered.get_by_role("button", name="Agree the plan").click()
    expect(offered).to_have_count(0)
    expect(leaves).to_be_enabled()
    ward.picture("arranged")
    leaves.click()
    expect(page.get_by_text("Discharged").first).to_be_visible()
