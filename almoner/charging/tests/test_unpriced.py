"""Charges whose price was missing: priced later, posted then, and delivered when the service was given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from almoner.catalog.models import TariffLine
from almoner.charging.models import ChargeItem
from almoner.charging.operations import price_unpriced
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.ledger.models import Posting
from tests.support.hospital import (
    NOON,
    PRICES_START,
    SERVICE_PROVIDED,
    TEST_ORDERED,
    TestHospital,
    make_hospital,
)

LATER = NOON + timedelta(hours=3)
PROCESSED = "lab_test.processed"


@pytest.fixture
def hospital(db: None) -> TestHospital:
    return make_hospital()


def set_price(hospital: TestHospital, item_id: UUID, **fields: Any) -> ChargeItem:
    arguments: dict[str, Any] = {"unit_price_minor": 4000, "actor": hospital.actor, "at": LATER}
    with hospital.transaction():
        return price_unpriced(item_id, **arguments | fields)


def balance_of(hospital: TestHospital, account: str) -> int:
    with hospital.transaction():
        return sum(Posting.objects.filter(account_code=account).values_list("amount_minor", flat=True))


def test_what_was_provided_without_a_price_becomes_revenue_once_it_has_one(hospital: TestHospital) -> None:
    captured = hospital.capture(SERVICE_PROVIDED, "unlisted", patient=hospital.patient())
    assert balance_of(hospital, "patient_receivable") == 0
    item = set_price(hospital, captured.items[0]["id"])
    assert (item.status, item.net_minor, item.delivered_at) == ("billable", 4000, NOON)
    assert balance_of(hospital, "patient_receivable") == 4000
    assert (balance_of(hospital, "contract_liability"), balance_of(hospital, "revenue")) == (0, -4000)


def test_what_was_ordered_is_delivered_when_it_was_fulfilled_meanwhile(hospital: TestHospital) -> None:
    visit, order = hospital.encounter(hospital.patient()), new_id()
    captured = hospital.capture(TEST_ORDERED, "unlisted", encounter=visit, order_id=order)
    fulfilled = NOON + timedelta(hours=1)
    hospital.capture(PROCESSED, encounter=visit, order_id=order, at=fulfilled)
    assert set_price(hospital, captured.items[0]["id"]).delivered_at == fulfilled
    assert (balance_of(hospital, "contract_liability"), balance_of(hospital, "revenue")) == (0, -4000)


@pytest.mark.parametrize("whose", ["nobody", "another order", "before it was ordered", "another item"])
def test_what_was_not_fulfilled_stays_undelivered(hospital: TestHospital, whose: str) -> None:
    visit, order = hospital.encounter(hospital.patient()), new_id()
    if whose == "before it was ordered":
        hospital.capture(PROCESSED, encounter=visit, order_id=order, at=NOON - timedelta(minutes=1))
    captured = hospital.capture(TEST_ORDERED, "unlisted", encounter=visit, order_id=order)
    if whose == "another order":
        hospital.capture(PROCESSED, encounter=visit, order_id=new_id(), at=NOON)
    if whose == "another item":
        hospital.capture(
            PROCESSED, encounter=visit, order_id=order, body={"charge_item_ids": [str(new_id())]}
        )
    assert set_price(hospital, captured.items[0]["id"]).delivered_at is None
    assert (balance_of(hospital, "contract_liability"), balance_of(hospital, "revenue")) == (-4000, 0)


def test_a_tariff_that_begins_later_on_gives_the_price_of_the_service_date(hospital: TestHospital) -> None:
    captured = hospital.capture(TEST_ORDERED, "unlisted", patient=hospital.patient())
    with pytest.raises(DomainError) as refusal:
        set_price(hospital, captured.items[0]["id"], unit_price_minor=None)
    assert (refusal.value.field, refusal.value.code) == ("service", "no_price")
    with hospital.transaction():
        TariffLine.objects.create(
            hospital_id=hospital.id,
            service_id=hospital.services["unlisted"],
            price_minor=2500,
            starts_on=PRICES_START,
        )
    item = set_price(hospital, captured.items[0]["id"], unit_price_minor=None)
    assert (item.net_minor, item.price_source) == (2500, "tariff:standard@2026-01-01")


def test_a_stated_price_says_who_stated_it_and_may_be_zero(hospital: TestHospital) -> None:
    captured = hospital.capture(TEST_ORDERED, "unlisted", patient=hospital.patient())
    item = set_price(hospital, captured.items[0]["id"], unit_price_minor=0)
    assert (item.net_minor, item.price_source, item.status) == (0, "stated:system:test", "billable")


def test_a_price_is_set_once_by_those_who_may_and_is_not_negative(hospital: TestHospital) -> None:
    captured = hospital.capture(TEST_ORDERED, "unlisted", patient=hospital.patient())
    item_id = captured.items[0]["id"]
    with pytest.raises(PermissionRefused):
        set_price(hospital, item_id, actor=Actor("user:visitor"))
    with pytest.raises(DomainError) as refusal:
        set_price(hospital, item_id, unit_price_minor=-1)
    assert refusal.value.field == "unit_price_minor"
    set_price(hospital, item_id)
    with pytest.raises(Conflict) as conflict:
        set_price(hospital, item_id)
    assert conflict.value.code == "already_priced"
