"""A policy changed with its preview, and the gate at the doctor's queue that changes with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import check
from tests.browser.accessibility import assert_no_sideways_scrolling, barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, str]:
    """Email addresses by role."""
    return {role: make_member(busy_day.hospital.id, role).email for role in ("hospital_manager", "doctor")}


def test_a_policy_is_tried_put_in_force_and_the_doctors_queue_changes(
    visit: Visit, people: dict[str, str], busy_day: BusyDay
) -> None:
    subject = Subject(busy_day.visits["Maria Silva"].id)
    check(busy_day.hospital.id, "consultation.start", subject, actor=busy_day.hospital.actor, at=AT)
    doctor = visit()
    doctor.log_in(people["doctor"])
    queue = doctor.open("/consultation/")
    maria = queue.locator("tr.visit").filter(has_text="Maria Silva")
    expect(maria).to_contain_text("Payment required")

    manager = visit()
    manager.log_in(people["hospital_manager"])
    page = manager.open("/policies/")
    page.get_by_role("link", name="Cardiology", exact=True).click()
    expect(page.get_by_role("heading", name="Cardiology")).to_be_visible()
    page.get_by_label("How hard").select_option("flexible")
    page.get_by_role("button", name="Preview the change").click()
    expect(page.get_by_role("heading", name="Would have been released")).to_be_visible()
    expect(page.locator(".policy-examples")).to_contain_text("Maria Silva")
    expect(maria).to_contain_text("Payment required")
    put_in_force = page.get_by_role("button", name="Put it in force")
    expect(put_in_force).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("In force from now on")).to_be_visible()
    expect(page.locator(".policy-versions").first).to_contain_text("Flexible")
    expect(maria).not_to_contain_text("Payment required", timeout=10_000)


@pytest.mark.parametrize(("width", "height", "colour_scheme"), [(1280, 720, "light"), (390, 844, "dark")])
def test_the_pages_of_the_policies_can_be_read_by_everyone(
    visit: Visit, people: dict[str, str], width: int, height: int, colour_scheme: str
) -> None:
    visitor = visit(width=width, height=height, colour_scheme=colour_scheme)
    visitor.log_in(people["hospital_manager"])
    page = visitor.open("/policies/")
    assert_no_sideways_scrolling(page)
    assert barriers(page) == []
    visitor.picture(f"policies-{width}", full_page=True)
    page = visitor.open("/policies/department/laboratory/")
    page.get_by_label("Staff may override").select_option("never")
    page.get_by_role("button", name="Preview the change").click()
    expect(page.get_by_role("heading", name="What it would have done")).to_be_visible()
    assert_no_sideways_scrolling(page)
    assert barriers(page) == []
    visitor.picture(f"policy-preview-{width}", full_page=True)
