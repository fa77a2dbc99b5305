"""The pages of the stock, and what the prescription page shows of it: batches, labels, substitutes, returns."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from almoner.catalog.models import Service
from almoner.service_points import pharmacy
from almoner.service_points.pharmacy.models import Batch, Dispensing, MedicationReturn, StockItem
from almoner.service_points.pharmacy.operations import receive
from almoner.service_points.pharmacy.rules import Scanned, read_gs1
from almoner.service_points.pharmacy.tests.test_pages import (
    MAXIMUM_STATEMENTS,
    hand_out,
    pay,
    prescription_id,
)
from tests.support.day import AT, BusyDay
from tests.support.pages import member_client, said, templates_of, text_of, typed

TODAY = AT.date()


@pytest.fixture
def pharmacist(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "pharmacist")


@pytest.fixture
def page(day: BusyDay) -> str:
    return f"/pharmacy/prescriptions/{prescription_id(day)}/"


def stock(day: BusyDay, number: str = "A1", quantity: int = 30, days: int = 300) -> Batch:
    """Amoxicillin on the shelf since yesterday."""
    expires_on = TODAY + timedelta(days=days)
    return receive(
        day.hospital.id,
        store="pharmacy",
        service="amoxicillin",
        batch_number=number,
        expires_on=expires_on,
        quantity=Decimal(quantity),
        idempotency_key=f"receive:{number}",
        actor=day.hospital.actor,
        at=AT - timedelta(days=20),
    ).batch


def on_hand(day: BusyDay) -> dict[str, int]:
    with day.hospital.transaction():
        return {batch.number: int(batch.on_hand) for batch in Batch.objects.all()}


def item_page(day: BusyDay) -> str:
    with day.hospital.transaction():
        return f"/pharmacy/stock/{StockItem.objects.get().id}/"


def delivery(client: Client, **fields: object) -> dict[str, object]:
    """What is sent of the delivery form, as it was opened."""
    given = {
        "service": "amoxicillin",
        "batch_number": "A1",
        "expires_on": (TODAY + timedelta(days=300)).isoformat(),
        "quantity": "30",
        "reference": "Note 7",
    }
    return typed(client.get("/pharmacy/stock/receive/").context["form"], **{**given, **fields})


def test_a_delivery_is_received_once_and_the_next_one_begins_with_its_reference(
    day: BusyDay, pharmacist: Client
) -> None:
    sent = delivery(pharmacist)
    for _ in range(2):
        answer = pharmacist.post("/pharmacy/stock/receive/", sent)
        assert said(answer) == "30 × Amoxicillin received, batch A1."
    assert on_hand(day) == {"A1": 30}
    fresh = answer.context["form"]
    assert (fresh["reference"].value(), fresh["store"].value(), fresh["batch_number"].value()) == (
        "Note 7",
        "pharmacy",
        None,
    )
    assert "Amoxicillin" in text_of(pharmacist.get("/pharmacy/stock/"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "-3"),
        ("quantity", ""),
        ("quantity", "NaN"),
        ("expires_on", "2026-03-01"),
        ("expires_on", "soon"),
        ("batch_number", "A\x07"),
        ("batch_number", "A" * 61),
        ("service", "blood_count"),
    ],
)
def test_a_wrong_delivery_is_refused_at_its_field_and_what_was_typed_stays(
    day: BusyDay, pharmacist: Client, field: str, value: str
) -> None:
    answer = pharmacist.post("/pharmacy/stock/receive/", {**delivery(pharmacist), field: value})
    assert answer.status_code == 422 and answer.context["form"].errors[field]
    assert "Note 7" in answer.content.decode()
    assert on_hand(day) == {}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("01095011015300031726123110AB-12", Scanned("AB-12", date(2026, 12, 31))),
        ("]d201095011015300031726120010AB-12\x1d21777", Scanned("AB-12", date(2026, 12, 31))),
        ("(01)09501101530003(17)270228(10)L 9", Scanned("L 9", date(2027, 2, 28))),
        ("0109501101530003" + "10AB12", Scanned("AB12", None)),
        ("(01)09501101530003(17)270230(10)X", Scanned("X", None)),
        ("AB-12", None),
        ("01", None),
        ("(01", None),
        ("", None),
    ],
)
def test_the_code_on_a_box_says_its_batch_and_expiry(code: str, expected: Scanned | None) -> None:
    assert read_gs1(code) == expected


def test_a_scanned_code_fills_in_batch_and_expiry(day: BusyDay, pharmacist: Client) -> None:
    code = "01095011015300031727123110XY-9"
    sent = {**delivery(pharmacist), "batch_number": code, "expires_on": "", "quantity": ""}
    answer = pharmacist.post("/pharmacy/stock/receive/", sent)
    form = answer.context["form"]
    assert (answer.status_code, said(answer), on_hand(day)) == (200, "", {})
    assert (form["batch_number"].value(), form["expires_on"].value()) == ("XY-9", date(2027, 12, 31))
    assert said(pharmacist.post("/pharmacy/stock/receive/", typed(form, quantity="12"))).startswith("12 ×")
    assert on_hand(day) == {"XY-9": 12}


def test_the_list_says_what_is_low_near_its_expiry_or_expired(day: BusyDay, pharmacist: Client) -> None:
    stock(day, "OLD", 4, -5)
    stock(day, "NEAR", 6, 10)
    shown = text_of(pharmacist.get("/pharmacy/stock/"))
    assert "6 near expiry" in shown and "4 expired" in shown
    for show, is_there in (("near", True), ("expired", True), ("low", False), ("nonsense", True)):
        assert ("Amoxicillin" in text_of(pharmacist.get(f"/pharmacy/stock/?show={show}"))) is is_there
    for words, is_there in (("amox", True), ("NEA", True), ("%", False), ("vitamins", False)):
        assert ("6 near expiry" in text_of(pharmacist.get("/pharmacy/stock/", {"q": words}))) is is_there
    with day.hospital.transaction():
        StockItem.objects.update(minimum=6)
    assert "low" in text_of(pharmacist.get("/pharmacy/stock/?show=low"))


def test_a_batch_is_adjusted_in_its_dialog_and_never_below_zero(day: BusyDay, pharmacist: Client) -> None:
    address = f"/pharmacy/batches/{stock(day).id}/adjust/"
    form = pharmacist.get(address).context["form"]
    gone = pharmacist.post(address, typed(form, action="disposed", quantity="4", reason="broken"))
    assert said(gone) == "The stock of batch A1 is changed."
    form = pharmacist.get(address).context["form"]
    refused = pharmacist.post(address, typed(form, action="removed", quantity="27", reason="missing"))
    assert refused.status_code == 422 and "Only 26 of batch A1 are there." in text_of(refused)
    assert on_hand(day) == {"A1": 26}
    shown = text_of(pharmacist.get(item_page(day)))
    assert "−4" in shown and "broken" in shown


def test_a_mistyped_expiry_is_corrected_with_a_reason(day: BusyDay, pharmacist: Client) -> None:
    address = f"/pharmacy/batches/{stock(day).id}/expiry/"
    form = pharmacist.get(address).context["form"]
    refused = pharmacist.post(address, typed(form, expires_on="2027-01-31"))
    assert refused.status_code == 422 and list(refused.context["form"].errors) == ["reason"]
    answer = pharmacist.post(address, typed(form, expires_on="2027-01-31", reason="misread"))
    assert said(answer).startswith("Batch A1 expires")
    with day.hospital.transaction():
        assert Batch.objects.get().expires_on == date(2027, 1, 31)


def test_a_blind_count_shows_the_difference_before_it_is_saved(day: BusyDay, pharmacist: Client) -> None:
    batch = stock(day)
    address = f"{item_page(day)}count/"
    sheet = pharmacist.get(address)
    assert "30" not in text_of(sheet).replace("2026", "")
    sent = typed(sheet.context["form"], **{f"counted_{batch.id}": "28"})
    compared = pharmacist.post(address, sent)
    assert compared.status_code == 200 and "30 28 −2" in text_of(compared)
    assert on_hand(day) == {"A1": 30}
    for _ in range(2):
        saved = pharmacist.post(address, {**sent, "confirmed": "on"})
        assert saved.headers["HX-Redirect"] == item_page(day)
    assert on_hand(day) == {"A1": 28}
    missing = pharmacist.post(address, {**sent, f"counted_{batch.id}": ""})
    assert missing.status_code == 422 and on_hand(day) == {"A1": 28}


def test_the_batch_is_chosen_and_stands_on_the_label(day: BusyDay, pharmacist: Client, page: str) -> None:
    pay(day)
    stock(day, "OLD", 50, -5)
    stock(day, "SOON", 30, 20)
    later = stock(day, "LATER", 30, 300)
    form = pharmacist.get(f"{page}part/").context["form"]
    offered = " ".join(str(text) for _, text in form.fields["batch_1"].choices)
    assert "SOON" in offered and "LATER" in offered and "OLD" not in offered
    answer = pharmacist.post(f"{page}part/", typed(form, quantity_1="5", batch_1=str(later.id)))
    assert said(answer) == "Handed out."
    assert on_hand(day) == {"OLD": 50, "SOON": 30, "LATER": 25}
    with day.hospital.transaction():
        label = f"/pharmacy/handed-out/{Dispensing.objects.get().id}/label/"
    shown = text_of(pharmacist.get(label))
    assert "LATER" in shown and "Tomás Herrera" in shown and "× 5" in shown


def test_stock_gone_meanwhile_is_said_at_its_field_and_nothing_is_lost(
    day: BusyDay, pharmacist: Client, page: str
) -> None:
    pay(day)
    batch = stock(day, "A1", 10)
    form = pharmacist.get(f"{page}part/").context["form"]
    sent = typed(form, quantity_1="10", batch_1=str(batch.id))
    adjust = f"/pharmacy/batches/{batch.id}/adjust/"
    taken = pharmacist.get(adjust).context["form"]
    pharmacist.post(adjust, typed(taken, action="removed", quantity="4", reason="sent to the ward"))
    refused = pharmacist.post(f"{page}part/", sent)
    assert refused.status_code == 422 and "Only 6 of batch A1 are left." in text_of(refused)
    assert 'value="10"' in refused.content.decode()
    rest = pharmacist.post(f"{page}rest/0/")
    assert rest.status_code == 409 and "Only 6 of Amoxicillin are in stock" in text_of(rest)
    assert said(hand_out(pharmacist, page, "6")) == "Handed out."
    assert on_hand(day) == {"A1": 0}


def test_a_substitute_is_chosen_and_what_comes_back_is_credited(
    day: BusyDay, pharmacist: Client, page: str
) -> None:
    with day.hospital.transaction():
        Service.objects.filter(code="amoxicillin").update(
            substitutes=["vitamins"], flags=["substitution_needs_consent"]
        )
    pay(day)
    address = f"{page}lines/1/substitute/"
    form = pharmacist.get(address).context["form"]
    refused = pharmacist.post(address, typed(form, reason="out of stock"))
    assert refused.status_code == 422 and "say who agreed" in text_of(refused)
    agreed = pharmacist.post(address, typed(form, reason="out of stock", consented_by="Dr. Okafor"))
    assert said(agreed) == "Vitamins is handed out instead."
    shown = text_of(pharmacist.get(page))
    assert "instead of Amoxicillin" in shown and "Payment required" in shown
    back = pharmacist.get(address).context["form"]
    pharmacist.post(address, typed(back, reason="found some", service="amoxicillin"))
    hand_out(pharmacist, page, "10")
    with day.hospital.transaction():
        returns = f"/pharmacy/handed-out/{Dispensing.objects.get().id}/return/"
    form = pharmacist.get(returns).context["form"]
    for quantity, problem in (("11", "At most 10"), ("0", "greater")):
        wrong = pharmacist.post(returns, typed(form, quantity=quantity, reason="allergy"))
        assert wrong.status_code == 422 and problem in text_of(wrong)
    for _ in range(2):
        taken = pharmacist.post(returns, typed(form, quantity="4", reason="allergy", is_sealed="no"))
        assert said(taken) == "Taken back; $2.00 is credited."
    with day.hospital.transaction():
        assert MedicationReturn.objects.count() == 1
    assert "4 came back" in text_of(pharmacist.get(page))


def test_the_pages_take_few_statements_and_every_template_is_drawn(
    day: BusyDay, pharmacist: Client, page: str, rendered: set[str]
) -> None:
    pay(day)
    with day.hospital.transaction():
        Service.objects.filter(code="amoxicillin").update(substitutes=["vitamins"])
    batch: Batch = stock(day, "A1", 12)
    stock(day, "B2", 20, 20)
    hand_out(pharmacist, page, "5")
    with day.hospital.transaction():
        dispensing: UUID = Dispensing.objects.get().id
    item = item_page(day)
    addresses = [
        page,
        "/pharmacy/handed-out/",
        f"{page}part/",
        f"{page}lines/1/substitute/",
        f"/pharmacy/handed-out/{dispensing}/label/",
        f"/pharmacy/handed-out/{dispensing}/return/",
        "/pharmacy/",
        "/pharmacy/stock/",
        "/pharmacy/stock/receive/",
        item,
        f"{item}count/",
        f"{item}minimum/",
        f"/pharmacy/batches/{batch.id}/adjust/",
        f"/pharmacy/batches/{batch.id}/expiry/",
    ]
    for address in addresses:
        with CaptureQueriesContext(connection) as queries:
            assert pharmacist.get(address).status_code == 200, address
        sent = [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
        assert len(sent) <= MAXIMUM_STATEMENTS, (address, len(sent))
    assert templates_of(pharmacy) - rendered == set()


def test_when_an_item_is_low_is_set_in_its_dialog(day: BusyDay, pharmacist: Client) -> None:
    stock(day)
    address = f"{item_page(day)}minimum/"
    form = pharmacist.get(address).context["form"]
    assert said(pharmacist.post(address, typed(form, minimum="40"))) == "It is low at or below 40."
    assert "Amoxicillin" in text_of(pharmacist.get("/pharmacy/stock/?show=low"))
