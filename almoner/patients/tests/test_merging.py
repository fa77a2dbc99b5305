"""Two records of one person: what the surviving one takes over."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from almoner.kernel.errors import Conflict
from almoner.patients.merging import merge_patients
from almoner.patients.models import Coverage, Encounter, Patient, PatientAccount
from almoner.patients.operations import add_coverage, surviving
from tests.support.hospital import NOON, TestHospital, TestPatient, make_hospital

pytestmark = pytest.mark.django_db


def _merge(hospital: TestHospital, duplicate: TestPatient, survivor: TestPatient) -> Patient:
    return merge_patients(
        hospital.id, duplicate_id=duplicate.id, survivor_id=survivor.id, actor=hospital.actor, at=NOON
    )


def _cover(hospital: TestHospital, patient: TestPatient, starts_on: date, priority: int = 1) -> None:
    add_coverage(
        hospital.id,
        patient_id=patient.id,
        payer="acme",
        starts_on=starts_on,
        priority=priority,
        actor=hospital.actor,
    )


def _coverages(patient_id: UUID) -> list[tuple[date, int]]:
    rows = Coverage.objects.filter(patient_id=patient_id).order_by("starts_on", "priority")
    return list(rows.values_list("starts_on", "priority"))


def test_accounts_and_visits_follow_the_surviving_record() -> None:
    hospital = make_hospital()
    survivor, duplicate = hospital.patient("Ada Byron"), hospital.patient("Ada Biron")
    visit = hospital.encounter(duplicate)
    _merge(hospital, duplicate, survivor)
    with hospital.transaction():
        assert surviving(duplicate.id).id == survivor.id
        assert Encounter.objects.get(id=visit.id).patient_id == survivor.id
        assert PatientAccount.objects.filter(patient_id=survivor.id).count() == 2


def test_a_coverage_that_both_records_have_is_kept_once_and_others_follow() -> None:
    hospital = make_hospital()
    survivor, duplicate = hospital.patient("Ada Byron"), hospital.patient("Ada Biron")
    this_year, last_year = date(2026, 1, 1), date(2025, 1, 1)
    for patient in (survivor, duplicate):
        _cover(hospital, patient, this_year)
    _cover(hospital, duplicate, last_year)
    _cover(hospital, duplicate, this_year, priority=2)
    _merge(hospital, duplicate, survivor)
    with hospital.transaction():
        assert _coverages(survivor.id) == [(last_year, 1), (this_year, 1), (this_year, 2)]


def test_a_record_is_merged_once() -> None:
    hospital = make_hospital()
    survivor, duplicate = hospital.patient("Ada Byron"), hospital.patient("Ada Biron")
    _merge(hospital, duplicate, survivor)
    with pytest.raises(Conflict, match="merged already"):
        _merge(hospital, duplicate, survivor)
    with pytest.raises(Conflict, match="merged already"):
        _merge(hospital, survivor, survivor)
