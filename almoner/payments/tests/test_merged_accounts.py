"""Two records were merged: the person has two accounts, and everywhere they count as one person's money."""

from __future__ import annotations

import pytest

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import billing_status, service_point_status
from almoner.enforcement.rules import Outcome
from almoner.patients.merging import merge_patients
from almoner.payments.operations import apply_deposits
from tests.support.hospital import NOON, TestHospital, enforce, make_hospital

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
