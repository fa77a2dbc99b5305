"""Today at the demo hospital: the specification's workflows (section 6) in progress, and company for them.

Every scene is a patient whose story has got as far as it is interesting. The codes are those of the demo
hospital's file. Scenes keep to the time between ``opens_at`` and the present, however short that is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from almoner.charging.rules import EventLine
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import grant_override
from almoner.orders.operations import Medication, admit, order_tests, prescribe
from almoner.patients.models import Encounter
from almoner.patients.operations import register_patient
from almoner.payments.operations import agree_plan, record_payment
from almoner.payments.plans import Terms
from almoner.service_points.checkin.operations import check_in
from almoner.service_points.consultation import operations as consultation
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.ward import operations as ward
from almoner.shell.simulation.people import Person, draw_person
from almoner.shell.simulation.world import Play, World


@dataclass
class Scene:
    """One patient's part of today. ``opens_at`` and ``closes_at`` are seconds of the world's clock."""

    world: World
    name: str
    opens_at: int
    closes_at: int
    patient_id: UUID | None = None
    account_id: UUID | None = None
    encounter_id: UUID | None = None

    def until(self, share: float) -> Play[None]:
        """Wait until ``share`` of the time between opening and closing has passed."""
        then = self.opens_at + int((self.closes_at - self.opens_at) * share)
        yield self.world.clock.timeout(max(0, then - int(self.world.clock.now)))

    def key(self, what: str) -> str:
        return f"{self.world.run}:{self.name}:{what}"

    def arrive(self, department: str, reason: str, *, triage_level: int | None = None) -> None:
        """Register the patient and check them in."""
        world = self.world
        drawn: Person = draw_person(world.chance(self.name), world.local.date())
        registered = register_patient(
            world.id,
            name=self.name,
            sex=_SEXES.get(self.name, drawn.sex),
            birth_date=drawn.birth_date,
            phone=drawn.phone,
            source_id=f"{world.run}:{self.name}",
            actor=world.staff["receptionist"],
            at=world.at,
        )
        self.patient_id, self.account_id = registered.patient.id, registered.account.id
        self.encounter_id = check_in(
            world.id,
            patient_id=self.patient_id,
            department=department,
            encounter_class=(
                Encounter.Class.EMERGENCY if department == "emergency" else Encounter.Class.AMBULATORY
            ),
            triage_level=triage_level,
            reason=reason,
            idempotency_key=self.key("check-in"),
            actor=world.staff["receptionist"],
            at=world.at,
        ).encounter.id

    @property
    def visit(self) -> UUID:
        if self.encounter_id is None:
            raise RuntimeError(f"{self.name} has not arrived yet.")
        return self.encounter_id

    def try_consultation(self) -> UUID:
        """The doctor tries to start; the id of the gate's decision."""
        return consultation.start(
            self.world.id, self.visit, actor=self.world.staff["doctor"], at=self.world.at
        ).decision_id

    def finish_consultation(self) -> None:
        consultation.finish(self.world.id, self.visit, actor=self.world.staff["doctor"], at=self.world.at)

    def pay(self, amount_minor: int, method: str) -> None:
        """Pay the oldest charges of the visit; what is more stays a deposit."""
        if self.account_id is None:
            raise RuntimeError(f"{self.name} has not arrived yet.")
        record_payment(
            self.world.id,
            patient_account_id=self.account_id,
            encounter_id=self.visit,
            method=method,
            amount_minor=amount_minor,
            currency=self.world.hospital.currency,
            cash_point="main",
            excess="deposit",
            idempotency_key=self.key(f"payment-{method}-{amount_minor}"),
            actor=self.world.staff["cashier"],
            at=self.world.at,
            time_zone=self.world.hospital.time_zone,
        )

    def admit(self) -> UUID:
        return admit(
            self.world.id,
            encounter_id=self.visit,
            ward="general",
            idempotency_key=self.key("admission"),
            actor=self.world.staff["doctor"],
            at=self.world.at,
        ).order.id


_SEXES = {
    "Maria Lopez": "female", "Jane Smith": "female", "John Doe": "male", "Amina Yusuf": "female",
    "George Papadakis": "male", "Ines Castillo": "female", "Hiroshi Tanaka": "male", "Samuel Osei": "male",
    "Lucia Ferrari": "female", "Peter Novak": "male", "Aisha Khan": "female", "Tom Becker": "male",
}  # fmt: skip


def _chest_pain(scene: Scene) -> Play[None]:
    """Section 6.1: checked in to cardiology, held before the consultation: $75."""
    yield from scene.until(0.60)
    scene.arrive("cardiology", "I have chest pain")
    yield from scene.until(0.78)
    scene.try_consultation()


def _lab_order(scene: Scene) -> Play[None]:
    """Section 6.2: two tests ordered, held in the laboratory without saying which: $65."""
    yield from scene.until(0.20)
    scene.arrive("general_medicine", "Tired for weeks")
    yield from scene.until(0.35)
    scene.try_consultation()
    yield from scene.until(0.50)
    order = order_tests(
        scene.world.id,
        encounter_id=scene.visit,
        services=["cbc", "lipid_panel"],
        idempotency_key=scene.key("tests"),
        actor=scene.world.staff["doctor"],
        at=scene.world.at,
    ).order
    scene.finish_consultation()
    yield from scene.until(0.55)
    scene.pay(3000, "card")
    yield from scene.until(0.70)
    laboratory.process(
        scene.world.id, order.id, actor=scene.world.staff["laboratory_technician"], at=scene.world.at
    )


