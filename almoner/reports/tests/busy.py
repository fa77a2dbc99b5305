"""A hospital with every kind of movement in its books."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from almoner.catalog.models import Service
from almoner.charging import operations as charging
from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.definitions import save_charge_definition
from almoner.charging.models import ChargeItem
from almoner.hospitals.models import Bed
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.ledger.models import JournalEntry
from almoner.orders.operations import Medication, admit, prescribe
from almoner.patients.operations import open_encounter, register_patient
from almoner.payments import operations as payments
from almoner.payments.models import DepositApplication
from almoner.payments.plans import Terms
from almoner.service_points.pharmacy import operations as pharmacy
from almoner.service_points.ward import operations as ward
from almoner.service_points.ward.accrual import accrue_hospital
from tests.support.hospital import (
    NOON,
    SERVICE_PROVIDED,
    TEST_ORDERED,
    TestHospital,
    TestPatient,
    enforce,
    make_hospital,
)


def busy_hospital() -> tuple[TestHospital, dict[str, Any]]:
    """A hospital after a busy day, and the ids of what is in its books, by the names sabotages use."""
    hospital = make_hospital()
    ada, bob = hospital.patient("Ada"), hospital.patient("Bob", insured=True)
    ids: dict[str, Any] = {
        "hospital": hospital.id,
        "account": ada.account_id,
        "other_account": bob.account_id,
    }
    ids["unpaid"] = _charge(hospital, ada, "consultation")
    ids["unpaid_event"] = _item(hospital, ids["unpaid"]).event_id
    ids["delivered"] = _charge(hospital, ada, "bandage")
    hospital.deliver([ids["delivered"]])
    ids["paid"] = _charge(hospital, ada, "blood_count")
    payment = hospital.pay(ada, 3000, shares=[(ids["paid"], 3000)], tendered_minor=5000)
    ids["payment"] = payment.payment_id
    ids["payment_entry"] = _entry(hospital, payment.payment_id)
    ids["deposit"] = hospital.pay(bob, 9000, excess="deposit", method="card").payment_id
    ids["cancelled"] = _charge(hospital, ada, "lipid_panel")
    with hospital.transaction():
        charging.cancel(ids["cancelled"], actor=hospital.actor, at=NOON)
    _credit_and_revise(hospital, ada, ids)
    _give_back(hospital, bob, ids)
    _share_with_payer(hospital, bob)
    hospital.capture(SERVICE_PROVIDED, "unlisted", "consultation", patient=ada)
    _hand_out(hospital, ids)
    _drawers(hospital, hospital.patient("Cay"), ids)
    _lie_in_bed(hospital, ids)
    _agree_plans(hospital, ada, ids)
    _agree_a_plan_that_costs(hospital, ids)
    _register(hospital)
    audit.seal(hospital.id, at=NOON, limit=1)
    audit.seal(hospital.id, at=NOON + timedelta(minutes=1))
    return hospital, ids


def _agree_plans(hospital: TestHospital, patient: TestPatient, ids: dict[str, Any]) -> None:
    """A plan of two parts, and another that two people put in its place."""
    people = [Actor(f"user:{name}@example.org", frozenset({"payments.plan"})) for name in ("eve", "dan")]
    terms = Terms(2, NOON.date())
    plan = payments.agree_plan(
        hospital.id,
        patient_account_id=patient.account_id,
        encounter_id=None,
        total_minor=5000,
        terms=terms,
        actor=people[0],
        at=NOON,
    )
    asked = payments.request_plan_change(
        hospital.id,
        plan.id,
        terms=terms,
        reason="another day",
        idempotency_key="change",
        actor=people[0],
        at=NOON,
    )
    ids["plan"] = plan.id
    ids["new_plan"] = payments.approve_plan_change(hospital.id, asked.id, actor=people[1], at=NOON).id


def _agree_a_plan_that_costs(hospital: TestHospital, ids: dict[str, Any]) -> None:
    """A plan of two parts with a fee for each."""
    with hospital.transaction():
        Service.objects.create(hospital_id=hospital.id, code="plan_fee", name="Plan", kind=Service.Kind.OTHER)
    enforce(hospital, "patient_category", "costly", plan_fee_per_instalment_minor=150)
    patient = hospital.patient("Fay", category="costly")
    _charge(hospital, patient, "consultation")
    ids["costly_plan"] = payments.agree_plan(
        hospital.id,
        patient_account_id=patient.account_id,
        encounter_id=None,
        total_minor=7500,
        terms=Terms(2, NOON.date()),
        actor=hospital.actor,
        at=NOON,
    ).id


def _register(hospital: TestHospital) -> None:
    """Patients and visits with numbers of the hospital's own series."""
    for name in ("Cleo", "Dora"):
        known = register_patient(hospital.id, name=name, actor=hospital.actor, at=NOON)
        open_encounter(
            hospital.id,
            patient_id=known.patient.id,
            department="cardiology",
            actor=hospital.actor,
            at=NOON,
        )


