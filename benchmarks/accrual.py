"""A client's work for the nightly run: two hospitals with the same full beds, one charged by us, one by the floor."""

from __future__ import annotations

import resource
import time
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.definitions import save_charge_definition
from almoner.hospitals.models import Department, Hospital, Ward
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import open_books
from almoner.patients.models import PatientAccount
from almoner.payments.operations import ensure_cash_point, record_payment
from almoner.service_points.ward.accrual import accrue_hospital
from benchmarks import floor

Block = tuple[list[float], float]
FIRST_DAY = date(2026, 3, 2)
DAILY_RULES = 8
ITEMS_OF_A_DAY = DAILY_RULES + 24
ACTOR = system("bench")
CASH_POINT = "desk"
RATE_MINOR = 1000
PAYMENTS_A_SECOND = 50
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
    """Who runs the nights: the next day of each hospital, and where the floor writes. Who pays in a night has another."""

    def __init__(self, number: int) -> None:
        self.hospitals: dict[str, dict[str, Any]] = {}
        self.days = {"ours": 0, "floor": 0}
        self.chance = Random(number)

    @cached_property
    def payers(self) -> list[UUID]:
        """The accounts of everybody in a bed of our hospital."""
        with transaction(Hospital.objects.get(slug=slug_of("ours")).id):
            return list(PatientAccount.objects.order_by("id").values_list("id", flat=True))

    def next_day(self, side: str) -> date:
        self.days[side] += 1
        return FIRST_DAY + timedelta(days=self.days[side])


def prepare(desk: Desk, beds: int) -> None:
    """Two hospitals with ``beds`` patients each, charged up to the end of the first day by a run of ours."""
    for side in ("ours", "floor"):
        desk.hospitals[side] = _hospital(slug_of(side), beds)
        until = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(hours=23, minutes=59)
        accrue_hospital(desk.hospitals[side]["hospital"], until=until, actor=ACTOR, at=until)


def slug_of(side: str) -> str:
    """The hospital that is charged by ``side``, ours or the floor."""
    return f"nights-{side}"


def _hospital(slug: str, beds: int) -> dict[str, Any]:
    hospital = Hospital.objects.create(slug=slug, name=slug, currency="USD", time_zone="UTC")
    since = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) - timedelta(hours=2)
    with transaction(hospital.id):
        open_books()
        ensure_cash_point(CASH_POINT, CASH_POINT)
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
    rates = {f"day_{number}": ("daily", RATE_MINOR * number) for number in range(1, DAILY_RULES + 1)}
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


def pay(desk: Desk, seconds: float) -> Block:
    """Payments of one charge each by people in a bed, ``PAYMENTS_A_SECOND``, while somebody else charges the night."""
    hospital = Hospital.objects.get(slug=slug_of("ours"))
    began, took = time.perf_counter(), []
    for number in range(int(seconds * PAYMENTS_A_SECOND)):
        time.sleep(max(0.0, began + number / PAYMENTS_A_SECOND - time.perf_counter()))
        account_id, at = desk.chance.choice(desk.payers), now()
        started = time.perf_counter()
        record_payment(
            hospital.id,
            patient_account_id=account_id,
            method="card",
            amount_minor=RATE_MINOR,
            currency=hospital.currency,
            cash_point=CASH_POINT,
            idempotency_key=str(new_id()),
            actor=ACTOR,
            at=at,
            time_zone=hospital.time_zone,
        )
        took.append(time.perf_counter() - started)
    return took, sum(took)


def peak_megabytes(desk: Desk) -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
