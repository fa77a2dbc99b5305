"""The pharmacy's pages: on hold and ready, handed out in whole or in part, and by whom."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from almoner.charging.models import ChargeItem
from almoner.identity.roles import ROLES
from almoner.kernel.ids import new_id
from almoner.orders.models import Prescription
from almoner.orders.operations import cancel_order
from almoner.service_points.pharmacy.models import Dispensing
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, said, text_of, typed

MAXIMUM_STATEMENTS = 12
ALLOWED = {"administrator", "pharmacist"}


@pytest.fixture
def pharmacist(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "pharmacist")


@pytest.fixture
def page(day: BusyDay) -> str:
    """The address of Tomás Herrera's prescription: 21 amoxicillin, not paid."""
    return f"/pharmacy/prescriptions/{prescription_id(day)}/"


def prescription_id(day: BusyDay) -> UUID:
    with day.hospital.transaction():
        return Prescription.objects.get(patient=day.patients["Tomás Herrera"].id).id


def pay(day: BusyDay) -> None:
    with day.hospital.transaction():
        items = list(ChargeItem.objects.filter(order_id=prescription_id(day)))
    shares = [(item.id, item.net_minor) for item in items]
    total = sum(minor or 0 for _, minor in shares)
    day.hospital.pay(day.patients["Tomás Herrera"], total, shares=shares, at=AT)


def hand_out(client: Client, page: str, quantity: str) -> Any:
    address = f"{page}part/"
    return client.post(address, typed(client.get(address).context["form"], quantity_1=quantity))


def quantities(day: BusyDay) -> list[int]:
    with day.hospital.transaction():
        return [int(row.quantity) for row in Dispensing.objects.order_by("id")]


def lists(client: Client) -> tuple[str, str]:
    """What stands under "ready" and under "on hold"."""
    _, _, content = text_of(client.get("/pharmacy/")).partition("Ready to hand out")
    ready, _, held = content.partition("On hold")
    return ready, held


def test_a_prescription_moves_from_hold_to_ready_with_its_payment(day: BusyDay, pharmacist: Client) -> None:
    ready, held = lists(pharmacist)
    assert "Tomás Herrera" in held and "× 21" in held and "Payment required: $10.50" in held
    assert "Tomás Herrera" not in ready
    pay(day)
    ready, held = lists(pharmacist)
    assert "Tomás Herrera" in ready and "Tomás Herrera" not in held


def test_a_held_prescription_is_not_handed_out_in_whole_or_in_part(
    day: BusyDay, pharmacist: Client, page: str
) -> None:
    refused = pharmacist.post(f"{page}rest/0/", headers=HTMX)
    assert refused.status_code == 409 and "Payment required" in said(refused)
    part = hand_out(pharmacist, page, "7")
    assert part.status_code == 422 and "Payment required: $10.50" in text_of(part)
    assert quantities(day) == []


def test_all_of_it_is_handed_out_once_however_often_the_button_is_pressed(
    day: BusyDay, pharmacist: Client, page: str
) -> None:
    pay(day)
    for _ in range(2):
        assert said(pharmacist.post(f"{page}rest/0/")).endswith("is handed out.")
    assert quantities(day) == [21]
    assert "Tomás Herrera" not in "".join(lists(pharmacist))
    assert "Tomás Herrera" in text_of(pharmacist.get("/pharmacy/handed-out/"))


def test_a_part_leaves_the_rest_ready_and_paid(day: BusyDay, pharmacist: Client, page: str) -> None:
    pay(day)
    assert said(hand_out(pharmacist, page, "14")) == "Handed out."
    ready, _ = lists(pharmacist)
    assert "× 7 part handed out" in ready
    shown = text_of(pharmacist.get(page))
    assert "21 14 7" in shown and "× 14" in shown
    assert said(pharmacist.post(f"{page}rest/1/")).endswith("is handed out.")
    assert quantities(day) == [14, 7]


