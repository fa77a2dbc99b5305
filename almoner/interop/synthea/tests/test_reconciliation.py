"""Change one amount, and the reconciliation names that row, and no other, with the arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from almoner.interop.synthea.tests.support import (
    SAMPLE,
    Row,
    bring_in,
    changed,
    hospital_id,
    read_rows,
)
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import PatientBalance
from almoner.payments.models import Payment

pytestmark = pytest.mark.django_db


def _set(index: int, column: str, amount: str) -> Any:
    def change(rows: list[Row]) -> None:
        assert rows[index][column] != amount
        rows[index][column] = amount

    return change


def test_the_arithmetic_is_shown(tmp_path: Path) -> None:
    result = bring_in(changed(tmp_path / "changed", _set(8, "PAYMENTS", "49.00")))
    [finding] = result.findings
    assert finding["arithmetic"] == (
        "charge 85.55 - COPAY payment 49.00 = 36.55; OUTSTANDING is 35.55; difference 1.00"
    )
    assert finding["reason"] == "it would agree with PAYMENTS 50.00 instead of 49.00"
    assert (result.unexplained, result.carried) == (1, 4)


def test_a_payment_above_the_charge_is_kept_and_listed(tmp_path: Path) -> None:
    folder = changed(tmp_path / "overpaid", _set(29, "PAYMENTS", "200.00"))
    result = bring_in(folder, "overpaid")
    [finding] = result.findings
    assert finding["reason"] == (
        "it would agree with PAYMENTS 146.18 instead of 200.00; 53.82 is above the charge and held unallocated"
    )
    with transaction(hospital_id("overpaid")):
        payment = Payment.objects.get(amount_minor=20_000)
        assert payment.unallocated_minor == 5_382
        assert PatientBalance.objects.get(id=payment.patient_account_id).deposit_minor == 5_382
    assert bring_in(folder, "overpaid").posted == 0


def test_a_charge_lowered_below_its_payments_loses_no_money(tmp_path: Path) -> None:
    result = bring_in(changed(tmp_path / "low", _set(0, "AMOUNT", "100.00")), "low")
    [finding] = result.findings
    assert (finding["kind"], finding["column"], finding["difference_minor"]) == ("CHARGE", "AMOUNT", -3_680)
    assert result.by_kind["PAYMENT"].ledger_minor == result.by_kind["PAYMENT"].file_minor
    with transaction(hospital_id("low")):
        assert Payment.objects.get(unallocated_minor__gt=0).unallocated_minor == 3_680


def test_a_co_pay_above_the_charge_is_explained(tmp_path: Path) -> None:
    def raise_copay(rows: list[Row]) -> None:
        rows[27]["PAYMENTS"] = "20.00"
        assert (rows[27]["METHOD"], rows[27]["OUTSTANDING"]) == ("COPAY", "0.00")

    result = bring_in(changed(tmp_path / "copay", raise_copay))
    [finding] = result.findings
    assert finding["explained"]
    assert finding["arithmetic"] == (
        "charge 12.40 - COPAY payment 20.00 = -7.60; OUTSTANDING is 0.00; difference -7.60"
    )
    assert result.unexplained == 0


def test_a_payment_of_nothing_is_listed(tmp_path: Path) -> None:
    result = bring_in(changed(tmp_path / "nothing", _set(29, "PAYMENTS", "0.00")))
    [finding] = result.findings
    assert finding["arithmetic"].endswith("OUTSTANDING is 0.00; difference 146.18")
    assert finding["reason"] == "a payment of 0.00 is none: nothing was recorded"


@pytest.mark.parametrize(
    ("index", "column", "amount"),
    [
        (0, "AMOUNT", "136.81"),
        (1, "PAYMENTS", "136.00"),
        (9, "TRANSFERS", "59.00"),
        (8, "OUTSTANDING", "36.00"),
    ],
)
def test_a_changed_file_over_the_books_of_the_first_is_named_and_changes_nothing(
    tmp_path: Path, index: int, column: str, amount: str
) -> None:
    bring_in(SAMPLE, "kept")
    result = bring_in(changed(tmp_path / "changed", _set(index, column, amount)), "kept")
    [finding] = result.findings
    assert finding["row"] == read_rows(SAMPLE)[index]["ID"]
    assert (result.posted, result.unexplained) == (0, 1)


def test_a_changed_method_over_the_books_of_the_first_is_named(tmp_path: Path) -> None:
    bring_in(SAMPLE, "method")
    result = bring_in(changed(tmp_path / "changed", _set(29, "METHOD", "CC")), "method")
    [finding] = result.findings
    assert finding["column"] == "METHOD"
    assert result.by_method["CC"].ledger_minor == result.by_method["CC"].file_minor - 14_618


def test_two_changes_in_one_line_are_both_named(tmp_path: Path) -> None:
    def change(rows: list[Row]) -> None:
        rows[8]["PAYMENTS"] = "49.00"
        rows[14]["PAYMENTS"] = "35.00"

    result = bring_in(changed(tmp_path / "changed", change))
    assert [(finding["line"], finding["difference_minor"]) for finding in result.findings] == [
        (10, 100),
        (16, 155),
    ]
