"""What the database itself refuses, whoever asks: the application, or the owner of the tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection
from django.db.transaction import atomic

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import SETTING
from almoner.ledger.models import JournalEntry, OpenItem, PatientBalance, Posting
from almoner.ledger.operations import Line, post
from tests.support.hospital import NOON, TEST_ORDERED, TestHospital, TestPatient, make_hospital

APPEND_ONLY = [
    "ledger_journalentry",
    "ledger_posting",
    "charging_clinicalevent",
    "payments_allocation",
    "payments_paymentvoid",
    "payments_refund",
    "payments_depositapplication",
    "enforcement_gatedecision",
    "enforcement_override",
    "identity_auditrecord",
    "identity_auditblock",
    "hospitals_configurationversion",
]
DERIVED = ["ledger_openitem", "ledger_patientbalance"]


@dataclass
class Books:
    """A hospital with one charge of 30.00, ordered and not yet delivered, that its patient owes."""

    hospital: TestHospital
    patient: TestPatient
    item_id: UUID
    event_id: UUID

    def line(self, account: str, minor: int, **dimensions: Any) -> Line:
        return Line(account, minor, "USD", patient_account_id=self.patient.account_id, **dimensions)

    def post(self, *lines: Line, **columns: Any) -> UUID:
        with self.hospital.transaction():
            return post(
                kind="charge.captured",
                source_id=new_id(),
                lines=lines,
                occurred_at=NOON,
                posted_at=NOON,
                actor="test",
                **columns,
            )


def make_books() -> Books:
    hospital = make_hospital()
    patient = hospital.patient()
    captured = hospital.capture(TEST_ORDERED, "blood_count", patient=patient)
    return Books(hospital, patient, captured.items[0]["id"], captured.event_id)


@pytest.fixture
def books(db: None) -> Books:
    return make_books()


def test_an_entry_that_does_not_balance_is_refused(books: Books) -> None:
    with pytest.raises(IntegrityError, match="does not balance"), atomic():
        books.post(books.line("bank", 100), books.line("revenue", -99))


def test_an_entry_balances_in_each_currency_by_itself(books: Books) -> None:
    with pytest.raises(IntegrityError, match="does not balance"), atomic():
        books.post(Line("bank", 100, "USD"), Line("revenue", -100, "EUR"))


def test_an_entry_that_balances_is_posted(books: Books) -> None:
    entry = books.post(books.line("bank", 100), books.line("revenue", -60), books.line("tax_payable", -40))
    with books.hospital.transaction():
        amounts = Posting.objects.filter(entry=entry).order_by("line").values_list("amount_minor", flat=True)
        assert list(amounts) == [100, -60, -40]


def test_an_account_that_is_not_in_the_chart_is_refused(committed: None) -> None:
    books = make_books()
    with pytest.raises(IntegrityError, match="ledger_posting_account_fk"):
        books.post(books.line("slush_fund", 100), books.line("bank", -100))


def test_an_entry_without_postings_is_refused_at_commit(committed: None) -> None:
    books = make_books()
    with pytest.raises(IntegrityError, match="has no postings"):
        books.post()
    with books.hospital.transaction():
        assert JournalEntry.objects.count() == 1


def test_an_entry_is_reversed_once(books: Books) -> None:
    first = books.post(books.line("bank", 100), books.line("revenue", -100))
    books.post(books.line("bank", -100), books.line("revenue", 100), reverses_id=first)
    with pytest.raises(IntegrityError, match="entry_reversed_once"), atomic():
        books.post(books.line("bank", -100), books.line("revenue", 100), reverses_id=first)


@pytest.mark.parametrize("account", ["patient_receivable", "payer_receivable"])
def test_a_charge_is_never_settled_below_zero(books: Books, account: str) -> None:
    with pytest.raises(IntegrityError, match="not_negative"), atomic():
        books.post(
            books.line(account, -3001, charge_item_id=books.item_id),
            books.line("bank", 3001),
        )


def test_deposits_are_never_spent_below_zero(books: Books) -> None:
    with pytest.raises(IntegrityError, match="patient_balance_not_negative"), atomic():
        books.post(books.line("patient_deposits", 1), books.line("bank", -1))


def test_the_summaries_follow_the_postings(books: Books) -> None:
    books.post(
        books.line("patient_receivable", -1000, charge_item_id=books.item_id), books.line("bank", 1000)
    )
    books.post(books.line("patient_deposits", -500), books.line("bank", 500))
    balance = books.hospital.balance(books.patient)
    assert balance is not None
    assert (balance.receivable_minor, balance.deposit_minor) == (2000, 500)
    assert books.hospital.open_minor(books.item_id) == 2000


@pytest.mark.parametrize("table", [*APPEND_ONLY, *DERIVED, "charging_chargeitem", "payments_payment"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_application_can_remove_no_money(books: Books, table: str, statement: str) -> None:
    with (
        books.hospital.transaction(),
        pytest.raises(ProgrammingError, match="permission denied"),
        atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


@pytest.mark.parametrize("table", [*APPEND_ONLY, *DERIVED])
def test_the_application_can_change_no_money(books: Books, table: str) -> None:
    with (
        books.hospital.transaction(),
        pytest.raises(ProgrammingError, match="permission denied"),
        atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE {table} SET hospital_id = hospital_id")


@pytest.mark.parametrize("model", [OpenItem, PatientBalance])
def test_the_summaries_are_written_by_nobody_but_the_trigger(books: Books, model: Any) -> None:
    with books.hospital.transaction():
        row = model.objects.get()
        row.id = new_id()
        with pytest.raises(ProgrammingError, match="permission denied"), atomic():
            row.save(force_insert=True)


@pytest.fixture
def owner() -> Iterator[psycopg.Connection[Any]]:
    """A connection as the role that owns the tables; what it does is rolled back."""
    with psycopg.connect(os.environ["DATABASE_MIGRATION_URL"]) as connected:
        yield connected
        connected.rollback()


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE {} SET hospital_id = hospital_id", "ledger_posting"),
        ("UPDATE {} SET hospital_id = hospital_id", "ledger_journalentry"),
        ("UPDATE {} SET hospital_id = hospital_id", "charging_clinicalevent"),
        ("DELETE FROM {}", "ledger_posting"),
        ("DELETE FROM {}", "ledger_journalentry"),
        ("DELETE FROM {}", "charging_clinicalevent"),
    ],
)
def test_not_even_the_owner_changes_what_was_written(
    committed: None, owner: psycopg.Connection[Any], statement: str, table: str
) -> None:
    books = make_books()
    owner.execute("SELECT set_config(%s, %s, true)", [SETTING, str(books.hospital.id)])
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        owner.execute(statement.format(table))


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_not_even_the_owner_empties_a_table(owner: psycopg.Connection[Any], table: str) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        owner.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize(
    "change",
    [
        {"net_minor": 1},
        {"gross_minor": 1},
        {"tax_minor": 1},
        {"unit_price_minor": 1},
        {"net_minor": None},
        {"service_period": "2026-03-02"},
    ],
    ids=lambda change: next(iter(change)) + str(next(iter(change.values()))),
)
def test_a_posted_charge_is_never_repriced(books: Books, change: dict[str, Any]) -> None:
    with (
        books.hospital.transaction(),
        pytest.raises(IntegrityError, match="never repriced"),
        atomic(),
    ):
        ChargeItem.objects.filter(id=books.item_id).update(**change)


@pytest.mark.parametrize("status", ["planned", "unpriced"])
def test_a_posted_charge_is_never_unposted(books: Books, status: str) -> None:
    with (
        books.hospital.transaction(),
        pytest.raises(IntegrityError, match="does not go from billable"),
        atomic(),
    ):
        ChargeItem.objects.filter(id=books.item_id).update(status=status)


def test_a_cancelled_charge_stays_cancelled(books: Books) -> None:
    with books.hospital.transaction():
        charging.cancel(books.item_id, actor=books.hospital.actor, at=NOON)
        with pytest.raises(IntegrityError, match="does not go from cancelled"), atomic():
            ChargeItem.objects.filter(id=books.item_id).update(status="billable")


def test_the_same_fact_is_never_charged_twice(books: Books) -> None:
    """The unique key is the business fact: event, line, rule, service period and revision."""
    with books.hospital.transaction():
        item = ChargeItem.objects.get(id=books.item_id)
        item.id = new_id()
        with pytest.raises(IntegrityError, match="charge_item_once"), atomic():
            item.save(force_insert=True)
        item.service_period = "2026-03-03"
        item.save(force_insert=True)


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_charge_has_a_quantity_above_zero(books: Books, quantity: int) -> None:
    with books.hospital.transaction():
        item = ChargeItem.objects.get(id=books.item_id)
        item.id, item.service_period, item.quantity = new_id(), "another", quantity
        with pytest.raises(IntegrityError, match="charge_quantity_positive"), atomic():
            item.save(force_insert=True)


def test_a_charge_is_in_the_currency_of_its_account(committed: None) -> None:
    books = make_books()
    with (
        pytest.raises(IntegrityError, match="charging_chargeitem_account_currency_fk"),
        books.hospital.transaction(),
    ):
        item = ChargeItem.objects.get(id=books.item_id)
        item.id, item.service_period, item.currency = new_id(), "another", "EUR"
        item.save(force_insert=True)
