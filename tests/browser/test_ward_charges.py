"""A ward charge in a browser: built in the form, tried on a stay, put in force, seen on the stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from almoner.orders.models import Admission
from almoner.service_points.ward.accrual import accrue_hospital
from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, str]:
    """Email addresses by role."""
    roles = ("hospital_manager", "ward_nurse")
    return {role: make_member(busy_day.hospital.id, role).email for role in roles}


@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 720, "light"), (390, 844, "dark")])
def test_a_ward_charge_is_built_tried_put_in_force_and_accrues(
    visit: Visit, busy_day: BusyDay, people: dict[str, str], width: int, height: int, scheme: str
) -> None:
    hospital = busy_day.hospital
    code = f"nursing_{width}"
    visitor = visit(width=width, height=height, colour_scheme=scheme)
    visitor.log_in(people["hospital_manager"])
    page = visitor.open("/ward-charges/new/")
    preview = page.get_by_role("region", name="Tried on a real stay")
    expect(preview).to_contain_text("1 has no price")
    page.get_by_role("textbox", name="Name", exact=True).fill("Night nursing")
    page.get_by_role("textbox", name="Code", exact=True).fill(code)
    page.get_by_label("Hourly").check()
    expect(page.get_by_label("What counts as a day")).to_have_count(0)
    page.get_by_role("textbox", name="Rate", exact=True).fill("12")
    page.get_by_role("textbox", name="At least").fill("40")
    page.get_by_role("textbox", name="At most").fill("30")
    page.locator("#id_starts_on").fill("2026-03-02")
    expect(preview).to_contain_text("The cap is below the minimum")
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("textbox", name="At most")).to_have_accessible_description(
        "The cap is below the minimum."
    )
    visitor.expect_complaint("422")
    page.get_by_role("textbox", name="At least").fill("")
    page.get_by_role("textbox", name="At most").fill("")
    expect(preview.get_by_text("This charge would have cost")).to_be_visible()
    assert barriers(page) == []
    visitor.picture(f"ward-charge-{width}", full_page=True)
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("heading", name="Night nursing In force")).to_be_visible()
    assert barriers(page) == []

    accrue_hospital(hospital.id, until=AT, actor=hospital.actor, at=AT)
    with hospital.transaction():
        lying = Admission.objects.get(encounter=busy_day.visits["Kwame Mensah"].id).id
    nurse = visit(width=width, height=height)
    nurse.log_in(people["ward_nurse"])
    stay = nurse.open(f"/ward/admissions/{lying}/")
    expect(stay.get_by_text("Night nursing").first).to_be_visible()
