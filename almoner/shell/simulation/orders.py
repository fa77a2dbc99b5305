"""What a doctor orders: tests, medications, a bed in a ward; and what becomes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import cast
from uuid import UUID

import simpy

from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission, Prescription, PrescriptionLine, TestOrder
from almoner.orders.operations import Medication, admit, cancel_order, order_tests, prescribe
from almoner.payments.operations import apply_deposits
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.laboratory.bench import Value
from almoner.service_points.laboratory.queries import laboratory_order
from almoner.service_points.pharmacy import operations as pharmacy
from almoner.service_points.ward import operations as ward
from almoner.service_points.ward.accrual import settle
from almoner.shell.simulation import cashier
from almoner.shell.simulation.gates import pass_gate
from almoner.shell.simulation.visit import Visit
from almoner.shell.simulation.world import HOUR, Play

_QUANTITIES = (10, 14, 20, 28, 30)
LONGEST_WAIT_FOR_A_BED_HOURS = 20


def tests(visit: Visit) -> Play[None]:
    """Tests are ordered, wait in the laboratory's queue, are held or processed, and give results."""
    world = visit.world
    codes = visit.chance.sample(world.offer.tests, min(len(world.offer.tests), visit.chance.randint(1, 3)))
    order = order_tests(
        world.id,
        encounter_id=visit.encounter_id,
        services=codes,
        priority="stat" if visit.is_emergency else visit.chance.choice(("routine", "routine", "urgent")),
        idempotency_key=visit.key("tests"),
        actor=visit.staff("doctor"),
        at=world.at,
    ).order
    world.count("test orders")
    with world.laboratory.request() as turn:
        yield turn
        yield world.wait(visit.minutes(4, 15))
        if visit.happens(0.05):
            _cancel(visit, TestOrder, order.id)
            return
        processing = yield from pass_gate(
            visit,
            "laboratory.process",
            lambda: laboratory.process(
                world.id, order.id, actor=visit.staff("laboratory_technician"), at=world.at
            ),
            order_id=order.id,
        )
    if processing is None:
        _cancel(visit, TestOrder, order.id)
        return
    yield world.wait(visit.minutes(20, 90))
    _results(visit, order.id)


def _results(visit: Visit, order_id: UUID) -> None:
    """Samples are collected and received; then every value of the order, mostly inside of what is usual."""
    world, technician = visit.world, visit.staff("laboratory_technician")
    for sample in laboratory.collect_samples(world.id, order_id, actor=technician, at=world.at):
        laboratory.receive_sample(world.id, sample.id, actor=technician, at=world.at)
    values = {
        (test.order_line_id, value.parameter.code): laboratory.Reading(_measured(visit, value))
        for test in laboratory_order(world.id, order_id, at=world.at).tests
        for value in test.values
    }
    results = laboratory.enter_results(world.id, order_id, readings=values, actor=technician, at=world.at)
    world.count("test results", len(results))
    laboratory.verify_results(
        world.id,
        order_id,
        result_ids=[result.id for result in results],
        actor=visit.staff("administrator"),
        at=world.at,
    )
    for result in results:
        if result.flag in ("LL", "HH"):
            laboratory.tell_critical(
                world.id, result.id, told_to="The doctor on duty, by phone", actor=technician, at=world.at
            )


def _measured(visit: Visit, value: Value) -> str:
    """A value that this parameter may have: of its range, and a little beyond now and then."""
    low = float(value.low) if value.low is not None else 0.0
    high = float(value.high) if value.high is not None else max(2 * low, 100.0)
    reach = (high - low) * 0.15
    return f"{max(visit.chance.uniform(low - reach, high + reach), 0.1):.1f}"


def medications(visit: Visit) -> Play[None]:
    """Medications are prescribed, held or dispensed, in whole or in parts, or not wanted any more."""
    world = visit.world
    known = world.offer.medications
    codes = visit.chance.sample(known, min(len(known), visit.chance.randint(1, 3)))
    prescription = prescribe(
        world.id,
        encounter_id=visit.encounter_id,
        medications=[Medication(code, Decimal(visit.chance.choice(_QUANTITIES))) for code in codes],
        request_type="maintenance" if visit.happens(0.2) else "first",
        idempotency_key=visit.key("prescription"),
        actor=visit.staff("doctor"),
        at=world.at,
    ).order
    world.count("prescriptions")
    yield world.wait(visit.minutes(5, 20))
    if visit.happens(0.04):
        yield from cashier.pay(visit)
        _cancel(visit, Prescription, prescription.id)
        return
    parts = _parts(visit, prescription.id) if visit.happens(0.15) else [None]
    for quantities in parts:
        with world.pharmacy.request() as turn:
            yield turn
            yield world.wait(visit.minutes(3, 10))
            key = visit.key("dispensing")
            handed_out = yield from pass_gate(
                visit,
                "pharmacy.dispense",
                lambda quantities=quantities, key=key: pharmacy.dispense(  # type: ignore[misc]
                    world.id,
                    prescription.id,
                    quantities=quantities,
                    idempotency_key=key,
                    actor=visit.staff("pharmacist"),
                    at=world.at,
                ),
                order_id=prescription.id,
            )
        if handed_out is None:
            if quantities is parts[0]:
                _cancel(visit, Prescription, prescription.id)
            return
        world.count("dispensings in part" if quantities else "dispensings")
        yield world.wait(visit.minutes(10, 60))


