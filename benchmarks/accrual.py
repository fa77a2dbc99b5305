"""A client's work for the nightly run: two hospitals with the same full beds, one charged by us, one by the floor."""

from __future__ import annotations

import resource
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.definitions import save_charge_definition
from almoner.hospitals.models import Department, Hospital, Ward
from almoner.kernel.actor import system
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import open_books
from almoner.service_points.ward.accrual import accrue_hospital
from benchmarks import floor

Block = tuple[list[float], float]
FIRST_DAY = date(2026, 3, 2)
DAILY_RULES = 8
ITEMS_OF_A_DAY = DAILY_RULES + 24
ACTOR = system("bench")
# Everything that a stay is made of, for p_beds patients in bed since the evening before the first day.
_LOAD = (
    (
        "INSERT INTO patients_patient (id, hospital_id, mrn, name, sex, phone, category, registered_at, source_id)"
        " SELECT gen_random_uuid(), %(hospital)s, 'A' || n, 'Patient ' || n, 'unknown', '', 'general', %(since)s, ''"
        " FROM generate_series(1, %(beds)s::int) AS n"
    ),
    (
        "INSERT INTO patients_patientaccount (id, hospital_id, patient_id, currency)"
        " SELECT gen_random_uuid(), hospital_id, id, 'USD' FROM patients_patient WHERE hospital_id = %(hospital)s"
    ),
    (
        "INSERT INTO patients_encounter (id, hospital_id, number, patient_id, department_id, encounter_class,"
        " visit_type, ward_type, reason, started_at, source_id)"
        " SELECT gen_random_uuid(), hospital_id, mrn, id, %(department)s, 'inpatient', 'first', 'general', '', %(since)s, ''"
        " FROM patients_patient WHERE hospital_id = %(hospital)s"
    ),
    (
        "INSERT INTO orders_admission (id, hospital_id, number, patient_id, encounter_id, priority, ordered_at,"
        " ordered_by, ward_id, request_type)"
        " SELECT gen_random_uuid(), hospital_id, number, patient_id, id, 'routine', %(since)s, 'bench', %(ward)s, 'first'"
        " FROM patients_encounter WHERE hospital_id = %(hospital)s"
    ),
    (
        "INSERT INTO charging_clinicalevent (id, hospital_id, kind, idempotency_key, content_hash, occurred_at,"
        " recorded_at, recorded_by, patient_id, encounter_id, department_id, order_id, body, after_discharge)"
        " SELECT gen_random_uuid(), hospital_id, 'ward.admitted', 'bench-' || number, '', %(since)s, %(since)s, 'bench',"
        " patient_id, encounter_id, %(department)s, id, '{}', false FROM orders_admission WHERE hospital_id = %(hospital)s"
    ),
    (
        "INSERT INTO hospitals_bed (id, hospital_id, ward_id, code, is_active)"
        " SELECT gen_random_uuid(), %(hospital)s, %(ward)s, n, true FROM generate_series(1, %(beds)s::int) AS n"
    ),
    (
        "INSERT INTO ward_bedstay (id, hospital_id, admission_id, bed_id, started_at, assigned_by, reason)"
        " SELECT gen_random_uuid(), %(hospital)s, admission.id, bed.id, %(since)s, 'bench', ''"
        " FROM (SELECT id, row_number() OVER () AS n FROM orders_admission WHERE hospital_id = %(hospital)s) AS admission"
        " JOIN (SELECT id, row_number() OVER () AS n FROM hospitals_bed WHERE hospital_id = %(hospital)s) AS bed USING (n)"
    ),
)


class Desk:
    """Who runs the nights: the next day of each hospital, and where the floor writes."""

    def __init__(self, number: int) -> None:
        self.hospitals: dict[str, dict[str, Any]] = {}
        self.days = {"ours": 0, "floor": 0}

    def next_day(self, side: str) -> date:
        self.days[side] += 1
        return FIRST_DAY + timedelta(days=self.days[side])


def prepare(desk: Desk, beds: int) -> None:
    """Two hospitals with ``beds`` patients each, charged up to the end of the first day by a run of ours."""
    for side in ("ours", "floor"):
        desk.hospitals[side] = _hospital(f"nights-{side}", beds)
        until = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(hours=23, minutes=59)
        accrue_hospital(desk.hospitals[side]["hospital"], until=until, actor=ACTOR, at=until)


def _hospital(slug: str, beds: int) -> dict[str, Any]:
    hospital = Hospital.objects.create(slug=slug, name=slug, currency="USD", time_zone="UTC")
    since = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) - timedelta(hours=2)
    with transaction(hospital.id):
        open_books()
        department = Department.objects.create(
            hospital_id=hospital.id, code="inpatient", name="I", kind="ward"
        )
        ward = Ward.objects.create(
            hospital_id=hospital.id, code="ward", name="W", ward_type="general", department=department
        )
        given = {"hospital": hospital.id, "department": department.id, "ward": ward.id}
        with connection.cursor() as cursor:
            for statement in _LOAD:
                cursor.execute(statement, {**given, "beds": beds, "since": since})
    rates = {f"day_{number}": ("daily", 1000 * number) for number in range(1, DAILY_RULES + 1)}
    for code, (billing_type, rate) in {**rates, "hour": ("hourly", 4500)}.items():
        terms = DefinitionTerms(
            code=code,
            service=code,
            service_name=code,
            billing_type=billing_type,
            rate_minor=rate,
            starts_on=FIRST_DAY - timedelta(days=30),
        )
        save_charge_definition(hospital.id, terms, actor=ACTOR, at=since)
    return given


def ours(desk: Desk) -> Block:
    """The next night of our hospital; one call."""
    day = desk.next_day("ours")
    until = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=23, minutes=59)
    started = time.perf_counter()
    run = accrue_hospital(desk.hospitals["ours"]["hospital"], until=until, actor=ACTOR, at=until)
    elapsed = time.perf_counter() - started
    assert not run.failed and run.charges == run.stays * ITEMS_OF_A_DAY, run
    return [elapsed], elapsed


def by_hand(desk: Desk) -> Block:
    """The same night of the other hospital, in one statement."""
    day = desk.next_day("floor")
    given = desk.hospitals["floor"]
    hospital_id: UUID = given["hospital"]
    values = {**given, "day": datetime.combine(day, datetime.min.time(), UTC)}
    started = time.perf_counter()
    with transaction(hospital_id), connection.cursor() as cursor:
        cursor.execute(floor.statement("accrue"), {**values, "at": values["day"]})
    elapsed = time.perf_counter() - started
    return [elapsed], elapsed


def peak_megabytes(desk: Desk) -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
