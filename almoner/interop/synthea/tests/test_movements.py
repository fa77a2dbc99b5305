"""What rows move on a charge line: never more than is open, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from almoner.interop.synthea.movements import Item, Movements

NOON = datetime(2020, 5, 6, 12, 0, tzinfo=UTC)
PAYER = UUID(int=7)


def _item(patient: int, payer: int = 0) -> Item:
    return Item(uuid4(), uuid4(), None, uuid4(), "USD", patient, payer)


def _payment(amount: int, payer: UUID | None = None) -> dict[str, Any]:
    return {"id": uuid4(), "amount_minor": amount, "payer_id": payer, "received_at": NOON}


def _lines(movements: Movements) -> list[tuple[str, int]]:
    return [(line["account_code"], line["amount_minor"]) for line in movements.lines]


def test_a_transfer_moves_at_most_what_is_open() -> None:
    item, movements = _item(1000), Movements("test", NOON)
    assert movements.take_over(item, 1500, uuid4(), PAYER, NOON) == 1000
    assert movements.hand_back(item, 400, uuid4(), PAYER, NOON) == 400
    assert (item.patient_open, item.payer_open) == (400, 600)
    assert _lines(movements) == [
        ("payer_receivable", 1000),
        ("patient_receivable", -1000),
        ("payer_receivable", -400),
        ("patient_receivable", 400),
    ]


def test_a_transfer_of_nothing_is_no_entry() -> None:
    item, movements = _item(0, 1000), Movements("test", NOON)
    assert movements.take_over(item, 500, uuid4(), PAYER, NOON) == 0
    assert (movements.entries, movements.lines) == ([], [])


def test_a_co_pay_on_an_insured_charge_is_handed_back_first() -> None:
    item, movements = _item(0, 8555), Movements("test", NOON)
    movements.pay(item, _payment(5000), uuid4(), PAYER)
    assert _lines(movements) == [("payer_receivable", -5000), ("patient_receivable", 5000)]
    assert [share["amount_minor"] for share in movements.allocations] == [5000]
    assert (item.patient_open, item.payer_open) == (0, 3555)


def test_an_adjustment_reduces_the_payers_part_first() -> None:
    item, movements = _item(300, 500), Movements("test", NOON)
    assert movements.adjust(item, 600, uuid4(), PAYER, NOON) == 600
    assert _lines(movements) == [
        ("contractual_adjustment", 600),
        ("payer_receivable", -500),
        ("patient_receivable", -100),
    ]


def test_a_payment_above_everything_open_leaves_the_rest_unallocated() -> None:
    item, movements = _item(100, 200), Movements("test", NOON)
    movements.pay(item, _payment(1000, PAYER), uuid4(), PAYER)
    assert [share["amount_minor"] for share in movements.allocations] == [300]
    assert (item.patient_open, item.payer_open) == (0, 0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take_over", "hand_back", "adjust", "patient pays", "payer pays"]),
        st.integers(1, 2000),
    ),
    max_size=12,
)


@given(patient=st.integers(0, 3000), payer=st.integers(0, 3000), steps=STEPS)
def test_whatever_the_rows_say_no_side_goes_below_zero_and_every_entry_balances(
    patient: int, payer: int, steps: list[tuple[str, int]]
) -> None:
    item, movements = _item(patient, payer), Movements("test", NOON)
    adjusted = 0
    for step, amount in steps:
        match step:
            case "take_over":
                movements.take_over(item, amount, uuid4(), PAYER, NOON)
            case "hand_back":
                movements.hand_back(item, amount, uuid4(), PAYER, NOON)
            case "adjust":
                adjusted += movements.adjust(item, amount, uuid4(), PAYER, NOON)
            case "patient pays":
                movements.pay(item, _payment(amount), uuid4(), PAYER)
            case "payer pays":
                movements.pay(item, _payment(amount, PAYER), uuid4(), PAYER)
        assert item.patient_open >= 0
        assert item.payer_open >= 0
    sums: dict[UUID, int] = {}
    for line in movements.lines:
        sums[line["entry_id"]] = sums.get(line["entry_id"], 0) + line["amount_minor"]
    assert set(sums) == {entry["id"] for entry in movements.entries}
    assert set(sums.values()) <= {0}
    given_to_item = sum(share["amount_minor"] for share in movements.allocations)
    assert item.patient_open + item.payer_open == patient + payer - adjusted - given_to_item
    received = {payment["id"]: payment["amount_minor"] for payment in movements.payments}
    assert all(share["amount_minor"] <= received[share["payment_id"]] for share in movements.allocations)
