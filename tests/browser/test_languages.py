"""Pages in another language, and turned around for one that is read from the right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.support.day import BusyDay, make_member

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def administrator(busy_day: BusyDay) -> str:
    return make_member(busy_day.hospital.id, "administrator").email


def test_a_person_chooses_spanish_and_keeps_it(visit: Visit, busy_day: BusyDay) -> None:
    visitor = visit()
    page = visitor.log_in(make_member(busy_day.hospital.id, "cashier").email)
    page.get_by_label("Your account and display").click()
    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    visitor.open("/cashier/")
    with translation.override("es"):
        cashier = _("Cashier")
    assert cashier != "Cashier"
    expect(page.get_by_role("heading", name=cashier)).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_pages_turn_around_for_who_reads_from_the_right(
    visit: Visit, administrator: str, width: int, height: int
) -> None:
    visitor = visit(width=width, height=height, locale="ar")
    page = visitor.log_in(administrator)
    for path in ("/", "/check-in/", "/cashier/", "/laboratory/", "/pharmacy/", "/ward/"):
        visitor.open(path)
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        brand = page.locator(".brand").bounding_box()
        assert brand is not None and brand["x"] > width / 2, path
        visitor.picture(f"rtl{path.replace('/', '-')}{width}")