def test_a_part_sent_twice_is_handed_out_once(day: BusyDay, pharmacist: Client, page: str) -> None:
    pay(day)
    sent = typed(pharmacist.get(f"{page}part/").context["form"], quantity_1="5")
    for _ in range(2):
        assert said(pharmacist.post(f"{page}part/", sent)) == "Handed out."
    assert quantities(day) == [5]
    other = pharmacist.post(f"{page}part/", {**sent, "quantity_1": "6"})
    assert "sent before with other content" in text_of(other)


def test_what_was_handed_out_meanwhile_is_said_before_the_rest_goes_too(
    day: BusyDay, pharmacist: Client, page: str
) -> None:
    pay(day)
    hand_out(pharmacist, page, "5")
    stale = pharmacist.post(f"{page}rest/0/", headers=HTMX)
    assert stale.status_code == 409 and "meanwhile" in said(stale)
    assert quantities(day) == [5]


@pytest.mark.parametrize(
    ("quantity", "problem"),
    [
        ("22", "Line 1 has 21 left"),
        ("-1", "greater than or equal to 0"),
        ("some", "Enter a number."),
        ("", "Say"),
    ],
)
def test_a_quantity_that_is_not_left_is_refused_at_its_field(
    day: BusyDay, pharmacist: Client, page: str, quantity: str, problem: str
) -> None:
    pay(day)
    answer = hand_out(pharmacist, page, quantity)
    assert answer.status_code == 422 and problem in text_of(answer)
    assert quantities(day) == []


def test_a_payment_enables_the_button_on_the_open_page(day: BusyDay, pharmacist: Client, page: str) -> None:
    live = pharmacist.get(page).context["live"]["url"]
    assert pharmacist.get(live, headers=HTMX).status_code == 204
    pay(day)
    assert "Hand out a part" in text_of(pharmacist.get(live, headers=HTMX))


def test_a_cancelled_prescription_says_so_and_is_not_handed_out(
    day: BusyDay, pharmacist: Client, page: str
) -> None:
    pay(day)
    cancel_order(
        day.hospital.id, Prescription, prescription_id(day), reason="wrong", actor=day.hospital.actor, at=AT
    )
    assert "cancelled this prescription" in text_of(pharmacist.get(page))
    assert "Tomás Herrera" not in "".join(lists(pharmacist))
    assert pharmacist.post(f"{page}rest/0/").status_code == 409


def test_a_prescription_of_nowhere_is_not_found(pharmacist: Client) -> None:
    nowhere = f"/pharmacy/prescriptions/{new_id()}/"
    assert pharmacist.get(nowhere).status_code == pharmacist.get(f"{nowhere}part/").status_code == 404
    assert pharmacist.post(f"{nowhere}rest/0/").status_code == 404


@pytest.mark.parametrize("role", sorted(ROLES))
def test_only_the_pharmacy_comes_in_and_others_learn_who_may(day: BusyDay, role: str, page: str) -> None:
    client = member_client(day.hospital.id, role)
    pay(day)
    answers = [client.get(a) for a in ("/pharmacy/", "/pharmacy/handed-out/", page, f"{page}part/")]
    answers.append(client.post(f"{page}rest/0/"))
    if role in ALLOWED:
        assert {answer.status_code for answer in answers} == {200}
    else:
        assert {answer.status_code for answer in answers} == {403}
        assert all("Pharmacist" in text_of(answer) for answer in answers)
        assert quantities(day) == []


@pytest.mark.parametrize("address", ["/pharmacy/", "/pharmacy/handed-out/", ""])
def test_a_page_takes_few_statements(day: BusyDay, pharmacist: Client, page: str, address: str) -> None:
    pay(day)
    hand_out(pharmacist, page, "5")
    pharmacist.get(address or page)
    with CaptureQueriesContext(connection) as queries:
        pharmacist.get(address or page)
    sent = [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(sent) <= MAXIMUM_STATEMENTS, sent