def _lie_in_bed(hospital: TestHospital, ids: dict[str, Any]) -> None:
    """A stay of two days and some hours, charged by the day and the hour."""
    how: dict[str, Any] = {"actor": hospital.actor, "at": NOON}
    for code, billing_type in (("room", "daily"), ("watch", "hourly")):
        terms = DefinitionTerms(
            code=code,
            service=f"{code}_time",
            service_name=code,
            billing_type=billing_type,
            starts_on=NOON.date(),
            rate_minor=100,
        )
        save_charge_definition(hospital.id, terms, **how)
    admission = admit(
        hospital.id,
        encounter_id=hospital.encounter(hospital.patient("Fay"), "inpatient").id,
        ward="general_ward",
        idempotency_key="admission",
        **how,
    ).order
    with hospital.transaction():
        bed = Bed.objects.earliest("code")
    ward.assign_bed(hospital.id, admission.id, bed_id=bed.id, **how)
    later = NOON + timedelta(hours=30)
    accrue_hospital(hospital.id, until=later, actor=hospital.actor, at=later)
    with hospital.transaction():
        items = {item.service_period: item.id for item in ChargeItem.objects.filter(order_id=admission.id)}
    ids["day"], ids["next_day"], ids["hour"] = (
        items["2026-03-02"],
        items["2026-03-03"],
        items["2026-03-02T13Z"],
    )
    with hospital.transaction():
        ids["stay_event"] = ChargeItem.objects.get(id=ids["day"]).event_id


def _hand_out(hospital: TestHospital, ids: dict[str, Any]) -> None:
    """Ten vitamins handed out from stock in two parts, two of them brought back."""
    how: dict[str, Any] = {"actor": hospital.actor, "at": NOON}
    ids["batch"] = pharmacy.receive(
        hospital.id,
        store="pharmacy",
        service="vitamins",
        batch_number="V-1",
        expires_on=NOON.date() + timedelta(days=90),
        quantity=Decimal(30),
        idempotency_key="delivery",
        **how,
    ).batch_id
    order = prescribe(
        hospital.id,
        encounter_id=hospital.encounter(hospital.patient("Eve"), encounter_class="emergency").id,
        medications=[Medication("vitamins", Decimal(10))],
        idempotency_key="prescription",
        **how,
    ).order
    for key, quantity in (("rest", Decimal(4)), ("part", Decimal(6))):
        passage = pharmacy.dispense(
            hospital.id, order.id, quantities={1: quantity}, idempotency_key=f"dispense-{key}", **how
        )
        assert passage.result is not None
        [dispensing] = passage.result
    ids["dispensing"], ids["prescription_line"] = dispensing.id, dispensing.prescription_line_id
    pharmacy.take_back(
        hospital.id,
        dispensing.id,
        quantity=Decimal(2),
        is_sealed=True,
        reason="not needed",
        idempotency_key="return",
        **how,
    )


def _item(hospital: TestHospital, item_id: UUID) -> ChargeItem:
    with hospital.transaction():
        return ChargeItem.objects.get(id=item_id)


def _charge(hospital: TestHospital, patient: TestPatient, service: str, quantity: int = 1) -> UUID:
    item_id: UUID = hospital.capture(TEST_ORDERED, service, patient=patient, quantity=quantity).items[0]["id"]
    return item_id


def _entry(hospital: TestHospital, source_id: UUID) -> UUID:
    with hospital.transaction():
        return JournalEntry.objects.get(source_id=source_id).id


def _credit_and_revise(hospital: TestHospital, patient: TestPatient, ids: dict[str, Any]) -> None:
    credited = _charge(hospital, patient, "vitamins")
    hospital.deliver([credited])
    revised = _charge(hospital, patient, "amoxicillin", 20)
    hospital.pay(patient, 400, shares=[(revised, 400)])
    payments.release(hospital.id, revised, actor=hospital.actor, at=NOON)
    with hospital.transaction():
        charging.cancel(credited, actor=hospital.actor, at=NOON)
        charging.revise(revised, quantity=Decimal(12), actor=hospital.actor, at=NOON)