def _ward_admission(scene: Scene) -> Play[None]:
    """Section 6.3: admitted to the general ward, awaiting a bed, held before it: $200 a day."""
    yield from scene.until(0.15)
    scene.arrive("general_medicine", "Pneumonia, sent by the family doctor")
    yield from scene.until(0.30)
    scene.try_consultation()
    yield from scene.until(0.40)
    scene.pay(3000, "cash")
    yield from scene.until(0.45)
    admission_id = scene.admit()
    scene.finish_consultation()
    bed_id = yield scene.world.beds["general"].get()
    yield from scene.until(0.65)
    ward.assign_bed(
        scene.world.id,
        admission_id,
        bed_id=bed_id,
        actor=scene.world.staff["ward_nurse"],
        at=scene.world.at,
    )


def _emergency(scene: Scene) -> Play[None]:
    """Section 8.2: triaged, overridden automatically, treated; the charges are kept for later."""
    yield from scene.until(0.82)
    scene.arrive("emergency", "Road accident, heavy bleeding", triage_level=2)
    yield from scene.until(0.84)
    scene.try_consultation()
    yield from scene.until(0.90)
    consultation.provide_services(
        scene.world.id,
        encounter_id=scene.visit,
        lines=[EventLine("wound_dressing")],
        idempotency_key=scene.key("wound"),
        actor=scene.world.staff["doctor"],
        at=scene.world.at,
    )


def _paid_and_started(scene: Scene) -> Play[None]:
    """Held, paid at the desk, and with the doctor now."""
    yield from scene.until(0.40)
    scene.arrive("cardiology", "Palpitations")
    yield from scene.until(0.62)
    scene.try_consultation()
    yield from scene.until(0.74)
    scene.pay(7500, "card")
    yield from scene.until(0.88)
    scene.try_consultation()


def _overridden(scene: Scene) -> Play[None]:
    """Held, then released by the doctor, retroactively, with a reason."""
    yield from scene.until(0.25)
    scene.arrive("cardiology", "Shortness of breath, sent over from triage")
    yield from scene.until(0.44)
    held = scene.try_consultation()
    yield from scene.until(0.46)
    grant_override(
        scene.world.id,
        step="consultation.start",
        subject=Subject(scene.visit),
        reason="Oxygen saturation is falling: cannot wait for the cashier",
        expires_at=scene.world.at + timedelta(hours=12),
        held_decision_id=held,
        idempotency_key=scene.key("override"),
        actor=scene.world.staff["doctor"],
        at=scene.world.at,
    )
    scene.try_consultation()


def _plan_and_bed(scene: Scene) -> Play[None]:
    """A payment plan lets the nurse assign a bed."""
    yield from scene.until(0.05)
    scene.arrive("general_medicine", "Gallstones, operation tomorrow")
    yield from scene.until(0.12)
    scene.try_consultation()
    yield from scene.until(0.18)
    admission_id = scene.admit()
    scene.finish_consultation()
    if scene.account_id is not None:
        agree_plan(
            scene.world.id,
            patient_account_id=scene.account_id,
            encounter_id=scene.visit,
            total_minor=60000,
            terms=Terms(instalments=6, first_due_on=scene.world.local.date() + timedelta(days=30)),
            patient_agreed_by=scene.name,
            actor=scene.world.staff["billing_staff"],
            at=scene.world.at,
        )
    bed_id = yield scene.world.beds["general"].get()
    yield from scene.until(0.28)
    ward.assign_bed(
        scene.world.id,
        admission_id,
        bed_id=bed_id,
        actor=scene.world.staff["ward_nurse"],
        at=scene.world.at,
    )


def _prescription(scene: Scene) -> Play[None]:
    """A prescription that waits at the pharmacy, one of its medications with special handling."""
    yield from scene.until(0.50)
    scene.arrive("general_medicine", "Diabetes check")
    yield from scene.until(0.66)
    scene.try_consultation()
    yield from scene.until(0.86)
    prescribe(
        scene.world.id,
        encounter_id=scene.visit,
        medications=[Medication("metformin_500", Decimal(60)), Medication("insulin_glargine", Decimal(1))],
        idempotency_key=scene.key("prescription"),
        actor=scene.world.staff["doctor"],
        at=scene.world.at,
    )
    scene.finish_consultation()


SCENES: dict[str, Callable[[Scene], Play[None]]] = {
    "Maria Lopez": _chest_pain,
    "Jane Smith": _lab_order,
    "John Doe": _ward_admission,
    "Amina Yusuf": _emergency,
    "George Papadakis": _paid_and_started,
    "Ines Castillo": _overridden,
    "Hiroshi Tanaka": _plan_and_bed,
    "Samuel Osei": _prescription,
}


def stage(world: World, *, opens_at: int, closes_at: int) -> None:
    """Let every scene play between two instants, in seconds of the world's clock."""
    for name, tell in SCENES.items():
        world.clock.process(_after(world, opens_at, tell(Scene(world, name, opens_at, closes_at))))


def _after(world: World, seconds: int, story: Play[None]) -> Play[None]:
    yield world.clock.timeout(seconds)
    yield from story
