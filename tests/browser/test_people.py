"""A newcomer opens the letter's link, adds a passkey, and is let in with it where a second factor is asked for."""

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
    monkeypatch.setattr(
        "almoner.pages.people.letters.send_mail", lambda subject, text, *_: written.append(text)
    )
    monkeypatch.setattr("almoner.pages.people.views.invitations.now", lambda: AT)
    return written


def test_from_the_letter_to_logging_in_with_a_passkey(
    visit: Visit, busy_day: BusyDay, letters: list[str]
) -> None:
    from almoner.hospitals.models import Hospital

    administrator = visit()
    page = administrator.log_in(make_member(busy_day.hospital.id, "administrator").email)
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()
    page = administrator.open("/people/")
    page.keyboard.press("n")
    expect(page.get_by_label("Email")).to_be_focused()
    page.get_by_label("Email").fill("nell@example.org")
    page.get_by_label("Cashier").check()
    page.get_by_role("button", name="Send the letter").click()
    expect(page.get_by_role("cell", name="nell@example.org")).to_be_visible()
    administrator.picture("people-1280")
    assert barriers(page) == []
    found = re.search(r"/people/join/\S+", letters[0])
    assert found is not None
    Hospital.objects.filter(id=busy_day.hospital.id).update(second_factor="required")

    newcomer = visit(width=390, height=844, colour_scheme="dark")
    devices = newcomer.page.context.new_cdp_session(newcomer.page)
    devices.send("WebAuthn.enable")
    devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page = newcomer.open(found[0])
    page.get_by_label("Your name").fill("Nell New")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_contain_text("asks you for a second factor")
    assert_no_sideways_scrolling(page)
    assert barriers(page) == []
    newcomer.picture("account-390")
    page.get_by_role("link", name="Add").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="It is me").click()
    page.get_by_label("Use it instead of the password").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_label("10 codes are left")).to_be_visible()
    newcomer.picture("codes-390")
    newcomer.open("/cashier/")
    expect(page.get_by_role("heading", name="Cashier")).to_be_visible()

    page.get_by_label("Your account and display").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="With a passkey").click()
    expect(page.get_by_role("heading", name="Monday, March 2, 2026")).to_be_visible()
    newcomer.open("/account/sessions/")
    expect(page.get_by_text("here", exact=True)).to_be_visible()
    assert barriers(page) == []
