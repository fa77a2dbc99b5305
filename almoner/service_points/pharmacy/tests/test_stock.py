"""Stock: batches that come and go by movements, handed out by expiry, never below zero."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch
from almoner.kernel.ids import new_id
from almoner.orders.operations import Medication, prescribe
from almoner.service_points.pharmacy import operations
from almoner.service_points.pharmacy.models import Batch, Dispensing, StockMovement
from almoner.service_points.pharmacy.operations import adjust, count, dispense, dispose, receive
from almoner.service_points.pharmacy.rules import Picked, Shelf, is_near_expiry, pick
from tests.support.hospital import NOON, TestHospital, make_hospital

TODAY = NOON.date()
SOON, LATER = TODAY + timedelta(days=30), TODAY + timedelta(days=400)


@pytest.fixture
def hospital(db: None) -> TestHospital:
    return make_hospital()


def stocked(
    hospital: TestHospital,
    quantity: int,
    *,
    number: str = "A1",
    expires_on: date = LATER,
    service: str = "amoxicillin",
    key: str = "",
) -> StockMovement:
    return receive(
        hospital.id,
        store="pharmacy",
        service=service,
        batch_number=number,
        expires_on=expires_on,
        quantity=Decimal(quantity),
        reference="Delivery 17",
        idempotency_key=key or f"receive:{number}:{new_id()}",
        actor=hospital.actor,
        at=NOON,
    )


def prescription(hospital: TestHospital, quantity: int, service: str = "amoxicillin") -> UUID:
    placed = prescribe(
        hospital.id,
        encounter_id=hospital.encounter(hospital.patient()).id,
        medications=[Medication(service, Decimal(quantity))],
        idempotency_key=f"rx:{new_id()}",
        actor=hospital.actor,
        at=NOON,
    )
    return placed.order.id


def hand_out(
    hospital: TestHospital, prescription_id: UUID, quantity: int | None = None, **more: object
) -> None:
    dispense(
        hospital.id,
        prescription_id,
        quantities=None if quantity is None else {1: Decimal(quantity)},
        idempotency_key=f"d:{new_id()}",
        actor=hospital.actor,
        at=NOON,
        **more,  # type: ignore[arg-type]
    )


def on_hand(hospital: TestHospital) -> dict[str, int]:
    with hospital.transaction():
        return {batch.number: int(batch.on_hand) for batch in Batch.objects.all()}


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (5, [("soon", 5)]),
        (10, [("soon", 10)]),
        (12, [("soon", 10), ("later", 2)]),
        (40, [("soon", 10), ("later", 30)]),
        (41, None),
    ],
)
def test_what_expires_first_goes_first_and_what_has_expired_never(
    quantity: int, expected: list[tuple[str, int]] | None
) -> None:
    ids = {name: new_id() for name in ("later", "soon", "expired")}
    shelves = [
        Shelf(ids["later"], "L", LATER, Decimal(30)),
        Shelf(ids["expired"], "E", TODAY - timedelta(days=1), Decimal(100)),
        Shelf(ids["soon"], "S", TODAY, Decimal(10)),
    ]
    wanted = None if expected is None else [Picked(ids[name], Decimal(many)) for name, many in expected]
    assert pick(shelves, Decimal(quantity), TODAY) == wanted


def test_a_batch_near_its_expiry_is_pointed_out_until_it_has_expired() -> None:
    days = [-1, 0, 90, 91]
    assert [is_near_expiry(TODAY + timedelta(days=day), TODAY) for day in days] == [False, True, True, False]


def test_what_is_received_is_there_once_however_often_it_is_sent(hospital: TestHospital) -> None:
    first, again = stocked(hospital, 30, key="r"), stocked(hospital, 30, key="r")
    assert first.id == again.id and on_hand(hospital) == {"A1": 30}
    with pytest.raises(IdempotencyMismatch):
        stocked(hospital, 31, key="r")
    stocked(hospital, 5)
    assert on_hand(hospital) == {"A1": 35}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"expires_on": TODAY - timedelta(days=1)}, "expires_on"),
        ({"expires_on": SOON}, "expires_on"),
        ({"batch_number": "  "}, "batch_number"),
        ({"quantity": Decimal(0)}, "quantity"),
        ({"service": "blood_count"}, "service"),
        ({"store": "nowhere"}, "store"),
    ],
)
def test_a_delivery_that_cannot_be_is_refused_at_its_field(
    hospital: TestHospital, change: dict[str, object], field: str
) -> None:
    stocked(hospital, 1)
    given = {
        "store": "pharmacy",
        "service": "amoxicillin",
        "batch_number": "A1",
        "expires_on": LATER,
        "quantity": Decimal(3),
    }
    with pytest.raises(DomainError) as refused:
        receive(
            hospital.id,
            **{**given, **change},  # type: ignore[arg-type]
            idempotency_key="r",
            actor=hospital.actor,
            at=NOON,
        )
    assert refused.value.field == field
    assert on_hand(hospital) == {"A1": 1}


def test_dispensing_takes_from_the_batch_that_expires_first(hospital: TestHospital) -> None:
    stocked(hospital, 30, number="LATER")
    stocked(hospital, 10, number="SOON", expires_on=SOON)
    hand_out(hospital, prescription(hospital, 12))
    assert on_hand(hospital) == {"LATER": 28, "SOON": 0}


def test_a_named_batch_is_taken_unless_it_has_expired_or_has_too_little(hospital: TestHospital) -> None:
    batch = stocked(hospital, 30, number="LATER").batch_id
    soon = stocked(hospital, 4, number="SOON", expires_on=SOON).batch_id
    order = prescription(hospital, 12)
    with pytest.raises(Conflict) as short:
        hand_out(hospital, order, 5, batches={1: soon})
    assert short.value.field == "batches[1]" and "Only 4" in short.value.message
    with pytest.raises(DomainError, match="expired"):
        dispense(
            hospital.id,
            order,
            quantities={1: Decimal(2)},
            batches={1: soon},
            idempotency_key="late",
            actor=hospital.actor,
            at=NOON + timedelta(days=31),
        )
    hand_out(hospital, order, 12, batches={1: batch})
    assert on_hand(hospital) == {"LATER": 18, "SOON": 4}


def test_too_little_stock_refuses_the_whole_and_a_part_still_goes(hospital: TestHospital) -> None:
    stocked(hospital, 8)
    order = prescription(hospital, 12)
    with pytest.raises(Conflict) as short:
        hand_out(hospital, order)
    assert short.value.field == "quantities[1]" and "Only 8 of Amoxicillin" in short.value.message
    with hospital.transaction():
        assert not Dispensing.objects.exists()
    hand_out(hospital, order, 8)
    with pytest.raises(Conflict, match="out of stock"):
        hand_out(hospital, order)
    assert on_hand(hospital) == {"A1": 0}


def test_a_medication_that_is_not_kept_in_stock_goes_out_without_a_batch(hospital: TestHospital) -> None:
    stocked(hospital, 8)
    hand_out(hospital, prescription(hospital, 12, "vitamins"))
    with hospital.transaction():
        assert Dispensing.objects.count() == 1
    assert on_hand(hospital) == {"A1": 8}


def test_stock_is_adjusted_and_disposed_of_for_a_reason_and_never_below_zero(hospital: TestHospital) -> None:
    batch = stocked(hospital, 10).batch_id

    def change(operation: Callable[..., StockMovement], quantity: int, reason: str = "broken") -> None:
        operation(
            hospital.id,
            batch,
            quantity=Decimal(quantity),
            reason=reason,
            idempotency_key=f"{operation.__name__}:{quantity}",
            actor=hospital.actor,
            at=NOON,
        )

    change(adjust, 2)
    change(adjust, -3)
    change(dispose, 4)
    change(dispose, 4)
    assert on_hand(hospital) == {"A1": 5}
    for operation, quantity in ((adjust, -6), (dispose, 6)):
        with pytest.raises(Conflict, match="Only 5"):
            change(operation, quantity)
    with pytest.raises(DomainError) as refused:
        change(dispose, 1, " ")
    assert refused.value.field == "reason"


def test_a_count_moves_the_difference_and_leaves_out_what_moved_meanwhile(hospital: TestHospital) -> None:
    moved = stocked(hospital, 10)
    with hospital.transaction():
        item = moved.batch.item_id
    began_at = NOON + timedelta(minutes=1)
    dispense(
        hospital.id,
        prescription(hospital, 3),
        idempotency_key="meanwhile",
        actor=hospital.actor,
        at=NOON + timedelta(minutes=2),
    )

    def counted(quantity: int, key: str) -> list[operations.CountLine]:
        return count(
            hospital.id,
            item,
            counted={moved.batch_id: Decimal(quantity)},
            began_at=began_at,
            idempotency_key=key,
            actor=hospital.actor,
            at=NOON + timedelta(minutes=5),
        )

    for _ in range(2):
        [line] = counted(9, "count")
        assert (line.expected, line.counted, line.difference) == (10, 9, -1)
    assert on_hand(hospital) == {"A1": 6}
    with pytest.raises(Conflict, match="meanwhile"):
        counted(1, "again")


def test_the_database_refuses_stock_below_zero_and_writing_it_by_hand(hospital: TestHospital) -> None:
    moved = stocked(hospital, 10)
    with pytest.raises(IntegrityError, match="stock_on_hand_not_negative"), hospital.transaction():
        StockMovement.objects.create(
            hospital_id=hospital.id,
            batch_id=moved.batch_id,
            kind="dispensed",
            quantity=Decimal(-11),
            source_id=new_id(),
            moved_at=NOON,
            moved_by="x",
        )
    with pytest.raises(Exception, match="permission denied"), hospital.transaction():
        Batch.objects.filter(id=moved.batch_id).update(on_hand=50)


def test_of_two_who_hand_out_the_last_box_at_once_one_is_told(committed: None) -> None:
    hospital = make_hospital()
    stocked(hospital, 5)
    orders = [prescription(hospital, 5), prescription(hospital, 5)]
    together, refusals = Barrier(2), []

    def try_it(order: UUID) -> None:
        together.wait()
        try:
            hand_out(hospital, order)
        except Conflict as refused:
            refusals.append(refused.message)
        finally:
            connection.close()

    threads = [Thread(target=try_it, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["Amoxicillin is out of stock."]
    assert on_hand(hospital) == {"A1": 0}
    with hospital.transaction():
        assert Dispensing.objects.count() == 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["receive", "dispense", "adjust", "dispose", "count"]), st.integers(1, 12)),
    max_size=8,
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_on_hand_is_the_sum_of_the_movements_whatever_happens(
    committed: None, steps: list[tuple[str, int]]
) -> None:
    hospital = make_hospital()
    first = stocked(hospital, 6, number="B0")
    with hospital.transaction():
        item = first.batch.item_id
    expected = 6
    for number, (what, quantity) in enumerate(steps):
        about = {"idempotency_key": f"step:{number}", "actor": hospital.actor, "at": NOON}
        before = on_hand(hospital)
        try:
            if what == "receive":
                stocked(hospital, quantity, number=f"B{number + 1}")
                expected += quantity
            elif what == "dispense":
                hand_out(hospital, prescription(hospital, quantity))
                expected -= quantity
            elif what == "count":
                count(
                    hospital.id,
                    item,
                    counted={first.batch_id: Decimal(quantity)},
                    began_at=NOON,
                    **about,  # type: ignore[arg-type]
                )
                expected += quantity - before["B0"]
            else:
                sign = -1 if what == "adjust" else 1
                change = adjust if what == "adjust" else dispose
                change(
                    hospital.id,
                    first.batch_id,
                    quantity=Decimal(sign * quantity),
                    reason="broken",
                    **about,  # type: ignore[arg-type]
                )
                expected -= quantity
        except Conflict:
            assert on_hand(hospital) == before
    left = on_hand(hospital)
    assert sum(left.values()) == expected and min(left.values()) >= 0
    with hospital.transaction():
        for batch in Batch.objects.all():
            assert batch.on_hand == sum(row.quantity for row in batch.movements.all())