def _parts(visit: Visit, prescription_id: UUID) -> list[dict[int, Decimal] | None]:
    """Half of the first line now; the rest another time, or never."""
    with transaction(visit.world.id):
        first = PrescriptionLine.objects.filter(prescription_id=prescription_id).earliest("line")
    half: dict[int, Decimal] | None = {first.line: (first.quantity / 2).quantize(Decimal(1))}
    return [half, None] if visit.happens(0.7) else [half]


def _cancel(
    visit: Visit, model: type[TestOrder] | type[Prescription] | type[Admission], order_id: UUID
) -> None:
    """Cancel an order; what was paid for it goes back to the patient."""
    cancelled = visit.world.unless_refused(
        lambda: cancel_order(
            visit.world.id,
            model,
            order_id,
            reason="Not wanted any more",
            actor=visit.staff("doctor"),
            at=visit.world.at,
        )
    )
    if cancelled is not None:
        visit.world.count("orders cancelled")
        cashier.refund_deposit(visit)


def stay(visit: Visit, ward_code: str) -> Play[None]:
    """Admission, the wait for a bed, the days in it, discharge with or without an arrangement."""
    world = visit.world
    admission = admit(
        world.id,
        encounter_id=visit.encounter_id,
        ward=ward_code,
        priority="stat" if visit.is_emergency else "routine",
        idempotency_key=visit.key("admission"),
        actor=visit.staff("doctor"),
        at=world.at,
    ).order
    world.count("admissions")
    visit.admission_id = admission.id
    asked = world.beds[ward_code].get()
    late = world.clock.timeout(LONGEST_WAIT_FOR_A_BED_HOURS * HOUR)
    yield simpy.AnyOf(world.clock, [asked, late])
    if not asked.triggered:
        asked.cancel()
        world.count("admissions without a free bed")
        _cancel(visit, Admission, admission.id)
        return
    bed_id = cast(UUID, asked.value)
    yield world.wait(visit.minutes(10, 45))
    taken = yield from pass_gate(
        visit,
        "bed.assign",
        lambda: ward.assign_bed(
            world.id, admission.id, bed_id=bed_id, actor=visit.staff("ward_nurse"), at=world.at
        ),
        order_id=admission.id,
    )
    if taken is None:
        _cancel(visit, Admission, admission.id)
    else:
        world.count("beds assigned")
        yield from _days_in_bed(visit, admission.id)
    yield world.beds[ward_code].put(bed_id)


def _days_in_bed(visit: Visit, admission_id: UUID) -> Play[None]:
    world = visit.world
    for _ in range(visit.chance.choices((1, 2, 3, 5), weights=(30, 35, 25, 10))[0]):
        yield world.wait_until_local(0, 10)
        charged = settle(world.id, admission_id, actor=world.automatic, at=world.at)
        world.count("days charged", len(charged))
        yield world.wait_until_local(visit.minutes(8, 10), visit.minutes(0, 59))
        if world.offer.tests and visit.happens(0.4):
            yield from tests(visit)
    yield world.wait(visit.minutes(30, 240))
    apply_deposits(
        world.id,
        visit.account_id,
        charge_item_ids=list(cashier.open_charges(visit)),
        idempotency_key=visit.key("deposit"),
        actor=visit.staff("cashier"),
        at=world.at,
    )
    if visit.happens(0.15):
        ward.discharge_with_exception(
            world.id,
            admission_id,
            exception="The patient leaves against advice and will be billed",
            actor=visit.staff("ward_nurse"),
            at=world.at,
        )
        world.count("discharges with an exception")
        return
    left = yield from pass_gate(
        visit,
        "ward.discharge",
        lambda: ward.discharge(world.id, admission_id, actor=visit.staff("ward_nurse"), at=world.at),
        order_id=admission_id,
    )
    world.count("discharges" if left is not None else "discharges given up")
    if left is not None:
        cashier.refund_deposit(visit)
