"""The stories of people who come: to a clinic, or as an emergency."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from almoner.charging.rules import EventLine
from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.patients.merging import merge_patients
from almoner.patients.models import Encounter, PatientAccount
from almoner.patients.operations import (
    Registered,
    add_coverage,
    close_encounter,
    register_patient,
    set_triage,
)
from almoner.service_points.checkin.operations import check_in
from almoner.service_points.consultation import operations as consultation
from almoner.shell.simulation import cashier, orders
from almoner.shell.simulation.gates import pass_gate
from almoner.shell.simulation.people import COMPLAINTS, EMERGENCIES, draw_person
from almoner.shell.simulation.visit import Visit
from almoner.shell.simulation.world import Play, World


def arrive(world: World, number: int, *, arrives_at_seconds: int, is_emergency: bool) -> Play[None]:
    """The story of patient ``number``: one visit, and for some a second one on a later day."""
    yield world.clock.timeout(arrives_at_seconds)
    chance = world.chance(f"patient {number}")
    known = None
    if world.known_patients and chance.random() < 0.12:
        known = world.known_patients.pop(chance.randrange(len(world.known_patients)))
    mistaken = known is not None and chance.random() < 0.25
    patient_id = known if known is not None and not mistaken else _register(world, number)
    tell = _emergency if is_emergency else _clinic_visit
    yield from tell(world, str(number), patient_id)
    if mistaken and known is not None:
        merge_patients(
            world.id,
            duplicate_id=patient_id,
            survivor_id=known,
            actor=world.staff["receptionist"],
            at=world.at,
        )
        world.count("records merged")
    if chance.random() < 0.12:
        yield world.wait_until_local(chance.randint(9, 14), chance.randrange(60))
        yield from _clinic_visit(world, f"{number}b", patient_id, visit_type="follow_up")
    world.known_patients.append(known or patient_id)


def _register(world: World, number: int) -> UUID:
    chance = world.chance(f"person {number}")
    person = draw_person(chance, world.local.date())
    registered: Registered = register_patient(
        world.id,
        name=person.name,
        sex=person.sex,
        birth_date=person.birth_date,
        phone=person.phone,
        category=person.category,
        source_id=f"{world.run}:{number}",
        actor=world.staff["receptionist"],
        at=world.at,
    )
    world.count("patients registered")
    if world.offer.payers and chance.random() < 0.3:
        code, _ = chance.choice(world.offer.payers)
        add_coverage(
            world.id,
            patient_id=registered.patient.id,
            payer=code,
            starts_on=world.local.date().replace(month=1, day=1),
            member_id=f"{chance.randrange(10**8):08d}",
            actor=world.staff["receptionist"],
        )
    return registered.patient.id


def _check_in(world: World, visit: Visit, **about: object) -> Visit:
    """Check the patient in (at times twice under one key) and complete ``visit`` with what came of it."""
    key, times = visit.key("check-in"), 2 if visit.happens(0.03) else 1
    answers = [
        check_in(
            world.id,
            patient_id=visit.patient_id,
            department=visit.department,
            idempotency_key=key,
            actor=visit.staff("receptionist"),
            at=world.at,
            **about,  # type: ignore[arg-type]
        )
        for _ in range(times)
    ]
    if answers[-1].encounter.id != answers[0].encounter.id:
        raise Conflict(f"The key {key!r} made two visits.")
    world.count("replayed requests", times - 1)
    world.count("visits")
    encounter, captured = answers[0].encounter, answers[0].captured
    with transaction(world.id):
        covered = {item["payer_id"] for item in captured.items if item["payer_id"]}
        account = PatientAccount.objects.get(id=captured.patient_account_id)
    payer = next((payer for payer in world.offer.payers if payer[1] in covered), None)
    return replace(visit, encounter_id=encounter.id, account_id=account.id, payer=payer)


def _new_visit(world: World, number: str, department: str, patient_id: UUID, *, is_emergency: bool) -> Visit:
    return Visit(
        world=world,
        number=number,
        department=department,
        patient_id=patient_id,
        account_id=patient_id,
        encounter_id=patient_id,
        is_emergency=is_emergency,
        chance=world.chance(f"visit {number}"),
    )


def _clinic_visit(world: World, number: str, patient_id: UUID, *, visit_type: str = "first") -> Play[None]:
    department = world.chance(f"clinic {number}").choice(world.offer.clinics)
    visit = _new_visit(world, number, department, patient_id, is_emergency=False)
    yield world.wait(visit.minutes(2, 8))
    visit = _check_in(world, visit, visit_type=visit_type, reason=visit.chance.choice(COMPLAINTS))
    with world.doctors[department].request() as turn:
        yield turn
        yield world.wait(visit.minutes(1, 4))
        started = yield from _start_consultation(visit)
        if started is None:
            _leave(visit)
            cashier.take_back_charges(visit)
            return
        yield world.wait(visit.minutes(8, 20))
        yield from _examine(visit)
        consultation.finish(world.id, visit.encounter_id, actor=visit.staff("doctor"), at=world.at)
        world.count("consultations")
    yield from _carry_out_orders(visit)
    if visit.admission_id is None:
        yield from _settle_and_leave(visit, 0.75)


def _emergency(world: World, number: str, patient_id: UUID) -> Play[None]:
    department = world.chance(f"emergency {number}").choice(world.offer.emergencies)
    visit = _new_visit(world, number, department, patient_id, is_emergency=True)
    triage = visit.chance.choices((1, 2, 3, 4), weights=(8, 22, 45, 25))[0]
    triaged_on_arrival = visit.happens(0.7)
    visit = _check_in(
        world,
        visit,
        encounter_class=Encounter.Class.EMERGENCY,
        triage_level=triage if triaged_on_arrival else None,
        reason=visit.chance.choice(EMERGENCIES),
    )
    world.count("emergencies")
    if not triaged_on_arrival:
        yield world.wait(visit.minutes(1, 5))
        set_triage(
            world.id,
            visit.encounter_id,
            triage_level=triage,
            actor=visit.staff("receptionist"),
            at=world.at,
        )
    with world.doctors[department].request() as turn:
        yield turn
        yield from _start_consultation(visit)
        yield world.wait(visit.minutes(10, 40))
        yield from _examine(visit)
        consultation.finish(world.id, visit.encounter_id, actor=visit.staff("doctor"), at=world.at)
        world.count("consultations")
    yield from _carry_out_orders(visit)
    if visit.admission_id is None:
        yield from _settle_and_leave(visit, 0.55)


def _start_consultation(visit: Visit) -> Play[object | None]:
    world = visit.world
    return (
        yield from pass_gate(
            visit,
            "consultation.start",
            lambda: consultation.start(
                world.id, visit.encounter_id, actor=visit.staff("doctor"), at=world.at
            ),
        )
    )


def _examine(visit: Visit) -> Play[None]:
    """Equipment, procedures, and now and then something that has no price."""
    world, offer = visit.world, visit.world.offer
    if visit.department in offer.with_equipment and visit.happens(0.4):
        used = yield from pass_gate(
            visit,
            "equipment.use",
            lambda: consultation.use_equipment(
                world.id, visit.encounter_id, actor=visit.staff("doctor"), at=world.at
            ),
        )
        world.count("equipment used", used is not None)
    if offer.procedures and visit.happens(0.25):
        _provide(visit, visit.chance.choice(offer.procedures))
    if offer.unpriced and visit.happens(0.06):
        _provide(visit, visit.chance.choice(offer.unpriced))
        world.count("services without a price")


def _provide(visit: Visit, service: str) -> None:
    consultation.provide_services(
        visit.world.id,
        encounter_id=visit.encounter_id,
        lines=[EventLine(service)],
        idempotency_key=visit.key("service"),
        actor=visit.staff("doctor"),
        at=visit.world.at,
    )
    visit.world.count("services provided")


def _carry_out_orders(visit: Visit) -> Play[None]:
    """Laboratory, then the ward or the pharmacy."""
    offer = visit.world.offer
    if offer.tests and visit.happens(0.75 if visit.is_emergency else 0.4):
        yield from orders.tests(visit)
    wards = {code: len(beds) for code, beds in offer.free_beds.items() if beds}
    if wards and visit.happens(0.3 if visit.is_emergency else 0.1):
        yield from orders.stay(visit, visit.chance.choices(list(wards), weights=list(wards.values()))[0])
    elif offer.medications and visit.happens(0.5):
        yield from orders.medications(visit)


def _settle_and_leave(visit: Visit, probability_of_payment: float) -> Play[None]:
    if visit.happens(0.6):
        cashier.set_missing_prices(visit)
    if visit.happens(0.4):
        cashier.hand_over_to_payer(visit)
    if visit.happens(probability_of_payment):
        yield from cashier.pay(visit)
    _leave(visit)
    if visit.world.offer.procedures and visit.happens(0.015):
        yield visit.world.wait(visit.minutes(30, 90))
        _provide(visit, visit.world.offer.procedures[0])
        visit.world.count("services recorded after the patient had left")


def _leave(visit: Visit) -> None:
    close_encounter(visit.world.id, visit.encounter_id, actor=visit.staff("receptionist"), at=visit.world.at)
