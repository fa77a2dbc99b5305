"""A batch of payments writes what as many single payments write, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from almoner.kernel.actor import Actor
from almoner.kernel.errors import PermissionRefused
from almoner.kernel.ids import new_id
from almoner.ledger.models import OpenItem, PatientBalance, Posting
from almoner.payments.batches import record_many
from almoner.payments.models import Allocation, Payment
from tests.support.hospital import NOON, SERVICE_PROVIDED, TestHospital, TestPatient, make_hospital

pytestmark = pytest.mark.django_db


def _payment(patient: TestPatient, amount: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "entry_id": new_id(),
        "patient_account_id": patient.account_id,
        "encounter_id": None,
        "payer_id": None,
        "method": "cash",
        "account_code": "cash_drawer",
        "tendered_minor": amount,
        "change_minor": 0,
        "amount_minor": amount,
        "currency": "USD",
        "reference": "",
        "cash_point": "main",
        "receipt_series": "MAIN",
        "receipt_year": 2026,
        "received_at": NOON,
        "recorded_at": NOON,
        "received_by": "system:test",
        "idempotency_key": f"payment-{new_id()}",
        "content_hash": "0" * 64,
        **fields,
    }


def _share(payment: dict[str, Any], item: dict[str, Any], amount: int) -> dict[str, Any]:
    return {
        "payment_id": payment["id"],
        "charge_item_id": item["id"],
        "amount_minor": amount,
        "department_id": item["department_id"],
        "service_id": item["service_id"],
    }


def _charged(hospital: TestHospital, *services: str) -> tuple[TestPatient, list[dict[str, Any]]]:
    patient = hospital.patient()
    return patient, hospital.capture(SERVICE_PROVIDED, *services, patient=patient).items


def _written(hospital: TestHospital, patient: TestPatient) -> dict[str, list[Any]]:
    """Everything the patient's payments made that does not carry an id or number of its own."""
    with hospital.transaction():
        account = {"patient_account_id": patient.account_id}
        payments = Payment.objects.filter(**account)
        allocations = Allocation.objects.filter(payment__in=payments)
        postings = Posting.objects.filter(payment_id__isnull=False, **account)
        return {
            "payments": sorted(
                payments.values_list(
                    "method", "amount_minor", "unallocated_minor", "receipt_series", "receipt_year"
                )
            ),
            "allocations": sorted(allocations.values_list("charge_item__service__code", "amount_minor")),
            "postings": sorted(
                (row.account_code, row.amount_minor, str(row.service_id), str(row.department_id))
                for row in postings
            ),
            "open": sorted(OpenItem.objects.filter(**account).values_list("patient_minor", "payer_minor")),
            "balance": list(
                PatientBalance.objects.filter(id=patient.account_id).values_list(
                    "receivable_minor", "deposit_minor"
                )
            ),
        }


def test_a_batch_writes_what_single_payments_write() -> None:
    hospital = make_hospital()
    one, items = _charged(hospital, "consultation", "blood_count")
    hospital.pay(one, 7500, shares=[(items[0]["id"], 7500)])
    hospital.pay(one, 2000, shares=[(items[1]["id"], 1500)], excess="deposit")

    other, items = _charged(hospital, "consultation", "blood_count")
    first, second = _payment(other, 7500), _payment(other, 2000)
    with hospital.transaction():
        record_many(
            [first, second],
            [_share(first, items[0], 7500), _share(second, items[1], 1500)],
            actor=hospital.actor,
        )
    assert _written(hospital, one) == _written(hospital, other)
    assert _written(hospital, other)["balance"] == [(1500, 500)]


def test_receipts_are_numbered_in_the_order_given_and_go_on_where_the_series_stands() -> None:
    hospital = make_hospital()
    patient, items = _charged(hospital, "consultation")
    hospital.pay(patient, 100)
    batch = [_payment(patient, 10 * number) for number in range(1, 6)]
    with hospital.transaction():
        record_many(
            batch,
            [_share(payment, items[0], payment["amount_minor"]) for payment in batch],
            actor=hospital.actor,
        )
        numbers = dict(Payment.objects.values_list("id", "receipt_number"))
    assert [numbers[payment["id"]] for payment in batch] == [2, 3, 4, 5, 6]


def test_a_charge_is_never_given_more_than_is_open_and_then_nothing_is_written() -> None:
    hospital = make_hospital()
    patient, items = _charged(hospital, "blood_count")
    one, other = _payment(patient, 2000), _payment(patient, 2000)
    with hospital.transaction():
        with pytest.raises(IntegrityError, match="open_item_not_negative"), transaction.atomic():
            record_many(
                [one, other],
                [_share(one, items[0], 2000), _share(other, items[0], 2000)],
                actor=hospital.actor,
            )
        assert not Payment.objects.exists()
    assert hospital.open_minor(items[0]["id"]) == 3000


def test_a_payment_is_never_allocated_above_its_amount() -> None:
    hospital = make_hospital()
    patient, items = _charged(hospital, "consultation")
    payment = _payment(patient, 100)
    with hospital.transaction():
        with pytest.raises(IntegrityError), transaction.atomic():
            record_many([payment], [_share(payment, items[0], 101)], actor=hospital.actor)
        assert not Payment.objects.exists()


def test_a_key_is_recorded_once_and_the_refused_batch_takes_no_receipt_number() -> None:
    hospital = make_hospital()
    patient, _ = _charged(hospital, "consultation")
    first = _payment(patient, 100)
    again = _payment(patient, 100, idempotency_key=first["idempotency_key"])
    with hospital.transaction():
        record_many([first], [], actor=hospital.actor)
        with pytest.raises(IntegrityError, match="payment_key_once"), transaction.atomic():
            record_many([again], [], actor=hospital.actor)
        record_many([_payment(patient, 50)], [], actor=hospital.actor)
        assert sorted(Payment.objects.values_list("receipt_number", flat=True)) == [1, 2]


def test_it_needs_the_permission_to_record() -> None:
    hospital = make_hospital()
    patient = hospital.patient()
    with hospital.transaction(), pytest.raises(PermissionRefused):
        record_many([_payment(patient, 100)], [], actor=Actor("user:nobody"))
