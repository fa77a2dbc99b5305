"""Logging in and the hospital's day, as a person with mouse, keyboard or phone meets them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import assert_no_sideways_scrolling, barriers
from tests.browser.conftest import Visitor
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def manager(busy_day: BusyDay) -> str:
    return make_member(busy_day.hospital.id, "hospital_manager").email


def held(page: Page, patient: str) -> Locator:
    return page.get_by_role("region", name="Held, and why").locator("li.held").filter(has_text=patient)


def test_a_member_logs_in_and_sees_who_is_held_and_why(visit: Visit, manager: str) -> None:
    page = visit().log_in(manager)
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()
    maria = held(page, "Maria Silva")
    expect(maria).to_contain_text("$75.00")
    expect(maria).to_contain_text("Payment required: $75.00 for Consultation.")
    maria.get_by_text("What can be done").click()
    expect(maria.get_by_text("Emergency override")).to_be_visible()
    expect(maria).to_contain_text("Cashier")
    expect(held(page, "Samuel Osei")).to_contain_text("Can go ahead")


def test_a_wrong_password_is_refused_with_a_sentence_and_keeps_the_email(visit: Visit, manager: str) -> None:
    page = visit().open("/login/")
    page.get_by_label("Email").fill(manager)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Email")).to_have_value(manager)
    expect(page).to_have_url(page.url.partition("?")[0])


def test_an_empty_form_says_what_is_missing_at_each_field(visit: Visit) -> None:
    page = visit().open("/login/")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Enter your email address.")).to_be_visible()
    expect(page.get_by_text("Enter your password.")).to_be_visible()


def test_the_keyboard_alone_logs_in_searches_shows_keys_and_turns_days(visit: Visit, manager: str) -> None:
    page = visit().open("/login/")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(manager)
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery staple")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.keyboard.press("f")
    page.keyboard.type("john")
    expect(page.locator("tr.visit")).to_have_count(1)
    expect(page.locator("tr.visit")).to_contain_text("John Doe")
    page.get_by_role("heading", name="Monday, March 2, 2026").click()

    page.keyboard.press("[")
    expect(page.get_by_role("heading", name="Sunday, March 1, 2026")).to_be_visible()
    expect(page.get_by_text("Nobody has been here on this day.")).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()


def test_a_day_is_chosen_in_the_calendar_field(visit: Visit, manager: str) -> None:
    page = visit().log_in(manager)
    page.get_by_label("Day", exact=True).fill("2026-02-27")
    expect(page.get_by_role("heading", name="Friday, February 27, 2026")).to_be_visible()
    page.get_by_role("link", name="back to today").click()
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()


def test_a_payment_appears_without_a_reload_and_the_search_stays(
    visit: Visit, manager: str, busy_day: BusyDay
) -> None:
    patient = busy_day.hospital.patient("Late Arrival")
    busy_day.hospital.encounter(patient, started_at=AT)
    visitor = visit()
    page = visitor.log_in(manager)
    page.get_by_label("Narrow this day by name, MRN, visit or department").fill("late arr")
    expect(page.locator("tr.visit")).to_have_count(1)
    held(page, "John Doe").get_by_text("What can be done").click()
    before = page.locator(".key-figure-value").nth(2).inner_text()

    busy_day.hospital.pay(patient, 4200, method="cheque", excess="deposit", at=AT)
    page.locator("#day-live").dispatch_event("wake")
    expect(page.locator(".key-figure-value").nth(2)).not_to_have_text(before)
    expect(page.get_by_role("region", name="Collected")).to_contain_text("Cheque")
    expect(page.locator("tr.visit")).to_have_count(1)
    expect(page.locator("tr.visit")).to_contain_text("credit $42.00")
    expect(page.get_by_label("Narrow this day by name, MRN, visit or department")).to_have_value("late arr")
    expect(held(page, "John Doe").get_by_text("Emergency override")).to_be_visible()


def test_an_unchanged_page_is_left_alone(visit: Visit, manager: str) -> None:
    page = visit().log_in(manager)
    held(page, "Maria Silva").get_by_text("What can be done").click()
    with page.expect_response(lambda response: "seen=" in response.url) as answer:
        page.locator("#day-live").dispatch_event("wake")
    assert answer.value.status == 204
    expect(held(page, "Maria Silva").get_by_text("Emergency override")).to_be_visible()


def test_a_lost_connection_is_said_and_forgotten_when_it_is_back(visit: Visit, manager: str) -> None:
    visitor = visit()
    page = visitor.log_in(manager)
    page.context.set_offline(True)
    page.locator("#day-live").dispatch_event("wake")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.locator("#day-live").dispatch_event("wake")
    expect(page.get_by_role("alert")).to_be_hidden()
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED")
    visitor.forget("htmx:")


def test_a_session_that_ended_asks_to_log_in_beside_the_page(visit: Visit, manager: str) -> None:
    visitor = visit()
    page = visitor.log_in(manager)
    page.context.clear_cookies()
    page.locator("#day-live").dispatch_event("wake")
    expect(page.get_by_role("dialog", name="You were logged out")).to_be_visible()
    expect(page.get_by_role("link", name="Log in (opens a new tab)")).to_be_visible()
    visitor.expect_complaint("401")


def test_logging_out_ends_the_session(visit: Visit, manager: str) -> None:
    visitor = visit()
    page = visitor.log_in(manager)
    page.get_by_label("Your account and display").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    visitor.open("/")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_the_chosen_colours_stay(visit: Visit, manager: str) -> None:
    visitor = visit(colour_scheme="light")
    page = visitor.log_in(manager)
    page.get_by_label("Your account and display").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_nothing_inline_runs(visit: Visit, manager: str) -> None:
    """The policy is in force in the browser: a script that somebody smuggled in does not run."""
    visitor = visit()
    page = visitor.log_in(manager)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.smuggled = 1';"
        " document.body.append(s); }"
    )
    assert page.evaluate("() => window.smuggled") is None
    visitor.expect_complaint("Content Security Policy")


def test_the_api_s_documentation_works_under_the_same_policy(visit: Visit) -> None:
    page = visit().open("/api/docs")
    expect(page.get_by_text("Payments").first).to_be_visible()


@pytest.mark.parametrize(("width", "height", "colours"), [(1280, 720, "light"), (390, 844, "dark")])
def test_pages_fit_the_screen(
    visit: Visit, manager: str, busy_day: BusyDay, width: int, height: int, colours: str
) -> None:
    visitor = visit(width=width, height=height, colour_scheme=colours)
    page = visitor.open("/login/")
    assert_no_sideways_scrolling(page)
    visitor.picture(f"login-{width}-{colours}")
    page = visitor.log_in(manager)
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", colours)
    assert_no_sideways_scrolling(page)
    page.evaluate("() => document.fonts.ready")
    visitor.picture(f"day-{width}-{colours}")
    visitor.picture(f"day-{width}-{colours}-full", full_page=True)


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (390, "dark")])
def test_axe_finds_no_barrier(visit: Visit, manager: str, width: int, colours: str) -> None:
    """WCAG 2.2 AA as far as a program can tell, on the log-in page and the first page."""
    visitor = visit(width=width, colour_scheme=colours)
    found = [barriers(visitor.open("/login/"))]
    page = visitor.log_in(manager)
    held(page, "Maria Silva").get_by_text("What can be done").click()
    page.get_by_label("Your account and display").click()
    found.append(barriers(page))
    assert found == [[], []]
