"""A drawer in a browser: opened by keyboard, cash and card in one payment, a void by two people, counted blind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from almoner.identity.models import User
from almoner.identity.roles import actor_for
from almoner.payments.models import CashSession, PaymentVoid
from almoner.payments.operations import close_session, ensure_cash_point, request_void
from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.browser.test_cashier import owing, payments
from tests.support.day import AT, BusyDay, make_member, open_drawer

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def people(busy_day: BusyDay) -> dict[str, User]:
    """Members by role. The cashier has the main drawer open; reception's is at the window."""
    with busy_day.hospital.transaction():
        ensure_cash_point("window", "Window")
    return {
        role: make_member(busy_day.hospital.id, role, name=name)
        for role, name in [
            ("receptionist", "Rosa Lind"),
            ("billing_staff", "Bo Nilsson"),
            ("cashier", "Grace Adeyemi"),
        ]
    }


def counted(page: Page, piece: str, number: str) -> None:
    page.get_by_role("textbox", name=piece, exact=True).fill(number)


def test_a_drawer_from_its_float_to_its_close_with_a_payment_by_two_methods_and_a_void(
    visit: Visit, people: dict[str, User], busy_day: BusyDay
) -> None:
    patient = owing(busy_day, "Mixed Payer")
    reception = visit()
    reception.log_in(people["receptionist"].email)
    page = reception.open("/cashier/")
    expect(page.get_by_role("searchbox", name="Who pays?")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.get_by_role("heading", name="Open your drawer")).to_be_visible()
    expect(page.get_by_role("textbox", name="$100.00", exact=True)).to_be_focused()
    page.get_by_label("Cash point").select_option("Window")
    page.get_by_role("textbox", name="$100.00", exact=True).press("1")
    expect(page.locator("#count-total")).to_contain_text("$100.00")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your drawer WINDOW/1 is open")).to_be_visible()

    page = reception.open(f"/cashier/patients/{patient.id}/")
    expect(page.get_by_label("Cash handed over")).to_be_focused()
    page.locator("summary", has_text="Several methods").click()
    page.locator("[name=part_card]").fill("36")
    expect(page.locator("#account-total")).to_contain_text("$50.00")
    page.get_by_role("button", name="Take the payment").click()
    receipt = page.locator("article.receipt")
    for words in ("$86.00", "Cash", "$50.00", "Card", "$36.00"):
        expect(receipt).to_contain_text(words)

    page.get_by_role("button", name="Ask to void").click()
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("Wrong patient")
    page.get_by_role("dialog").get_by_role("button", name="Ask to void").click()
    asked = page.get_by_role("region", name="A void was asked for")
    expect(asked).to_contain_text("This is decided by: ")
    expect(asked.get_by_role("button")).to_have_count(0)

    office = visit()
    office.log_in(people["billing_staff"].email)
    desk = office.open("/cashier/")
    desk.get_by_role("region", name="Voids to decide").get_by_role("link").click()
    desk.get_by_role("button", name="Approve the void").click()
    expect(receipt).to_contain_text("VOID since")
    [payment] = payments(busy_day, patient)

    page = reception.open("/cashier/")
    page.get_by_role("link", name="Count and close").click()
    expect(page.get_by_role("textbox", name="$100.00", exact=True)).to_be_focused()
    counted(page, "$50.00", "1")
    counted(page, "$20.00", "2")
    expect(page.locator("#count-total")).to_contain_text("$90.00")
    page.get_by_role("button", name="Close the drawer").click()
    expect(page.get_by_text("Count again, or say why")).to_be_visible()
    expect(page.get_by_role("textbox", name="$50.00", exact=True)).to_have_value("1")
    assert "$100.00" not in page.get_by_role("main").inner_text().replace(
        page.locator(".count-grid").inner_text(), ""
    ), "the count stays blind"
    page.get_by_label("Why it differs, if it does").fill("A note was given out twice")
    page.get_by_role("button", name="Close the drawer").click()
    expect(page.get_by_role("heading", name="Z report WINDOW/1")).to_be_visible()
    expect(page.locator("article.receipt")).to_contain_text("$10.00 short")
    reception.forget("422")
    with busy_day.hospital.transaction():
        assert PaymentVoid.objects.filter(payment=payment.id).exists()
        assert CashSession.objects.get(cash_point="window").difference_minor == -1000


def a_drawer_that_was_closed(day: BusyDay, cashier: User) -> CashSession:
    """A drawer at the annex, 1.00 short, of which 60.00 went to the bank."""
    drawer = open_drawer(day.hospital.id, cashier, "cashier", cash_point="annex")
    return close_session(
        day.hospital.id,
        drawer.id,
        count={2000: 2, 500: 1, 100: 4},
        banked_minor=4000,
        slip="S-1",
        idempotency_key="close the annex",
        actor=actor_for(cashier, ["cashier"]),
        at=AT,
    )


@pytest.mark.parametrize(
    ("width", "height", "colour_scheme"), [(1280, 720, "light"), (390, 844, "dark")], ids=["desk", "phone"]
)
def test_the_pages_of_drawers_and_approvals_can_be_read_by_everyone(
    visit: Visit, people: dict[str, User], busy_day: BusyDay, width: int, height: int, colour_scheme: str
) -> None:
    hospital = busy_day.hospital
    paid = hospital.pay(owing(busy_day, "Asked For"), 2000, at=AT)
    request_void(
        hospital.id,
        paid.payment_id,
        reason="Wrong patient",
        idempotency_key=f"void {width}",
        actor=hospital.actor,
        at=AT,
    )
    with hospital.transaction():
        mine = CashSession.objects.get(cash_point="main", closed_at=None).id
        closed = CashSession.objects.filter(cash_point="annex").first()
    closed = closed or a_drawer_that_was_closed(busy_day, make_member(hospital.id, "porter", name="Ann Ex"))
    for role, pages in [
        (
            "cashier",
            {
                "drawers": "/cashier/drawers/",
                "report": f"/cashier/drawers/{mine}/",
                "count": f"/cashier/drawers/{mine}/close/",
                "ask": f"/cashier/payments/{paid.payment_id}/",
            },
        ),
        (
            "billing_staff",
            {
                "approvals": "/cashier/",
                "approval": f"/cashier/payments/{paid.payment_id}/",
                "every-drawer": "/cashier/drawers/",
                "closed": f"/cashier/drawers/{closed.id}/",
                "paper": f"/cashier/drawers/{closed.id}/paper/80mm/",
                "open": "/cashier/drawers/open/",
            },
        ),
    ]:
        visitor = visit(width=width, height=height, colour_scheme=colour_scheme)
        visitor.log_in(people[role].email)
        for name, path in pages.items():
            page = visitor.open(path)
            expect(page.get_by_role("main")).to_be_visible()
            visitor.picture(f"drawer-{name}-{width}", full_page=True)
            assert barriers(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        if role == "cashier":
            page = visitor.open(f"/cashier/drawers/{mine}/")
            page.get_by_role("button", name="Move cash").click()
            expect(page.get_by_role("dialog")).to_be_visible()
            visitor.picture(f"drawer-bank-{width}")
            assert barriers(page) == []
