"""A patient moves to another bed: one occupancy ends where the next begins, whoever comes at the same time."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from almoner.charging.models import ClinicalEvent
from almoner.hospitals.models import Bed, Department, Ward
from almoner.identity.models import AuditRecord
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.orders.operations import admit
from almoner.patients.models import Encounter
from almoner.service_points.ward import operations
from almoner.service_points.ward.models import BedStay
from almoner.service_points.ward.transfers import Transferred, transfer
from tests.support.hospital import NOON, TestHospital, enforce, make_hospital

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=5)


@pytest.fixture
def hospital() -> TestHospital:
    """A general ward with beds 1 and 2, and an intensive care unit with bed A."""
    hospital = make_hospital()
    enforce(hospital, "department", "inpatient", payment_enforcement="none")
    with hospital.transaction():
        icu = Ward.objects.create(
            hospital_id=hospital.id,
            code="icu",
            name="Intensive care",
            ward_type="icu",
            department=Department.objects.get(code="inpatient"),
        )
        Bed.objects.create(hospital_id=hospital.id, ward=icu, code="A")
    return hospital


def lying(hospital: TestHospital, bed: str, name: str = "John Doe") -> UUID:
    """The admission of a patient who has lain in ``bed`` since noon."""
    encounter = hospital.encounter(hospital.patient(name), "inpatient", encounter_class="inpatient")
    admission = admit(
        hospital.id,
        encounter_id=encounter.id,
        ward="general_ward",
        idempotency_key=f"admit-{name}",
        actor=hospital.actor,
        at=NOON,
    ).order
    operations.assign_bed(
        hospital.id, admission.id, bed_id=bed_of(hospital, bed), actor=hospital.actor, at=NOON
    )
    return admission.id


def bed_of(hospital: TestHospital, code: str) -> UUID:
    with hospital.transaction():
        return Bed.objects.get(code=code).id


def move(
    hospital: TestHospital,
    admission_id: UUID,
    bed: str,
    *,
    key: str = "move",
    at: datetime = LATER,
    moved_at: datetime | None = None,
) -> Transferred:
    return transfer(
        hospital.id,
        admission_id,
        bed_id=bed_of(hospital, bed),
        idempotency_key=key,
        actor=hospital.actor,
        at=at,
        moved_at=moved_at,
        reason="Needs monitoring",
    )


def periods(hospital: TestHospital, admission_id: UUID) -> list[tuple[str, datetime, datetime | None]]:
    with hospital.transaction():
        rows = BedStay.objects.filter(admission_id=admission_id).order_by("started_at")
        return [(row.bed.code, row.started_at, row.ended_at) for row in rows.select_related("bed")]


def test_one_occupancy_ends_where_the_next_begins_and_the_new_wards_class_counts_from_then(
    hospital: TestHospital,
) -> None:
    admission = lying(hospital, "1")
    moved = move(hospital, admission, "A")
    assert periods(hospital, admission) == [("1", NOON, LATER), ("A", LATER, None)]
    with hospital.transaction():
        event = ClinicalEvent.objects.get(kind="patient.transferred")
        assert (event.id, event.occurred_at) == (moved.captured.event_id, LATER)
        assert Encounter.objects.get(id=event.encounter_id).ward_type == "icu"
        entry = AuditRecord.objects.get(action="patient.transferred")
    assert entry.data["from_bed"] == "1" and entry.data["to_ward"] == "icu"
    assert entry.data["reason"] == "Needs monitoring" and entry.data["backdated"] is False


def test_the_bed_that_was_left_is_free_at_once(hospital: TestHospital) -> None:
    move(hospital, lying(hospital, "1"), "A")
    other = lying(hospital, "2", "Jane Smith")
    assert move(hospital, other, "1", key="other").stay.bed.code == "1"


def test_a_bed_taken_meanwhile_is_said_and_the_patient_stays_where_they_are(hospital: TestHospital) -> None:
    admission = lying(hospital, "1")
    lying(hospital, "2", "Jane Smith")
    with pytest.raises(Conflict, match="taken meanwhile"):
        move(hospital, admission, "2")
    assert periods(hospital, admission) == [("1", NOON, None)]


def test_the_same_request_twice_moves_once_and_another_under_its_key_is_refused(
    hospital: TestHospital,
) -> None:
    admission = lying(hospital, "1")
    first = move(hospital, admission, "A")
    again = move(hospital, admission, "A", at=LATER + timedelta(minutes=1))
    assert again.captured.replayed and again.stay.id == first.stay.id
    assert len(periods(hospital, admission)) == 2
    with pytest.raises(IdempotencyMismatch):
        move(hospital, admission, "2")


def test_what_happened_earlier_is_recorded_as_it_happened_by_who_may(hospital: TestHospital) -> None:
    admission = lying(hospital, "1")
    happened = NOON + timedelta(hours=1)
    move(hospital, admission, "A", moved_at=happened)
    assert periods(hospital, admission) == [("1", NOON, happened), ("A", happened, None)]
    nurse = operations.Actor("user:n@example.org", frozenset({"ward.assign_bed", "charging.capture"}))
    with pytest.raises(PermissionRefused):
        transfer(
            hospital.id,
            admission,
            bed_id=bed_of(hospital, "2"),
            idempotency_key="again",
            actor=nurse,
            at=LATER,
            moved_at=LATER - timedelta(minutes=5),
        )


@pytest.mark.parametrize("hours", [-1, 0, 6])
def test_a_time_outside_of_the_present_occupancy_is_refused(hospital: TestHospital, hours: int) -> None:
    admission = lying(hospital, "1")
    with pytest.raises(DomainError) as refused:
        move(hospital, admission, "A", moved_at=NOON + timedelta(hours=hours))
    assert refused.value.field == "moved_at"
    assert periods(hospital, admission) == [("1", NOON, None)]


def test_nobody_is_moved_into_a_bed_where_somebody_lay_at_that_time(hospital: TestHospital) -> None:
    other = lying(hospital, "2", "Jane Smith")
    move(hospital, other, "A", at=NOON + timedelta(hours=3))
    admission = lying(hospital, "1")
    with pytest.raises(Conflict, match="at that time"):
        move(hospital, admission, "2", key="late", moved_at=NOON + timedelta(hours=2))
    assert move(hospital, admission, "2", key="later", moved_at=NOON + timedelta(hours=3)).stay


def test_who_lies_nowhere_or_there_already_is_not_moved(hospital: TestHospital) -> None:
    admission = lying(hospital, "1")
    with pytest.raises(Conflict, match="already"):
        move(hospital, admission, "1")
    with pytest.raises(NotFound):
        transfer(hospital.id, admission, bed_id=new_id(), idempotency_key="k", actor=hospital.actor, at=LATER)
    operations.discharge_with_exception(
        hospital.id, admission, exception="Leaves", actor=hospital.actor, at=LATER
    )
    with pytest.raises(Conflict, match="discharged"):
        move(hospital, admission, "A")


@pytest.mark.parametrize("bed", ["1", "A"])
def test_the_database_refuses_occupancies_that_overlap(hospital: TestHospital, bed: str) -> None:
    """Of a bed (another patient, earlier) and of an admission (another bed, earlier)."""
    admission = lying(hospital, "1")
    stay = BedStay(
        hospital_id=hospital.id,
        admission_id=admission if bed == "A" else lying(hospital, "2", "Jane Smith"),
        bed_id=bed_of(hospital, bed),
        started_at=NOON - timedelta(hours=1),
        ended_at=NOON + timedelta(minutes=1),
        assigned_by="test",
    )
    with (
        hospital.transaction(),
        pytest.raises(IntegrityError, match="do_not_overlap"),
        transaction.atomic(),
    ):
        stay.save(force_insert=True)
