"""Payments: every amount lands somewhere, every refusal names its field, every key works once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from almoner.charging.operations import transfer_to_payer
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.ledger.models import JournalEntry, Posting
from almoner.payments import operations as payments
from almoner.payments.models import Allocation, DepositApplication, Payment, PaymentVoid, Refund
from almoner.payments.operations import Recorded
from tests.support.hospital import NOON, TEST_ORDERED, TestHospital, TestPatient, make_hospital


@dataclass
class Counter:
    """A cash desk with a patient who owes 30.00 for blood_count and 35.00 for lipid_panel."""

    hospital: TestHospital
    patient: TestPatient
    blood_count: UUID
    lipid_panel: UUID

    def pay(self, amount_minor: int = 6500, **fields: Any) -> Recorded:
        return self.hospital.pay(self.patient, amount_minor, **fields)

    def void(self, payment: Recorded, key: str = "void", reason: str = "typed twice") -> PaymentVoid:
        return payments.void_payment(
            self.hospital.id,
            payment.payment_id,
            reason=reason,
            idempotency_key=key,
            actor=self.hospital.actor,
            at=NOON,
        )

    def refund(self, payment: Recorded, amount_minor: int, key: str = "refund", **fields: Any) -> Refund:
        return payments.refund_payment(
            self.hospital.id,
            payment.payment_id,
            amount_minor=amount_minor,
            reason="not needed",
            idempotency_key=key,
            actor=self.hospital.actor,
            at=NOON,
            **fields,
        )

    def apply(self, key: str = "apply", **fields: Any) -> int:
        return payments.apply_deposits(
            self.hospital.id,
            self.patient.account_id,
            idempotency_key=key,
            actor=self.hospital.actor,
            at=NOON,
            **fields,
        )

    def owes(self) -> tuple[int, int]:
        """What is still open on the two charges."""
        return self.hospital.open_minor(self.blood_count), self.hospital.open_minor(self.lipid_panel)

    def deposit(self) -> int:
        balance = self.hospital.balance(self.patient)
        assert balance is not None
        return balance.deposit_minor

    def written(self) -> tuple[int, ...]:
        with self.hospital.transaction():
            models = (Payment, Allocation, PaymentVoid, Refund, DepositApplication, JournalEntry, Posting)
            return tuple(model.objects.count() for model in models)


def make_counter() -> Counter:
    hospital = make_hospital()
    patient = hospital.patient(insured=True)
    first = hospital.capture(TEST_ORDERED, "blood_count", patient=patient).items[0]["id"]
    second = hospital.capture(TEST_ORDERED, "lipid_panel", patient=patient).items[0]["id"]
    return Counter(hospital, patient, first, second)


@pytest.fixture
def counter(db: None) -> Counter:
    return make_counter()


def test_a_payment_settles_the_oldest_charge_first(counter: Counter) -> None:
    recorded = counter.pay(4000)
    assert counter.owes() == (0, 2500)
    assert (recorded.unallocated_minor, recorded.change_minor, recorded.replayed) == (0, 0, False)


def test_shares_settle_the_charges_they_name(counter: Counter) -> None:
    counter.pay(1500, shares=[(counter.blood_count, 1000), (counter.lipid_panel, 500)])
    assert counter.owes() == (2000, 3000)


def test_shares_may_leave_a_rest_as_a_deposit(counter: Counter) -> None:
    recorded = counter.pay(5000, shares=[(counter.blood_count, 3000)], excess="deposit")
    assert counter.owes() == (0, 3500)
    assert recorded.unallocated_minor == counter.deposit() == 2000


def test_a_payment_for_a_visit_settles_that_visit_only(counter: Counter) -> None:
    visit = counter.hospital.encounter(counter.patient)
    item = counter.hospital.capture(TEST_ORDERED, "consultation", encounter=visit).items[0]["id"]
    counter.pay(7500, encounter_id=visit.id)
    assert counter.owes() == (3000, 3500) and counter.hospital.open_minor(item) == 0
    with pytest.raises(Conflict, match="Only 0 minor units"):
        counter.pay(100, encounter_id=visit.id)


def test_change_is_not_payment(counter: Counter) -> None:
    recorded = counter.pay(6500, tendered_minor=10000)
    assert (recorded.amount_minor, recorded.change_minor) == (6500, 3500)
    with counter.hospital.transaction():
        payment = Payment.objects.get()
        cash = Posting.objects.get(account_code="cash_drawer")
    assert (payment.tendered_minor, payment.change_minor, payment.amount_minor) == (10000, 3500, 6500)
    assert cash.amount_minor == 6500


def test_more_than_is_owed_is_kept_only_when_a_deposit_is_chosen(counter: Counter) -> None:
    before = counter.written()
    with pytest.raises(Conflict) as refusal:
        counter.pay(6501)
    assert (refusal.value.field, refusal.value.code) == ("amount_minor", "exceeds_outstanding")
    assert refusal.value.detail == {"outstanding_minor": 6500}
    assert counter.written() == before
    assert counter.pay(6501, excess="deposit").unallocated_minor == 1
    assert counter.owes() == (0, 0) and counter.deposit() == 1


Fields = Callable[[Counter], dict[str, Any]]
REFUSALS: dict[str, tuple[int, Fields, str, str]] = {
    "zero": (0, lambda counter: {}, "amount_minor", "invalid_amount"),
    "negative": (-100, lambda counter: {}, "amount_minor", "invalid_amount"),
    "absurd": (10**14, lambda counter: {}, "amount_minor", "invalid_amount"),
    "unknown method": (100, lambda counter: {"method": "barter"}, "method", "unknown_method"),
    "no key": (100, lambda counter: {"key": " \n"}, "idempotency_key", "invalid_idempotency_key"),
    "unknown excess": (100, lambda counter: {"excess": "keep"}, "excess", "invalid_excess"),
    "tendered below the amount": (
        100,
        lambda counter: {"tendered_minor": 99},
        "tendered_minor",
        "invalid_tendered",
    ),
    "change on a card": (
        100,
        lambda counter: {"tendered_minor": 200, "method": "card"},
        "tendered_minor",
        "invalid_tendered",
    ),
    "absurdly tendered": (
        100,
        lambda counter: {"tendered_minor": 10**14},
        "tendered_minor",
        "invalid_amount",
    ),
    "in the future": (
        100,
        lambda counter: {"received_at": NOON + timedelta(hours=1)},
        "received_at",
        "payment_in_future",
    ),
    "no shares": (100, lambda counter: {"shares": []}, "shares", "no_shares"),
    "a share of nothing": (
        100,
        lambda counter: {"shares": [(counter.blood_count, 0)]},
        "shares[0].amount_minor",
        "invalid_amount",
    ),
    "a negative share": (
        100,
        lambda counter: {"shares": [(counter.blood_count, 200), (counter.lipid_panel, -100)]},
        "shares[1].amount_minor",
        "invalid_amount",
    ),
    "one charge twice": (
        100,
        lambda counter: {"shares": [(counter.blood_count, 50)] * 2},
        "shares",
        "duplicate_share",
    ),
    "shares above the payment": (
        100,
        lambda counter: {"shares": [(counter.blood_count, 101)]},
        "shares",
        "shares_exceed_payment",
    ),
    "shares below the payment": (
        200,
        lambda counter: {"shares": [(counter.blood_count, 100)]},
        "amount_minor",
        "exceeds_outstanding",
    ),
    "a share above its charge": (
        3001,
        lambda counter: {"shares": [(counter.blood_count, 3001)]},
        "shares",
        "charge_item_overpaid",
    ),
    "an unknown charge": (
        100,
        lambda counter: {"shares": [(new_id(), 100)]},
        "shares",
        "unknown_charge_item",
    ),
    "another patient's charge": (
        100,
        lambda counter: {"shares": [(_foreign_charge(counter), 100)]},
        "shares",
        "unknown_charge_item",
    ),
}


def _foreign_charge(counter: Counter) -> UUID:
    other = counter.hospital.patient("Bob")
    item: UUID = counter.hospital.capture(TEST_ORDERED, "blood_count", patient=other).items[0]["id"]
    return item


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_paid_is_refused_by_field_and_nothing_is_written(counter: Counter, name: str) -> None:
    amount, make, field, code = REFUSALS[name]
    fields = make(counter)
    before = counter.written()
    with pytest.raises(DomainError) as refusal:
        counter.pay(amount, **fields)
    assert (refusal.value.field, refusal.value.code) == (field, code)
    assert refusal.value.message
    assert counter.written() == before


def test_a_payment_in_another_currency_is_refused(counter: Counter) -> None:
    counter.hospital.currency = "EUR"
    with pytest.raises(DomainError) as refusal:
        counter.pay(100)
    assert (refusal.value.field, refusal.value.code) == ("currency", "wrong_currency")


def test_an_unknown_visit_is_refused(committed: None) -> None:
    counter = make_counter()
    before = counter.written()
    with pytest.raises(NotFound) as refusal:
        counter.pay(100, encounter_id=new_id(), excess="deposit")
    assert (refusal.value.field, refusal.value.code) == ("encounter_id", "unknown_encounter")
    assert counter.written() == before


def test_an_unknown_payer_owes_nothing_that_it_could_pay(counter: Counter) -> None:
    before = counter.written()
    with pytest.raises(Conflict) as refusal:
        counter.pay(100, payer_id=new_id())
    assert refusal.value.code == "exceeds_outstanding"
    assert counter.written() == before


def test_an_unknown_account_is_refused(counter: Counter) -> None:
    stranger = TestPatient(new_id(), new_id())
    with pytest.raises(NotFound) as refusal:
        counter.hospital.pay(stranger, 100)
    assert (refusal.value.field, refusal.value.code) == ("patient_account_id", "unknown_account")


def test_an_unknown_cash_point_is_refused(committed: None) -> None:
    counter = make_counter()
    before = counter.written()
    counter.hospital.cash_point = "nowhere"
    with pytest.raises(NotFound) as refusal:
        counter.pay(100)
    assert (refusal.value.field, refusal.value.code) == ("cash_point", "unknown_cash_point")
    assert counter.written() == before


def test_every_movement_of_money_needs_its_permission(counter: Counter) -> None:
    payment = counter.pay()
    counter.hospital.actor = Actor("user:visitor")
    for attempt in (
        counter.pay,
        lambda: counter.void(payment),
        lambda: counter.refund(payment, 1),
        counter.apply,
    ):
        with pytest.raises(PermissionRefused):
            attempt()


def test_receipts_are_numbered_without_a_gap_for_each_cash_point_and_year(counter: Counter) -> None:
    hospital = counter.hospital
    with hospital.transaction():
        payments.ensure_cash_point("night", "Night desk")
    new_year = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    receipts = [counter.pay(100).receipt, counter.pay(100).receipt]
    with pytest.raises(Conflict):
        counter.pay(999_999)
    receipts.append(counter.pay(100).receipt)
    receipts.append(counter.pay(100, at=new_year).receipt)
    receipts.append(counter.pay(100, at=new_year, time_zone="Asia/Kolkata").receipt)
    hospital.cash_point = "night"
    receipts.append(counter.pay(100).receipt)
    assert receipts == [
        "MAIN-2026-000001",
        "MAIN-2026-000002",
        "MAIN-2026-000003",
        "MAIN-2026-000004",
        "MAIN-2027-000001",
        "NIGHT-2026-000001",
    ]


def test_a_replay_returns_the_first_receipt_and_takes_nothing(counter: Counter) -> None:
    first = counter.pay(3000, key="key", tendered_minor=5000)
    before = counter.written()
    again = counter.pay(3000, key="key", tendered_minor=5000)
    assert again.replayed and (again.payment_id, again.receipt) == (first.payment_id, first.receipt)
    assert (again.change_minor, again.unallocated_minor) == (2000, 0)
    assert counter.written() == before and counter.owes() == (0, 3500)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 2999},
        {"method": "card"},
        {"excess": "deposit"},
        {"reference": "cheque 7"},
        {"tendered_minor": 4000},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_key_with_another_body_is_refused(counter: Counter, change: dict[str, Any]) -> None:
    counter.pay(3000, key="key")
    before = counter.written()
    with pytest.raises(IdempotencyMismatch):
        counter.pay(**{"amount_minor": 3000, "key": "key", **change})
    assert counter.written() == before


def test_a_void_ends_what_the_payment_gave(counter: Counter) -> None:
    payment = counter.pay(4000)
    counter.void(payment)
    assert counter.owes() == (3000, 3500)
    with counter.hospital.transaction():
        assert sum(Allocation.objects.values_list("amount_minor", flat=True)) == 0


def test_a_void_takes_back_a_deposit_that_was_spent_in_part(counter: Counter) -> None:
    payment = counter.pay(8000, excess="deposit", shares=[(counter.blood_count, 3000)])
    assert counter.apply(charge_item_ids=[counter.lipid_panel], maximum_minor=1000) == 1000
    assert (counter.owes(), counter.deposit()) == ((0, 2500), 4000)
    counter.void(payment)
    assert (counter.owes(), counter.deposit()) == ((3000, 3500), 0)


def test_a_void_happens_once_and_a_replay_of_it_is_the_same(counter: Counter) -> None:
    payment = counter.pay()
    first = counter.void(payment)
    before = counter.written()
    assert counter.void(payment).id == first.id
    with pytest.raises(IdempotencyMismatch):
        counter.void(payment, reason="another reason")
    with pytest.raises(Conflict) as refusal:
        counter.void(payment, key="another key")
    assert refusal.value.code == "already_voided"
    assert counter.written() == before


def test_a_refunded_payment_is_not_voided(counter: Counter) -> None:
    payment = counter.pay()
    counter.refund(payment, 1)
    with pytest.raises(Conflict) as refusal:
        counter.void(payment)
    assert refusal.value.code == "refunded"


def test_a_refund_takes_the_deposit_first_then_the_latest_charge(counter: Counter) -> None:
    payment = counter.pay(7000, excess="deposit")
    counter.refund(payment, 500, key="one")
    assert (counter.owes(), counter.deposit()) == ((0, 0), 0)
    counter.refund(payment, 4000, key="two")
    assert counter.owes() == (500, 3500)


def test_a_refund_is_never_above_what_the_payment_holds(counter: Counter) -> None:
    payment = counter.pay(6500)
    counter.refund(payment, 6000, key="one")
    before = counter.written()
    with pytest.raises(Conflict) as refusal:
        counter.refund(payment, 501, key="two")
    assert (refusal.value.field, refusal.value.code) == ("amount_minor", "exceeds_payment")
    assert refusal.value.detail == {"refundable_minor": 500}
    assert counter.written() == before
    counter.refund(payment, 500, key="three")
    assert counter.owes() == (3000, 3500)


def test_a_voided_payment_holds_nothing_to_refund(counter: Counter) -> None:
    payment = counter.pay()
    counter.void(payment)
    with pytest.raises(Conflict):
        counter.refund(payment, 1)


def test_a_replayed_refund_pays_once(counter: Counter) -> None:
    payment = counter.pay()
    first = counter.refund(payment, 1000)
    before = counter.written()
    assert counter.refund(payment, 1000).id == first.id
    with pytest.raises(IdempotencyMismatch):
        counter.refund(payment, 1001)
    assert counter.written() == before and counter.owes() == (0, 1000)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_of_nothing_is_refused(counter: Counter, amount: int) -> None:
    payment = counter.pay()
    with pytest.raises(DomainError) as refusal:
        counter.refund(payment, amount)
    assert refusal.value.field == "amount_minor"


def test_a_refund_may_go_back_another_way(counter: Counter) -> None:
    payment = counter.pay(method="card")
    refund = counter.refund(payment, 1000, method="cash")
    with counter.hospital.transaction():
        postings = Posting.objects.filter(entry__source_id=refund.id, amount_minor__lt=0)
        assert list(postings.values_list("account_code", "amount_minor")) == [("cash_drawer", -1000)]
    with pytest.raises(DomainError) as refusal:
        counter.refund(payment, 1000, key="other", method="barter")
    assert refusal.value.field == "method"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_giving_money_back_needs_a_reason(counter: Counter, reason: str) -> None:
    payment = counter.pay()
    with pytest.raises(DomainError) as refusal:
        counter.void(payment, reason=reason)
    assert refusal.value.field == "reason"


def test_deposits_are_applied_oldest_first_and_only_as_far_as_they_reach(counter: Counter) -> None:
    hospital, patient = counter.hospital, counter.patient
    ahead: list[tuple[UUID, int]] = [(counter.blood_count, 1)]
    older = hospital.pay(patient, 2001, shares=ahead, excess="deposit", at=NOON - timedelta(days=1))
    newer = hospital.pay(patient, 3001, shares=ahead, excess="deposit")
    assert counter.apply() == 5000
    assert counter.owes() == (0, 1498)
    with hospital.transaction():
        given = Allocation.objects.filter(payment=older.payment_id).order_by("amount_minor")
        assert list(given.values_list("amount_minor", flat=True)) == [1, 2000]
        assert {payment.unallocated_minor for payment in Payment.objects.all()} == {0}
    assert newer.unallocated_minor == 3000


def test_a_replayed_application_gives_nothing_more(counter: Counter) -> None:
    counter.pay(1001, shares=[(counter.blood_count, 1)], excess="deposit")
    assert counter.apply() == 1000
    assert counter.apply() == 1000
    with pytest.raises(IdempotencyMismatch):
        counter.apply(maximum_minor=5)
    assert (counter.owes(), counter.deposit()) == ((1999, 3500), 0)


def test_without_a_deposit_or_a_charge_nothing_is_applied(counter: Counter) -> None:
    before = counter.written()
    assert counter.apply() == 0
    assert counter.written() == before


def test_what_was_paid_for_a_cancelled_charge_becomes_a_deposit(counter: Counter) -> None:
    counter.pay(6500)
    payments.cancel_charge(counter.hospital.id, counter.blood_count, actor=counter.hospital.actor, at=NOON)
    assert (counter.owes(), counter.deposit()) == ((0, 0), 3000)


def test_a_payer_pays_its_own_part_and_no_more(counter: Counter) -> None:
    hospital = counter.hospital
    with hospital.transaction():
        transfer_to_payer(
            counter.lipid_panel,
            payer_id=hospital.payer_id,
            amount_minor=2000,
            actor=hospital.actor,
            at=NOON,
        )
    with pytest.raises(Conflict):
        counter.pay(2001, payer_id=hospital.payer_id, method="bank_transfer")
    counter.pay(2000, payer_id=hospital.payer_id, method="bank_transfer")
    balance = hospital.balance(counter.patient)
    assert balance is not None
    assert (balance.payer_receivable_minor, counter.owes()) == (0, (3000, 1500))


def test_a_payer_leaves_no_deposit(counter: Counter) -> None:
    with pytest.raises(DomainError) as refusal:
        counter.pay(100, payer_id=counter.hospital.payer_id, excess="deposit")
    assert refusal.value.field == "excess"