def _give_back(hospital: TestHospital, patient: TestPatient, ids: dict[str, Any]) -> None:
    how: dict[str, Any] = {"actor": hospital.actor, "at": NOON}
    wrong = hospital.pay(patient, 700, excess="deposit").payment_id
    void = payments.void_payment(
        hospital.id, wrong, reason="wrong patient", idempotency_key=f"v{wrong}", **how
    )
    ids["void"], ids["void_entry"] = void.id, _entry(hospital, void.id)
    refund = payments.refund_payment(
        hospital.id, ids["deposit"], amount_minor=500, reason="asked for", idempotency_key=f"r{wrong}", **how
    )
    ids["refund"], ids["refund_entry"] = refund.id, _entry(hospital, refund.id)
    _charge(hospital, patient, "consultation")
    payments.apply_deposits(
        hospital.id, patient.account_id, idempotency_key=f"d{wrong}", maximum_minor=4000, **how
    )
    with hospital.transaction():
        ids["application"] = DepositApplication.objects.get(patient_account_id=patient.account_id).id
    ids["application_entry"] = _entry(hospital, ids["application"])


def _share_with_payer(hospital: TestHospital, patient: TestPatient) -> None:
    shared = _charge(hospital, patient, "bed_day")
    with hospital.transaction():
        for amount in (15000, -2000):
            charging.transfer_to_payer(
                shared, payer_id=hospital.payer_id, amount_minor=amount, actor=hospital.actor, at=NOON
            )
    hospital.pay(patient, 8000, method="bank_transfer", payer_id=hospital.payer_id)


def _drawers(hospital: TestHospital, patient: TestPatient, ids: dict[str, Any]) -> None:
    """A drawer closed short after a mixed payment, with a void by two; and one that is open."""
    clerk = Actor("user:clerk", frozenset({"payments.record"}), user_id=new_id())
    checker = Actor("user:checker", frozenset({"payments.void"}), user_id=new_id())
    for point in ("night", "side"):
        with hospital.transaction():
            payments.ensure_cash_point(point, point)
    session = payments.open_session(
        hospital.id, cash_point="night", count={2000: 2}, idempotency_key="night", actor=clerk, at=NOON
    )
    where: dict[str, Any] = {"cash_point": "night", "excess": "deposit", "shares": []}
    tenders = (payments.Tender("cash", 900, 1000), payments.Tender("card", 600))
    paid = _pay_at(hospital, patient, 1500, tenders=tenders, **where)
    wrong = _pay_at(hospital, patient, 300, method="cash", **where)
    asked = payments.request_void(
        hospital.id, wrong, reason="twice", idempotency_key="ask", actor=clerk, at=NOON
    )
    ids["void_by_two"] = payments.approve_void(hospital.id, asked.id, actor=checker, at=NOON).id
    asked_back = payments.request_refund(
        hospital.id,
        paid,
        amount_minor=100,
        method="card",
        reason="too much",
        idempotency_key="ask back",
        actor=clerk.also("payments.refund"),
        at=NOON,
    )
    second = checker.also("payments.refund")
    ids["refund_by_two"] = payments.approve_refund(hospital.id, asked_back.id, actor=second, at=NOON).id
    closed = payments.close_session(
        hospital.id,
        session.id,
        count={2000: 2, 500: 1},
        banked_minor=2000,
        slip="S-1",
        idempotency_key="close",
        actor=clerk,
        at=NOON,
    )
    opened = payments.open_session(
        hospital.id, cash_point="side", count={500: 1}, idempotency_key="side", actor=clerk, at=NOON
    )
    ids.update(mixed=paid, closed_drawer=closed.id, open_drawer=opened.id)


def _pay_at(hospital: TestHospital, patient: TestPatient, amount_minor: int, **fields: Any) -> UUID:
    """A payment at a cash point that the fields name."""
    return payments.record_payment(
        hospital.id,
        patient_account_id=patient.account_id,
        amount_minor=amount_minor,
        currency=hospital.currency,
        idempotency_key=f"drawer-{new_id()}",
        actor=hospital.actor,
        at=NOON,
        **fields,
    ).payment_id
