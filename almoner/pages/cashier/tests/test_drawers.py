"""The drawer on the cashier's pages: opened and closed by counting, blind, reported on paper, seen by who supervises."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from almoner.payments.models import CashSession, CashTransfer
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, said, text_of, typed

MARIA = "Maria Silva"


@pytest.fixture
def cashier(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "cashier")


def drawers(day: BusyDay) -> list[CashSession]:
    with day.hospital.transaction():
        return list(CashSession.objects.order_by("opened_at", "id"))


def url(day: BusyDay, name: str, *args: str) -> str:
    return reverse(f"cashier:{name}", args=[drawers(day)[0].id, *args])


def send(client: Client, address: str, **fields: object) -> HttpResponse:
    opened = client.get(address)
    assert opened.status_code == 200
    return client.post(address, typed(opened.context["form"], **fields), headers=HTMX)


def test_a_receptionist_opens_a_drawer_by_counting_and_takes_cash_then(day: BusyDay) -> None:
    reception = member_client(day.hospital.id, "receptionist")
    account = reverse("cashier:account", args=[day.patients[MARIA].id])
    page = reception.get(account)
    assert "You have no open drawer" in text_of(page)
    assert page.context["form"]["method"].value() == "card"
    refused = send(reception, account, method="cash")
    assert refused.status_code == 422 and "Open it with a counted float first" in text_of(refused)

    opening = f"{reverse('cashier:open-drawer')}?next={account}"
    fields = {"piece_2000": "2", "piece_25": "4"}
    told = reception.get(reverse("cashier:counted"), fields, headers=HTMX)
    assert text_of(told) == "Counted $41.00"
    answer = send(reception, opening, **fields)
    assert answer["HX-Redirect"] == account
    assert (drawers(day)[0].float_minor, drawers(day)[0].name) == (4100, "MAIN/1")
    assert send(reception, account, tendered="80").status_code == 200
    assert "Your drawer MAIN/1 is open" in text_of(reception.get(reverse("cashier:desk")))


def test_where_to_go_next_is_a_page_of_ours(day: BusyDay) -> None:
    reception = member_client(day.hospital.id, "receptionist")
    fields = typed(reception.get(reverse("cashier:open-drawer")).context["form"])
    for wanted in ("https://elsewhere.example/", "//elsewhere.example"):
        answer = reception.post(f"{reverse('cashier:open-drawer')}?next={wanted}", fields, headers=HTMX)
        assert answer["HX-Redirect"] == reverse("cashier:desk")


def test_two_tabs_open_one_drawer_and_the_second_is_told(day: BusyDay) -> None:
    reception = member_client(day.hospital.id, "receptionist")
    address = reverse("cashier:open-drawer")
    one, two = (typed(reception.get(address).context["form"]) for _ in range(2))
    assert reception.post(address, one, headers=HTMX).status_code == 200
    assert reception.post(address, one, headers=HTMX).status_code == 200
    late = reception.post(address, {**two, "piece_2000": "3"}, headers=HTMX)
    assert (
        late.status_code == 422
        and "is open already" in text_of(late)
        and 'value="3"' in late.content.decode()
    )
    assert len(drawers(day)) == 1


def sums(page: HttpResponse) -> str:
    """What the desk says under Sums."""
    return text_of(page).rpartition("Sums")[2]


def test_the_sums_of_the_day_do_not_tell_who_is_still_to_count_what_was_taken_in_cash(
    day: BusyDay, cashier: Client
) -> None:
    desk = reverse("cashier:desk")
    told = sums(cashier.get(desk))
    assert "Cash to be counted" in told and "Card $75.00 $0.00 $75.00" in told
    assert "$215.00" not in told and "$515.00" not in told
    send(cashier, url(day, "close-drawer"), piece_2000="2", piece_500="2", reason="Counted")
    assert "Cash $215.00 $75.00 $140.00" in sums(cashier.get(desk))


def test_who_supervises_sees_the_sums_of_the_day_by_method_and_by_drawer(
    day: BusyDay, cashier: Client
) -> None:
    day.hospital.pay(day.patients[MARIA], 2000, at=AT)
    day.hospital.pay(day.patients[MARIA], 1500, method="card", at=AT)
    office = member_client(day.hospital.id, "billing_staff")
    told = sums(office.get(reverse("cashier:desk")))
    assert "Cash $235.00 $75.00 $160.00" in told
    assert "MAIN/1" in told and "$35.00 $0.00 $35.00" in told
    assert "Without a drawer $590.00 $75.00 $515.00" in told
    assert url(day, "session") in office.get(reverse("cashier:desk")).content.decode()
    assert "Without a drawer" not in sums(cashier.get(reverse("cashier:desk")))


def test_a_drawer_is_counted_blind_and_a_difference_is_explained(day: BusyDay, cashier: Client) -> None:
    day.hospital.pay(day.patients[MARIA], 2000, at=AT)
    report = text_of(cashier.get(url(day, "session")))
    assert "told once it was counted" in report and "$70.00" not in report and "to be counted" in report
    closing = url(day, "close-drawer")
    assert "$70.00" not in text_of(cashier.get(closing))
    wrong = send(cashier, closing, piece_2000="3")
    assert wrong.status_code == 422 and "Count again, or say why" in text_of(wrong)
    assert "$70.00" not in text_of(wrong) and 'value="3"' in wrong.content.decode()
    answer = send(cashier, closing, piece_2000="3", reason="A note went missing", banked="40", slip="S-9")
    assert answer["HX-Redirect"] == url(day, "session")
    shown = text_of(cashier.get(url(day, "session")))
    for words in (
        "Z report MAIN/1",
        "$70.00",
        "$60.00",
        "$10.00 short",
        "A note went missing",
        "S-9",
        "Counted $60.00",
    ):
        assert words in shown
    assert cashier.get(closing).status_code == 302
    assert "You have no open drawer" in text_of(cashier.get(reverse("cashier:desk")))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"piece_2000": "-1"}, "greater than or equal to 0"),
        ({"piece_2000": "two"}, "Enter a whole number"),
        ({"piece_2000": "2", "piece_500": "2", "banked": "60", "slip": "S"}, "than was counted"),
        ({"piece_2000": "2", "piece_500": "2", "banked": "20"}, "deposit slip"),
    ],
)
def test_what_is_wrong_with_a_count_is_said_and_the_drawer_stays_open(
    day: BusyDay, cashier: Client, fields: dict[str, Any], problem: str
) -> None:
    answer = send(cashier, url(day, "close-drawer"), **fields)
    assert answer.status_code == 422 and problem in text_of(answer)
    assert drawers(day)[0].closed_at is None


def test_cash_is_moved_with_a_slip_and_never_more_than_there_is(day: BusyDay, cashier: Client) -> None:
    address = url(day, "move-cash")
    assert "deposit slip" in text_of(send(cashier, address, amount="20"))
    assert "not so much" in text_of(send(cashier, address, amount="51", reference="S-1"))
    assert said(send(cashier, address, amount="20", reference="S-1")) == "To the bank: $20.00."
    with day.hospital.transaction():
        assert CashTransfer.objects.get().amount_minor == 2000


def test_the_next_cashier_is_chosen_among_colleagues_without_a_drawer(day: BusyDay, cashier: Client) -> None:
    member_client(day.hospital.id, "doctor")
    reception = member_client(day.hospital.id, "receptionist")
    colleagues = cashier.get(url(day, "close-drawer")).context["form"].fields["hand_to"].choices
    assert len(colleagues) == 2
    send(cashier, url(day, "close-drawer"), piece_2000="2", piece_500="2", hand_to=colleagues[1][0])
    first, second = drawers(day)
    assert (second.handed_over_from_id, second.float_minor, second.closed_at) == (first.id, 5000, None)
    page = text_of(reception.get(reverse("cashier:session", args=[second.id])))
    assert "Taken over from MAIN/1" in page
    assert "Handed over to MAIN/2" in text_of(cashier.get(url(day, "session")))


def test_a_report_is_printed_on_both_papers_and_marked_when_printed_again(
    day: BusyDay, cashier: Client
) -> None:
    send(cashier, url(day, "close-drawer"), piece_2000="2", piece_500="2")
    marks = []
    for paper in ("a4", "80mm"):
        printed = cashier.post(url(day, "print-session", paper), headers=HTMX)
        shown = cashier.get(printed["HX-Redirect"])
        assert f"paper-{paper}" in shown.content.decode()
        marks.append("Copy 2, printed Mar 2, 2026" in text_of(shown))
    assert marks == [False, True]
    assert cashier.post(url(day, "print-session", "a3"), headers=HTMX).status_code == 404


def test_a_cashier_sees_their_own_drawers_and_the_manager_all_with_what_is_expected(
    day: BusyDay, cashier: Client
) -> None:
    drawer = url(day, "session")
    reception = member_client(day.hospital.id, "receptionist")
    assert "No drawer has been opened yet" in text_of(reception.get(reverse("cashier:sessions")))
    assert reception.get(drawer).status_code == 403
    assert reception.post(url(day, "close-drawer"), headers=HTMX).status_code == 403
    assert "MAIN/1" in text_of(cashier.get(reverse("cashier:sessions")))
    manager = member_client(day.hospital.id, "hospital_manager")
    assert "MAIN/1" in text_of(manager.get(reverse("cashier:sessions")))
    assert "Cash expected $50.00" in text_of(manager.get(drawer))
