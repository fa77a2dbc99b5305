"""The pharmacy's stock in a browser: a delivery by keyboard, a batch chosen, its label; and no barrier on any page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_no_sideways_scrolling, barriers
from tests.browser.conftest import Visitor
from tests.browser.test_laboratory_and_pharmacy import pay_for, prescribed
from tests.support.day import AT, BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def pharmacist(busy_day: BusyDay) -> str:
    return make_member(busy_day.hospital.id, "pharmacist").email


def receive_by_keyboard(page: Page, batch: str) -> None:
    """From the queue to the stock, and a delivery typed without the mouse."""
    page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Stock")).to_be_visible()
    page.keyboard.press("n")
    medication = page.get_by_label("Medication")
    expect(medication).to_be_focused()
    page.keyboard.type("Amox")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Batch")).to_be_focused()
    year = (AT + timedelta(days=700)).strftime("%y")
    page.keyboard.type(f"010950110153000317{year}063010{batch}")
    page.keyboard.press("Enter")
    quantity = page.get_by_label("Quantity")
    expect(quantity).to_be_focused()
    expect(page.get_by_label("Batch")).to_have_value(batch)
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=f"received, batch {batch}")).to_be_visible()


def test_a_delivery_is_scanned_in_and_its_batch_is_handed_out_and_labelled(
    visit: Visit, pharmacist: str, busy_day: BusyDay
) -> None:
    order_id = prescribed(busy_day, "stock")
    pay_for(busy_day, order_id)
    visitor = visit()
    visitor.log_in(pharmacist)
    page = visitor.open("/pharmacy/")
    receive_by_keyboard(page, "KB-1")
    page = visitor.open(f"/pharmacy/prescriptions/{order_id}/")
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("spinbutton").fill("12")
    dialog.get_by_label("Batch").select_option(index=1)
    dialog.get_by_role("button", name="Hand out").click()
    expect(page.get_by_text("batch KB-1")).to_be_visible()
    page.get_by_role("link", name="Label").click()
    expect(page.get_by_text("Batch KB-1")).to_be_visible()
    visitor.picture("pharmacy-label")


@pytest.mark.parametrize(("width", "height", "colours"), [(1280, 720, "dark"), (390, 844, "light")])
def test_the_pages_of_the_stock_fit_and_have_no_barrier(
    visit: Visit, pharmacist: str, busy_day: BusyDay, width: int, height: int, colours: str
) -> None:
    visitor = visit(width=width, height=height, colour_scheme=colours)
    visitor.log_in(pharmacist)
    receive_by_keyboard(visitor.open("/pharmacy/"), f"FIT-{width}")
    page = visitor.open("/pharmacy/stock/receive/")
    page.get_by_role("button", name="Receive").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    visitor.expect_complaint("422")
    assert_no_sideways_scrolling(page)
    found = barriers(page)
    for number, address in enumerate(["/pharmacy/stock/", "first item", "count"]):
        if address == "first item":
            page.get_by_role("link", name="Amoxicillin").click()
        elif address == "count":
            page.get_by_role("link", name="Count").click()
        else:
            page = visitor.open(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert_no_sideways_scrolling(page)
        found += barriers(page)
        visitor.picture(f"pharmacy-stock-{number}-{width}", full_page=True)
    assert found == []
