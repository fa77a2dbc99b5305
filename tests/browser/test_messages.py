"""Messages to patients: how a patient is reached is written down, and words are seen as the patient will read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.support.day import BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture
def billing(busy_day: BusyDay) -> str:
    return make_member(busy_day.hospital.id, "billing_staff").email


def test_an_address_is_written_down_and_the_words_of_a_message_change_while_they_are_typed(
    visit: Visit, billing: str, busy_day: BusyDay
) -> None:
    visitor = visit()
    visitor.log_in(billing)
    page = visitor.open(f"/patients/{busy_day.patients['Maria Silva'].id}/")
    page.get_by_role("button", name="How to reach them").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Email", exact=False).first).to_be_focused()
    page.keyboard.type("maria@example.org")
    assert barriers(page) == []
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("maria@example.org")).to_be_visible()

    page = visitor.open("/messages/wordings/balance.overdue/sms/en/")
    text = page.get_by_label("Text")
    text.fill("Please bring {{ amuont }}")
    expect(page.get_by_text("Did you mean {{ amount }}?")).to_be_visible()
    text.fill("Please bring {{ amount }}")
    expect(page.get_by_text("Please bring $75.00")).to_be_visible()
    expect(page.get_by_text("19 characters, 1 SMS")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Save these words").click()
    expect(page.get_by_text("These words hold from")).to_be_visible()
