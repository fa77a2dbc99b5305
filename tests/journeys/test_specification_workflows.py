"""The three workflows of the integrated specification, section 6, step by step, with its amounts.

The hospital is the demo file's, whose department block is section 1.2 as printed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from uuid import UUID

import pytest

from almoner.charging.models import ChargeItem
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import grant_override, revoke_override
from almoner.enforcement.queries import PaymentStatus, billing_status, service_point_status
from almoner.enforcement.rules import Outcome
from almoner.hospitals.models import Bed
from almoner.identity.models import AuditRecord
from almoner.interop.hospital_file.operations import load
from almoner.kernel.actor import system
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import Posting
from almoner.orders.operations import Medication, admit, order_tests, prescribe
from almoner.patients.operations import Registered, register_patient
from almoner.payments.operations import Share, agree_plan, record_payment
from almoner.payments.plans import Terms
from almoner.service_points.checkin.operations import check_in
from almoner.service_points.consultation import operations as consultation
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.laboratory import queries as laboratory_queries
from almoner.service_points.pharmacy.operations import dispense
from almoner.service_points.ward import operations as ward

pytestmark = pytest.mark.django_db

STAFF = system("test")
MORNING = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


@pytest.fixture
def riverside() -> UUID:
    text = resources.files("almoner.interop.hospital_file").joinpath("demo.yaml").read_text()
    return load(text, actor=STAFF, at=MORNING - timedelta(days=1)).hospital_id


def _register(hospital: UUID, name: str) -> Registered:
    return register_patient(hospital, name=name, actor=STAFF, at=MORNING)


def _pay(hospital: UUID, patient: Registered, amount_minor: int, key: str, excess: str = "refuse") -> None:
    record_payment(
        hospital,
        patient_account_id=patient.account.id,
        method="cash",
        amount_minor=amount_minor,
        currency="USD",
        cash_point="main",
        idempotency_key=key,
        excess=excess,
        actor=STAFF,
        at=MORNING,
    )


class CardiologyVisit:
    """Section 6.1 up to the point where the doctor tries to start."""

    def __init__(self, hospital: UUID) -> None:
        # 1-2. "I have chest pain": reception checks the patient into the cardiology department.
        self.patient = _register(hospital, "Maria Lopez")
        self.checked_in = check_in(
            hospital,
            patient_id=self.patient.patient.id,
            department="cardiology",
            reason="I have chest pain",
            idempotency_key="visit",
            actor=STAFF,
            at=MORNING,
        )
        self.encounter_id = self.checked_in.encounter.id


@pytest.fixture
def visit(riverside: UUID) -> CardiologyVisit:
    return CardiologyVisit(riverside)


def test_6_1_check_in_creates_the_consultation_fee_of_75_dollars_pending(
    riverside: UUID, visit: CardiologyVisit
) -> None:
    # 3. System: creates "Cardiology Consultation: $75" (PENDING): billable, undelivered, unpaid.
    with transaction(riverside):
        fee = ChargeItem.objects.select_related("service").get(service__code="consultation_cardiology")
    assert fee.service.name.lower() == "cardiology consultation"
    assert (fee.net_minor, fee.status, fee.delivered_at) == (7500, "billable", None)


def test_6_1_the_doctor_is_told_that_75_dollars_are_required_and_what_can_be_done(
    riverside: UUID, visit: CardiologyVisit
) -> None:
    # 5-6. The doctor tries to start: "Payment required: $75 for cardiology consultation".
    held = consultation.start(riverside, visit.encounter_id, actor=STAFF, at=MORNING)
    assert held.decision.outcome is Outcome.HELD
    assert held.decision.reason.lower() == "payment required: $75.00 for cardiology consultation."
    # 7. Options: process payment, emergency override, or back to reception.
    assert {option.code for option in held.decision.options} >= {"pay", "override", "postpone"}
    bar = service_point_status(riverside, "consultation.start", Subject(visit.encounter_id), at=MORNING)
    assert (bar.cost_minor, bar.due_minor, bar.payment_status) == (7500, 7500, "Required")
    assert {action.code: action.enabled for action in bar.actions} == {
        "proceed": False,
        "pay": True,
        "plan": False,
        "override": True,
    }
    status = billing_status(riverside, visit.patient.patient.id, at=MORNING)
    assert status.payment_status is PaymentStatus.PAYMENT_DUE
    assert [blocked.step for blocked in status.blocked_services] == ["consultation.start", "equipment.use"]


def test_6_1_payment_allows_the_consultation(riverside: UUID, visit: CardiologyVisit) -> None:
    with transaction(riverside):
        fee = ChargeItem.objects.get(service__code="consultation_cardiology")
    record_payment(
        riverside,
        patient_account_id=visit.patient.account.id,
        method="card",
        amount_minor=7500,
        currency="USD",
        cash_point="main",
        shares=[Share(fee.id, 7500)],
        idempotency_key="payment",
        actor=STAFF,
        at=MORNING,
    )
    started = consultation.start(riverside, visit.encounter_id, actor=STAFF, at=MORNING)
    assert started.decision.outcome is Outcome.ALLOWED and started.result is not None
    with transaction(riverside):
        fee.refresh_from_db()
        revenue = Posting.objects.get(account_code="revenue", charge_item_id=fee.id)
    assert fee.delivered_at == MORNING and revenue.amount_minor == -7500


def test_6_1_an_emergency_override_allows_the_consultation_and_payment_comes_later(
    riverside: UUID, visit: CardiologyVisit
) -> None:
    held = consultation.start(riverside, visit.encounter_id, actor=STAFF, at=MORNING)
    override = grant_override(
        riverside,
        step="consultation.start",
        subject=Subject(visit.encounter_id),
        reason="Chest pain, ECG changes",
        triage_level=2,
        expires_at=MORNING + timedelta(hours=4),
        held_decision_id=held.decision_id,
        idempotency_key="override",
        actor=STAFF,
        at=MORNING + timedelta(minutes=5),
    )
    assert override.starts_at == MORNING, "applied retroactively, from when the step was held"
    passage = consultation.start(
        riverside, visit.encounter_id, actor=STAFF, at=MORNING + timedelta(minutes=6)
    )
    assert passage.decision.outcome is Outcome.OVERRIDDEN and passage.went_ahead
    status = billing_status(riverside, visit.patient.patient.id, at=MORNING + timedelta(minutes=6))
    assert status.outstanding_minor == 7500 + 2500
    revoke_override(riverside, override.id, reason="Reviewed", actor=STAFF, at=MORNING + timedelta(minutes=7))
    with transaction(riverside):
        actions = set(AuditRecord.objects.values_list("action", flat=True))
    assert actions >= {"override.granted", "override.revoked"}


def test_6_1_the_chart_and_orders_are_never_held(riverside: UUID, visit: CardiologyVisit) -> None:
    placed = order_tests(
        riverside,
        encounter_id=visit.encounter_id,
        services=["cbc"],
        idempotency_key="tests",
        actor=STAFF,
        at=MORNING,
    )
    assert placed.order.number == "LAB-1"


def test_6_2_the_laboratory_sees_65_dollars_and_no_test_until_it_is_paid(
    riverside: UUID, visit: CardiologyVisit
) -> None:
    # 1-2. The doctor orders "Complete Blood Count, Lipid Panel"; billing entries are created.
    placed = order_tests(
        riverside,
        encounter_id=visit.encounter_id,
        services=["cbc", "lipid_panel"],
        idempotency_key="tests",
        actor=STAFF,
        at=MORNING,
    )
    assert placed.captured.total_minor == 6500
    # 3-4. The technician sees patient, order number and amount, and not what was ordered.
    [before] = laboratory_queries.work_list(riverside, at=MORNING)
    assert before.title == "Maria Lopez - Lab Order LAB-1 - Payment required: $65.00 for this order."
    seen = str(asdict(before)).lower()
    assert not any(word in seen for word in ("complete blood count", "cbc", "lipid"))
    held = laboratory.process(riverside, placed.order.id, actor=STAFF, at=MORNING)
    assert not held.went_ahead and "lipid" not in held.decision.reason.lower()
    status = billing_status(riverside, visit.patient.patient.id, at=MORNING)
    assert not any("lipid" in blocked.reason.lower() for blocked in status.blocked_services)
    # 5. Payment processed: $65 for lab tests.
    record_payment(
        riverside,
        patient_account_id=visit.patient.account.id,
        method="mobile_money",
        amount_minor=6500,
        currency="USD",
        cash_point="main",
        shares=[Share(item["id"], item["net_minor"]) for item in placed.captured.items],
        idempotency_key="payment",
        actor=STAFF,
        at=MORNING,
    )
    # 6. Lab now sees the tests.
    [after] = laboratory_queries.work_list(riverside, at=MORNING)
    assert after.title == "Maria Lopez - Complete Blood Count, Lipid Panel"
    # 7. Lab can now process samples and enter results.
    assert laboratory.process(riverside, placed.order.id, actor=STAFF, at=MORNING).went_ahead
    for test in after.tests:
        for value in test.values:
            laboratory.enter_result(
                riverside,
                test.order_line_id,
                parameter=value.parameter.code,
                value="normal",
                actor=STAFF,
                at=MORNING,
            )


class WardAdmission:
    """Section 6.3 up to the point where the nurse wants to assign a bed."""

    def __init__(self, hospital: UUID) -> None:
        # 1. The doctor admits the patient to the general ward.
        self.patient = _register(hospital, "John Doe")
        self.encounter = check_in(
            hospital,
            patient_id=self.patient.patient.id,
            department="inpatient_care",
            encounter_class="inpatient",
            idempotency_key="arrival",
            actor=STAFF,
            at=MORNING,
        ).encounter
        self.placed = admit(
            hospital,
            encounter_id=self.encounter.id,
            ward="general",
            idempotency_key="admission",
            actor=STAFF,
            at=MORNING,
        )
        with transaction(hospital):
            self.bed_id = Bed.objects.filter(ward__code="general").order_by("code")[0].id

    def assign_bed(self, hospital: UUID):
        return ward.assign_bed(hospital, self.placed.order.id, bed_id=self.bed_id, actor=STAFF, at=MORNING)


@pytest.fixture
def admission(riverside: UUID) -> WardAdmission:
    return WardAdmission(riverside)


def test_6_3_admission_creates_daily_ward_charges_pending_and_the_nurse_sees_200_a_day(
    riverside: UUID, admission: WardAdmission
) -> None:
    # 2. System: creates daily ward charges (pending): foreseen, not posted.
    daily = [item for item in admission.placed.captured.items if item["charge_type"] == "daily"]
    assert [(item["status"], item["net_minor"]) for item in daily] == [("planned", 20000)]
    # 3. The nurse sees "Payment Required: $200/day".
    held = admission.assign_bed(riverside)
    assert held.decision.outcome is Outcome.HELD and held.decision.due_minor == 20000
    assert held.decision.reason.startswith("Payment required: $200.00 in advance")
    # 4. Options: payment, emergency override, payment plan.
    assert {option.code for option in held.decision.options} >= {"pay", "override", "plan"}


def test_6_3_payment_lets_the_nurse_assign_the_bed(riverside: UUID, admission: WardAdmission) -> None:
    _pay(riverside, admission.patient, 20000, "advance", excess="deposit")
    assert admission.assign_bed(riverside).went_ahead
    status = billing_status(riverside, admission.patient.patient.id, at=MORNING)
    assert (status.outstanding_minor, status.available_credit_minor) == (0, 0)
    assert status.payment_status is PaymentStatus.GOOD_STANDING


def test_6_3_an_override_lets_the_nurse_assign_the_bed_with_payment_later(
    riverside: UUID, admission: WardAdmission
) -> None:
    grant_override(
        riverside,
        step="bed.assign",
        subject=Subject(admission.encounter.id, admission.placed.order.id),
        reason="Unstable",
        expires_at=MORNING + timedelta(hours=1),
        idempotency_key="override",
        actor=STAFF,
        at=MORNING,
    )
    assert admission.assign_bed(riverside).decision.outcome is Outcome.OVERRIDDEN
    status = billing_status(riverside, admission.patient.patient.id, at=MORNING)
    assert status.outstanding_minor == 20000


def test_6_3_a_payment_plan_lets_the_nurse_assign_the_bed(riverside: UUID, admission: WardAdmission) -> None:
    agree_plan(
        riverside,
        patient_account_id=admission.patient.account.id,
        encounter_id=admission.encounter.id,
        total_minor=60000,
        terms=Terms(instalments=3, first_due_on=date(2026, 4, 1)),
        actor=STAFF,
        at=MORNING,
    )
    passage = admission.assign_bed(riverside)
    assert passage.went_ahead and passage.decision.reason_code == "plan"
    status = billing_status(riverside, admission.patient.patient.id, at=MORNING)
    assert status.plan_status == "on_track"


def test_8_2_an_emergency_is_served_at_every_step_and_charged_for_later(riverside: UUID) -> None:
    patient = _register(riverside, "Unknown, about 40")
    arrival = check_in(
        riverside,
        patient_id=patient.patient.id,
        department="emergency",
        encounter_class="emergency",
        triage_level=1,
        idempotency_key="ambulance",
        actor=STAFF,
        at=MORNING,
    )
    encounter_id = arrival.encounter.id
    assert sorted(item["net_minor"] for item in arrival.captured.items) == [3000, 5000]
    started = consultation.start(riverside, encounter_id, actor=STAFF, at=MORNING)
    tests = order_tests(
        riverside,
        encounter_id=encounter_id,
        services=["cbc"],
        priority="stat",
        idempotency_key="stat",
        actor=STAFF,
        at=MORNING,
    )
    processed = laboratory.process(riverside, tests.order.id, actor=STAFF, at=MORNING)
    prescription = prescribe(
        riverside,
        encounter_id=encounter_id,
        medications=[Medication("amoxicillin_500", Decimal(10))],
        idempotency_key="rx",
        actor=STAFF,
        at=MORNING,
    )
    dispensed = dispense(
        riverside, prescription.order.id, idempotency_key="dispense", actor=STAFF, at=MORNING
    )
    admitted = admit(
        riverside, encounter_id=encounter_id, ward="icu", idempotency_key="icu", actor=STAFF, at=MORNING
    )
    with transaction(riverside):
        bed_id = Bed.objects.filter(ward__code="icu")[0].id
    bed = ward.assign_bed(riverside, admitted.order.id, bed_id=bed_id, actor=STAFF, at=MORNING)
    for passage in (started, processed, dispensed, bed):
        assert passage.decision.outcome is Outcome.OVERRIDDEN
        assert passage.decision.reason_code == "emergency"
    # 6. Before discharge an arrangement is made.
    leaving = ward.discharge(riverside, admitted.order.id, actor=STAFF, at=MORNING)
    assert leaving.decision.outcome is Outcome.HELD
    assert (
        leaving.decision.due_minor
        == billing_status(riverside, patient.patient.id, at=MORNING).outstanding_minor
    )
