"""A patient opens the letter's link on a phone, logs in, and reads what is theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import assert_no_sideways_scrolling, barriers
from tests.browser.test_first_page import Visit
from tests.support.day import AT, PASSWORD, make_member

if TYPE_CHECKING:
    from tests.support.day import BusyDay


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was written to people; the links are opened on the day of the letters."""
    written: list[str] = []
    monkeypatch.setattr("almoner.portal.letters.send_mail", lambda subject, text, *_: written.append(text))
    monkeypatch.setattr("almoner.portal.views.join.now", lambda: AT)
    return written


def test_from_the_letter_to_the_own_page_on_a_phone(
    visit: Visit, busy_day: BusyDay, letters: list[str]
) -> None:
    patient = busy_day.patients["Jane Smith"]
    reception = visit()
    page = reception.log_in(make_member(busy_day.hospital.id, "receptionist").email)
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()
    page = reception.open(f"/patients/{patient.id}/")
    page.get_by_role("button", name="Patient's own page").click()
    expect(page.get_by_label("Email")).to_be_focused()
    page.get_by_label("Email").fill("jane@example.org")
    assert barriers(page) == []
    page.get_by_role("button", name="Send the letter").click()
    expect(page.get_by_text("The letter to jane@example.org is on its way.")).to_be_visible()
    page.get_by_role("button", name="Patient's own page").click()
    expect(page.get_by_role("button", name="Withdraw the letter to jane@example.org")).to_be_visible()
    reception.picture("own-page-access-1280")

    found = re.search(r"/me/join/\S+", letters[0])
    assert found is not None
    phone = visit(width=390, height=844)
    page = phone.open(found[0])
    expect(page.get_by_label("Your name")).to_be_focused()
    phone.picture("own-page-join-390")
    assert barriers(page) == []
    page.get_by_label("Your name").fill("Jane Smith")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Save, and log in with it").click()
    page.get_by_label("Email").fill("jane@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Open my page").click()
    expect(page.get_by_role("heading", name="Jane Smith")).to_be_visible()
    assert_no_sideways_scrolling(page)
    assert barriers(page) == []
    phone.picture("own-page-390", full_page=True)
    page.emulate_media(color_scheme="dark")
    assert barriers(page) == []
    phone.picture("own-page-dark-390", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 720})
    phone.picture("own-page-1280", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name=re.compile("MAIN-2026-")).first.click()
    expect(page.get_by_text("Copy from the patient's own page")).to_be_visible()
    assert_no_sideways_scrolling(page)
    assert barriers(page) == []
    phone.picture("own-receipt-390", full_page=True)
