"""Two records were merged: the person has two accounts, and everywhere they count as one person's money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest
from django.db import connection

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import billing_status, service_point_status
from almoner.enforcement.rules import Outcome
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.patients.merging import merge_patients
from almoner.payments.operations import agree_plan, apply_deposits, refund_payment, void_payment
from almoner.payments.plans import Terms
from almoner.reports.verify import check_books
from tests.support.hospital import NOON, TEST_ORDERED, TestHospital, TestPatient, enforce, make_hospital

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> TestHospital:
    return make_hospital()


def test_a_deposit_of_either_account_counts_at_the_gate_and_pays_the_charges_of_the_other(
    hospital: TestHospital,
) -> None:
    enforce(hospital, "hospital", payment_enforcement={"global_policy": "strict"})
    older, newer = hospital.patient("Ada Byron"), hospital.patient("Ada Biron")
    encounter = hospital.encounter(older)
    captured = hospital.capture("service.provided", "bandage", encounter=encounter)
    hospital.pay(newer, 5000, shares=[], excess="deposit")
    merge_patients(hospital.id, duplicate_id=newer.id, survivor_id=older.id, actor=hospital.actor, at=NOON)
    step = service_point_status(hospital.id, "ward.discharge", Subject(encounter.id), at=NOON)
    assert (step.decision.outcome, step.decision.reason_code) == (Outcome.ALLOWED, "deposit")
    assert [payment.amount_minor for payment in step.recent_payments] == [5000]
    before = billing_status(hospital.id, older.id, at=NOON)
    assert before.outstanding_minor == captured.total_minor and before.available_credit_minor == 5000

    given = apply_deposits(
        hospital.id, older.account_id, idempotency_key="use", actor=hospital.actor, at=NOON
    )
    assert given == captured.total_minor
    after = billing_status(hospital.id, newer.id, at=NOON)
    assert (after.outstanding_minor, after.available_credit_minor) == (0, 5000 - captured.total_minor)


@dataclass(frozen=True)
class Merged:
    """One person with an account of each of their two records: 30.00 is owed on the older, 35.00 on the newer."""

    hospital: TestHospital
    older: TestPatient
    newer: TestPatient
    blood_count: UUID
    lipid_panel: UUID

    def owes(self) -> tuple[int, int]:
        return self.hospital.open_minor(self.blood_count), self.hospital.open_minor(self.lipid_panel)

    def receivable(self) -> tuple[int, int]:
        """What the ledger says that the accounts owe, the older one first."""
        balances = [self.hospital.balance(patient) for patient in (self.older, self.newer)]
        return balances[0].receivable_minor, balances[1].receivable_minor  # type: ignore[union-attr]

    def broken_promises(self) -> list[str]:
        with self.hospital.transaction(), connection.cursor() as cursor:
            return [result.check.code for result in check_books(cursor) if result.wrong]


@pytest.fixture
def merged(hospital: TestHospital) -> Merged:
    older, newer = hospital.patient("Ada Byron"), hospital.patient("Ada Biron")
    items = [
        hospital.capture(TEST_ORDERED, service, patient=patient).items[0]["id"]
        for service, patient in (("blood_count", older), ("lipid_panel", newer))
    ]
    merge_patients(hospital.id, duplicate_id=newer.id, survivor_id=older.id, actor=hospital.actor, at=NOON)
    return Merged(hospital, older, newer, *items)


@pytest.mark.parametrize("named", ["older", "newer"])
@pytest.mark.parametrize("chosen", [True, False], ids=["named charges", "oldest first"])
def test_one_payment_settles_charges_of_both_accounts_each_where_it_is_owed(
    merged: Merged, named: str, chosen: bool
) -> None:
    shares = [(merged.blood_count, 3000), (merged.lipid_panel, 3500)] if chosen else None
    payer = merged.older if named == "older" else merged.newer
    first = merged.hospital.pay(payer, 6500, shares=shares, key="once")
    again = merged.hospital.pay(payer, 6500, shares=shares, key="once")
    assert (first.unallocated_minor, again.replayed, again.payment_id) == (0, True, first.payment_id)
    assert merged.owes() == merged.receivable() == (0, 0)
    assert merged.broken_promises() == []


def test_what_is_left_over_is_a_deposit_of_the_account_that_was_named(merged: Merged) -> None:
    merged.hospital.pay(merged.newer, 7000, excess="deposit")
    balances = [merged.hospital.balance(patient) for patient in (merged.older, merged.newer)]
    assert [balance.deposit_minor for balance in balances if balance] == [0, 500]
    assert merged.owes() == (0, 0)


def test_such_a_payment_is_refunded_and_voided_like_any_other(merged: Merged) -> None:
    hospital = merged.hospital
    whole = hospital.pay(merged.older, 6500)
    refund_payment(
        hospital.id,
        whole.payment_id,
        amount_minor=4000,
        reason="not needed",
        idempotency_key="refund",
        actor=hospital.actor,
        at=NOON,
    )
    assert sum(merged.owes()) == sum(merged.receivable()) == 4000
    rest = hospital.pay(merged.older, 4000)
    assert merged.owes() == (0, 0)
    void_payment(
        hospital.id,
        rest.payment_id,
        reason="typed twice",
        idempotency_key="void",
        actor=hospital.actor,
        at=NOON,
    )
    assert merged.owes() == merged.receivable()
    assert sum(merged.owes()) == 4000
    assert merged.broken_promises() == []


def test_more_than_both_accounts_owe_is_refused_with_what_they_owe_together(merged: Merged) -> None:
    with pytest.raises(Conflict, match="Only 6500 minor units are open"):
        merged.hospital.pay(merged.older, 6501)
    with pytest.raises(Conflict, match="has less open"):
        merged.hospital.pay(
            merged.older, 6501, shares=[(merged.blood_count, 3000), (merged.lipid_panel, 3501)]
        )
    assert merged.owes() == (3000, 3500)


def test_a_charge_of_somebody_else_is_still_refused(merged: Merged) -> None:
    stranger = merged.hospital.patient("Somebody Else")
    other = merged.hospital.capture(TEST_ORDERED, "blood_count", patient=stranger).items[0]["id"]
    with pytest.raises(NotFound, match="not open on an account of this patient"):
        merged.hospital.pay(merged.older, 6000, shares=[(merged.blood_count, 3000), (other, 3000)])
    with pytest.raises(NotFound, match="not open on an account of this patient"):
        merged.hospital.pay(stranger, 3000, shares=[(merged.blood_count, 3000)])
    assert merged.owes() == (3000, 3500)


def test_a_plan_on_either_account_lets_a_charge_of_the_other_be_paid_in_parts(merged: Merged) -> None:
    hospital = merged.hospital
    enforce(hospital, "hospital", service_policies={"allow_partial_payments": "disabled"})
    share = [(merged.lipid_panel, 1000)]
    with pytest.raises(DomainError, match="paid in one sum"):
        hospital.pay(merged.older, 1000, shares=share)
    agree_plan(
        hospital.id,
        patient_account_id=merged.older.account_id,
        encounter_id=None,
        total_minor=3000,
        terms=Terms(instalments=2, first_due_on=date(2026, 4, 1)),
        idempotency_key="plan",
        actor=hospital.actor,
        at=NOON,
    )
    hospital.pay(merged.older, 1000, shares=share)
    assert merged.owes() == (3000, 2500)
