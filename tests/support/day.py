"""A hospital in the middle of its day, played through the same operations as the pages: 2 March 2026, 15:20 UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from almoner.charging.models import ChargeRule
from almoner.enforcement.models import PaymentPolicy
from almoner.hospitals.models import Bed, Hospital
from almoner.identity.models import Membership, User
from almoner.identity.roles import actor_for
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import transaction
from almoner.orders.operations import Medication, admit, order_tests, prescribe
from almoner.patients.models import Encounter
from almoner.patients.operations import close_encounter
from almoner.payments.models import CashSession
from almoner.payments.operations import ensure_cash_point, open_session, refund_payment
from almoner.service_points.checkin.operations import check_in
from almoner.service_points.consultation import operations as consultation
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.ward import operations as ward
from tests.support.hospital import NOON, TestHospital, TestPatient, make_hospital

AT = NOON + timedelta(hours=3, minutes=20)
PASSWORD = "correct horse battery staple"


@dataclass
class BusyDay:
    """The hospital, its people by name, and the visits that tests ask about, by patient's name.

    ``colleague_id`` is somebody whose access a test may change.
    """

    hospital: TestHospital
    patients: dict[str, TestPatient] = field(default_factory=dict)
    visits: dict[str, Encounter] = field(default_factory=dict)
    colleague_id: UUID | None = None


def make_member(hospital_id: UUID, role: str, *, name: str = "Grace Adeyemi") -> User:
    """A user with ``PASSWORD`` who works at the hospital as ``role``; the cashier has the main drawer open."""
    user = User.objects.create_user(f"{role}-{hospital_id}@example.org", PASSWORD, name=name)
    Membership.objects.create(hospital_id=hospital_id, user=user, role=role)
    if role == "cashier":
        open_drawer(hospital_id, user, role)
    return user


def open_drawer(hospital_id: UUID, user: User, role: str, cash_point: str = "main") -> CashSession:
    """The drawer of ``user``, opened in the morning with a float of 50.00; the cash point is made when it is missing."""
    with transaction(hospital_id):
        ensure_cash_point(cash_point, cash_point.title())
    return open_session(
        hospital_id,
        cash_point=cash_point,
        count={2000: 2, 500: 2},
        idempotency_key=f"drawer:{user.id}",
        actor=actor_for(user, [role]),
        at=_ago(400),
    )


def make_busy_day(name: str = "St. Brigid Hospital") -> BusyDay:
    """Strict payment, except for the general practice (reminders only) and the emergency department.

    Held at 15:20: Maria Silva's consultation (75.00), John Doe's laboratory order (65.00), Ana Ortiz's bed
    (200.00). Samuel Osei was held and has paid since. Collected: 75.00 + 65.00 + 75.00 cash of which 75.00 was
    refunded, 75.00 by card, 300.00 by mobile money.
    """
    day = BusyDay(make_hospital())
    hospital = day.hospital
    hospital.actor = Actor(name="user:n.okafor@stbrigid.example", everything=True)
    Hospital.objects.filter(id=hospital.id).update(name=name)
    with hospital.transaction():
        _make_rules(hospital)
    _cardiology(day)
    _laboratory(day)
    _ward(day)
    _others(day)
    return day


def _make_rules(hospital: TestHospital) -> None:
    for kind in ("specialist", "general", "emergency"):
        ChargeRule.objects.create(
            hospital_id=hospital.id,
            code=f"visit_fee_{kind}",
            event_kind="patient.checked_in",
            department_kind=kind,
            service="consultation",
            required_at=["consultation.start"],
        )
    ChargeRule.objects.create(
        hospital_id=hospital.id,
        code="room_charge",
        event_kind="ward.admitted",
        service="bed_day",
        planned=True,
        charge_type="daily",
        required_at=["bed.assign"],
    )
    for scope, subject, settings in [
        ("hospital", "", {"payment_enforcement": {"global_policy": "strict"}}),
        ("department", "general_practice", {"payment_required_before_consultation": False}),
    ]:
        PaymentPolicy.objects.create(hospital_id=hospital.id, scope=scope, subject=subject, settings=settings)


def _arrive(
    day: BusyDay, name: str, department: str, minutes_ago: int, *, insured: bool = False, **columns: object
) -> Encounter:
    hospital = day.hospital
    patient = day.patients[name] = hospital.patient(name, insured=insured)
    arrived = check_in(
        hospital.id,
        patient_id=patient.id,
        department=department,
        idempotency_key=f"arrival:{name}",
        actor=hospital.actor,
        at=_ago(minutes_ago),
        **columns,  # type: ignore[arg-type]
    )
    day.visits[name] = arrived.encounter
    return arrived.encounter


def _ago(minutes: int) -> datetime:
    return AT - timedelta(minutes=minutes)


def _cardiology(day: BusyDay) -> None:
    hospital, actor = day.hospital, day.hospital.actor
    maria = _arrive(day, "Maria Silva", "cardiology", 42)
    consultation.start(hospital.id, maria.id, actor=actor, at=_ago(17))
    samuel = _arrive(day, "Samuel Osei", "cardiology", 65)
    consultation.start(hospital.id, samuel.id, actor=actor, at=_ago(50))
    hospital.pay(day.patients["Samuel Osei"], 7500, method="card", at=_ago(31))
    left = _arrive(day, "Wei Chen", "cardiology", 260)
    hospital.pay(day.patients["Wei Chen"], 7500, at=_ago(255))
    consultation.start(hospital.id, left.id, actor=actor, at=_ago(240))
    consultation.finish(hospital.id, left.id, actor=actor, at=_ago(215))
    close_encounter(hospital.id, left.id, actor=actor, at=_ago(210))


def _laboratory(day: BusyDay) -> None:
    hospital, actor = day.hospital, day.hospital.actor
    for name, minutes, paid in [("John Doe", 120, False), ("Jane Smith", 150, True)]:
        visit = _arrive(day, name, "general_practice", minutes)
        consultation.start(hospital.id, visit.id, actor=actor, at=_ago(minutes - 20))
        order = order_tests(
            hospital.id,
            encounter_id=visit.id,
            services=["blood_count", "lipid_panel"],
            idempotency_key=f"tests:{name}",
            actor=actor,
            at=_ago(minutes - 30),
        )
        if paid:
            shares = [(UUID(str(item["id"])), item["net_minor"]) for item in order.captured.items]
            hospital.pay(day.patients[name], 6500, shares=shares, at=_ago(minutes - 40))
        laboratory.process(hospital.id, order.order.id, actor=actor, at=_ago(minutes - 55))


def _ward(day: BusyDay) -> None:
    hospital, actor = day.hospital, day.hospital.actor
    with hospital.transaction():
        bed = Bed.objects.order_by("code")[0]
    for name, deposit in [("Ana Ortiz", 0), ("Kwame Mensah", 30000)]:
        visit = _arrive(day, name, "inpatient", 190, encounter_class="inpatient", triage_level=3)
        placed = admit(
            hospital.id,
            encounter_id=visit.id,
            ward="general_ward",
            idempotency_key=f"admission:{name}",
            actor=actor,
            at=_ago(140),
        )
        if deposit:
            hospital.pay(day.patients[name], deposit, method="mobile_money", excess="deposit", at=_ago(130))
        ward.assign_bed(hospital.id, placed.order.id, bed_id=bed.id, actor=actor, at=_ago(95))


def _others(day: BusyDay) -> None:
    hospital, actor = day.hospital, day.hospital.actor
    _arrive(
        day,
        "Oluwaseun Adebayo-Featherstonehaugh",
        "emergency",
        8,
        encounter_class="emergency",
        triage_level=2,
    )
    _arrive(day, "Priya Raman", "general_practice", 25, insured=True)
    pills = _arrive(day, "Tomás Herrera", "general_practice", 75)
    consultation.start(hospital.id, pills.id, actor=actor, at=_ago(60))
    prescribe(
        hospital.id,
        encounter_id=pills.id,
        medications=[Medication("amoxicillin", Decimal(21))],
        idempotency_key="pills",
        actor=actor,
        at=_ago(55),
    )
    refunded = _arrive(day, "Ingrid Holm", "cardiology", 300)
    paid = hospital.pay(day.patients["Ingrid Holm"], 7500, at=_ago(295))
    refund_payment(
        hospital.id,
        paid.payment_id,
        amount_minor=7500,
        reason="Left without being seen",
        idempotency_key="refund",
        actor=actor,
        at=_ago(280),
    )
    close_encounter(hospital.id, refunded.id, actor=actor, at=_ago(279))
