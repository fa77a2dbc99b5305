"""A deposit beforehand, beside charges that ask for none; and what a preview of it counts."""

from __future__ import annotations

from uuid import UUID

import pytest

from almoner.enforcement.policy import Policies, read_settings
from almoner.enforcement.required_deposits import RequiredDeposit
from almoner.enforcement.rules import DueItem, Facts, decide
from tests.support.hospital import NOON


def _charge(place: int, service: str, net_minor: int, due_minor: int) -> DueItem:
    return DueItem(UUID(int=place), service, service.title(), "", net_minor, due_minor, NOON)


@pytest.mark.parametrize(
    ("surgery_due", "deposit", "answer", "due", "given"),
    [
        (300000, 0, "deposit_required", 95000, 0),
        (300000, 90000, "payment_required", 5000, 90000),
        (300000, 94999, "payment_required", 5000, 90000),
        (300000, 95000, "deposit", 5000, 90000),
        (260000, 0, "deposit_required", 55000, 40000),
        (260000, 55000, "deposit", 5000, 90000),
    ],
)
def test_a_charge_without_a_deposit_is_judged_by_what_is_left_of_it(
    surgery_due: int, deposit: int, answer: str, due: int, given: int
) -> None:
    """An operation of 3000.00 asks for 900.00 beforehand, a fee of 50.00 for itself."""
    policies = Policies(
        1,
        hospital=read_settings("hospital", {"payment_enforcement": {"global_policy": "strict"}}),
        services={"surgery": read_settings("service", {"deposit_required_minor": 90000})},
    )
    items = (_charge(1, "surgery", 300000, surgery_due), _charge(2, "fee", 5000, 5000))
    decision = decide(policies, Facts("bed.assign", "USD", items, deposit_minor=deposit), NOON)
    assert (decision.reason_code, decision.due_minor) == (answer, due)
    assert decision.deposit == RequiredDeposit(90000, given, 300000 - surgery_due)
