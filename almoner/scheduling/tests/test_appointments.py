"""Appointments: nobody sees two patients at a time, and an appointment becomes one visit."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from almoner.identity.models import AuditRecord
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.ids import new_id
from almoner.patients.merging import merge_patients
from almoner.scheduling.appointments import book, call_off, move
from almoner.scheduling.models import Appointment
from almoner.service_points.checkin.operations import CheckedIn, check_in
from tests.support.day import make_member
from tests.support.hospital import NOON, TestHospital, TestPatient, make_hospital

pytestmark = pytest.mark.django_db
TEN = NOON + timedelta(hours=22)


@pytest.fixture
def hospital() -> TestHospital:
    return make_hospital()


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient("Maria Silva")


@pytest.fixture
def doctor(hospital: TestHospital) -> UUID:
    return make_member(hospital.id, "doctor", name="Dr Adeyemi").id


def booked(
    hospital: TestHospital,
    patient: TestPatient,
    doctor: UUID | None = None,
    *,
    starts_at: datetime = TEN,
    minutes: int = 20,
    key: str = "book",
) -> Appointment:
    return book(
        hospital.id,
        patient_id=patient.id,
        department="cardiology",
        starts_at=starts_at,
        minutes=minutes,
        practitioner_id=doctor,
        idempotency_key=key,
        actor=hospital.actor,
        at=NOON,
    )


def arrived(
    hospital: TestHospital, patient: TestPatient, appointment: Appointment, key: str = "in"
) -> CheckedIn:
    return check_in(
        hospital.id,
        patient_id=patient.id,
        department="cardiology",
        appointment_id=appointment.id,
        idempotency_key=key,
        actor=hospital.actor,
        at=TEN,
    )


def status_of(hospital: TestHospital, appointment: Appointment) -> str:
    with hospital.transaction():
        return Appointment.objects.get(id=appointment.id).status


def test_the_same_request_books_once(hospital: TestHospital, patient: TestPatient, doctor: UUID) -> None:
    first, again = booked(hospital, patient, doctor), booked(hospital, patient, doctor)
    assert first.id == again.id and first.practitioner == "Dr Adeyemi"
    with pytest.raises(IdempotencyMismatch):
        booked(hospital, patient, doctor, minutes=30)
    with hospital.transaction():
        assert AuditRecord.objects.filter(action="appointment.booked").count() == 1


@pytest.mark.parametrize(
    ("minutes_later", "fits"), [(-19, False), (-20, True), (0, False), (19, False), (20, True)]
)
def test_a_doctor_is_booked_once_at_a_time(
    hospital: TestHospital, patient: TestPatient, doctor: UUID, minutes_later: int, fits: bool
) -> None:
    booked(hospital, patient, doctor)
    starts_at = TEN + timedelta(minutes=minutes_later)
    if fits:
        assert booked(hospital, patient, doctor, starts_at=starts_at, key="other")
    else:
        with pytest.raises(Conflict, match="another appointment") as refused:
            booked(hospital, patient, doctor, starts_at=starts_at, key="other")
        assert refused.value.field == "starts_at"


def test_a_time_that_was_called_off_is_free_and_nobody_in_particular_is_never_taken(
    hospital: TestHospital, patient: TestPatient, doctor: UUID
) -> None:
    first = booked(hospital, patient, doctor)
    for _ in range(2):
        call_off(hospital.id, first.id, actor=hospital.actor, at=NOON)
    booked(hospital, patient, doctor, key="instead")
    booked(hospital, patient, key="a")
    booked(hospital, patient, key="b")


def test_an_appointment_is_moved_unless_the_doctor_is_taken_then(
    hospital: TestHospital, patient: TestPatient, doctor: UUID
) -> None:
    first = booked(hospital, patient, doctor)
    booked(hospital, patient, doctor, starts_at=TEN + timedelta(hours=1), key="second")

    def moved_to(starts_at: datetime) -> Appointment:
        return move(
            hospital.id,
            first.id,
            starts_at=starts_at,
            minutes=20,
            practitioner_id=doctor,
            actor=hospital.actor,
            at=NOON,
        )

    with pytest.raises(Conflict, match="another appointment"):
        moved_to(TEN + timedelta(minutes=50))
    assert moved_to(TEN + timedelta(minutes=10)).starts_at == TEN + timedelta(minutes=10)


def test_checking_in_makes_the_appointment_a_visit_once(hospital: TestHospital, patient: TestPatient) -> None:
    appointment = booked(hospital, patient)
    visit = arrived(hospital, patient, appointment)
    assert arrived(hospital, patient, appointment).encounter.id == visit.encounter.id
    assert status_of(hospital, appointment) == "arrived"
    with pytest.raises(Conflict, match="arrived"):
        arrived(hospital, patient, appointment, key="again")
    with pytest.raises(Conflict, match="arrived"):
        call_off(hospital.id, appointment.id, actor=hospital.actor, at=TEN)


def test_another_patients_or_a_cancelled_appointment_is_no_reason_to_come(
    hospital: TestHospital, patient: TestPatient
) -> None:
    appointment = booked(hospital, patient)
    with pytest.raises(Conflict, match="another patient"):
        arrived(hospital, hospital.patient("John Doe"), appointment)
    call_off(hospital.id, appointment.id, actor=hospital.actor, at=NOON)
    with pytest.raises(Conflict, match="cancelled"):
        arrived(hospital, patient, appointment)


def test_whoever_does_not_come_has_not_come_before_the_time(
    hospital: TestHospital, patient: TestPatient
) -> None:
    appointment = booked(hospital, patient)
    with pytest.raises(Conflict, match="later than now"):
        call_off(hospital.id, appointment.id, no_show=True, actor=hospital.actor, at=NOON)
    call_off(hospital.id, appointment.id, no_show=True, actor=hospital.actor, at=TEN)
    assert status_of(hospital, appointment) == "no_show"


def test_an_appointment_of_a_merged_record_is_the_survivors(
    hospital: TestHospital, patient: TestPatient
) -> None:
    double = hospital.patient("Maria Sylva")
    appointment = booked(hospital, double)
    merge_patients(hospital.id, duplicate_id=double.id, survivor_id=patient.id, actor=hospital.actor, at=NOON)
    assert arrived(hospital, double, appointment).encounter.patient_id == patient.id


@pytest.mark.parametrize(
    ("starts_at", "minutes", "field"),
    [
        (NOON - timedelta(minutes=1), 20, "starts_at"),
        (NOON + timedelta(days=731), 20, "starts_at"),
        (TEN, 4, "minutes"),
        (TEN, 481, "minutes"),
    ],
)
def test_a_time_that_cannot_be_is_refused_at_its_field(
    hospital: TestHospital, patient: TestPatient, starts_at: datetime, minutes: int, field: str
) -> None:
    with pytest.raises(DomainError) as refused:
        booked(hospital, patient, starts_at=starts_at, minutes=minutes)
    assert refused.value.field == field


def test_only_doctors_of_the_hospital_are_booked(hospital: TestHospital, patient: TestPatient) -> None:
    cashier = make_member(hospital.id, "cashier").id
    for nobody in (cashier, new_id()):
        with pytest.raises(NotFound, match="doctor"):
            booked(hospital, patient, nobody)
