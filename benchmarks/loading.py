"""Two hospitals with years of visits behind them, loaded through the same operations as everything else.

A visit is one encounter with one event, three charges and six postings; four in five are paid in full
(one payment, three allocations, four postings more). So the books are true, and ``almoner verify`` can
say so afterwards. Money in minor units of USD.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F

from almoner.catalog.models import Service, TariffLine
from almoner.charging.models import ChargeRule
from almoner.charging.operations import capture_batch
from almoner.charging.rules import Event, EventLine
from almoner.enforcement.models import PaymentPolicy
from almoner.hospitals.models import Department, Hospital
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import open_books
from almoner.payments.operations import ensure_cash_point

HOSPITALS = ("bench-north", "bench-south")
DEPARTMENT = "bench-clinic"
EVENT_KIND = "service.provided"
STEP = "consultation.start"
SERVICES = tuple(f"service_{number:02d}" for number in range(24))
CASH_POINTS = 16
LINES = 3
VISITS_OF_A_PATIENT = 5
POSTINGS_OF_A_VISIT = 2 * LINES + (LINES + 1) * (VISITS_OF_A_PATIENT - 1) / VISITS_OF_A_PATIENT
CHUNK = 1000
ACTOR = system("bench")


@dataclass(frozen=True, slots=True)
class History:
    """What was loaded: charges of a visit, visits of a patient, ``hours`` until a visit ended (0: it did not).

    Every fifth visit stays unpaid.
    """

    lines: int = LINES
    visits_of_a_patient: int = VISITS_OF_A_PATIENT
    hours: int = 0


YEARS = History()


def price_minor(number: int) -> int:
    """What ``service_<number>`` costs."""
    return 1500 + 250 * number


def services_of(visit: int, lines: int = LINES) -> tuple[str, ...]:
    """The services of a visit; every visit has others than the one before."""
    return tuple(SERVICES[(visit * lines + line) % len(SERVICES)] for line in range(lines))


def make_hospital(slug: str) -> UUID:
    """A hospital with open books that offers what visits need; strict."""
    hospital = Hospital.objects.create(
        slug=slug,
        name=slug,
        currency="USD",
        time_zone="America/New_York",
        second_factor=Hospital.SecondFactor.OFFERED,
    )
    with transaction(hospital.id):
        open_books()
        ChargeRule.objects.create(
            hospital_id=hospital.id,
            code="service_provided",
            event_kind=EVENT_KIND,
            per_line=True,
            required_at=[STEP],
        )
        PaymentPolicy.objects.create(
            hospital_id=hospital.id,
            scope="hospital",
            settings={"payment_enforcement": {"global_policy": "strict"}},
        )
    offer(hospital.id)
    return hospital.id


def offer(hospital_id: UUID) -> None:
    """Have the hospital offer what visits need: a department, 24 priced services, 16 cash points."""
    with transaction(hospital_id):
        Department.objects.create(
            hospital_id=hospital_id, code=DEPARTMENT, name="Clinic", kind=Department.Kind.SPECIALIST
        )
        for number in range(CASH_POINTS):
            ensure_cash_point(f"desk-{number}", f"Desk {number}")
        services = Service.objects.bulk_create(
            Service(hospital_id=hospital_id, code=code, name=code, kind=Service.Kind.PROCEDURE)
            for code in SERVICES
        )
        TariffLine.objects.bulk_create(
            TariffLine(
                hospital_id=hospital_id,
                service_id=service.id,
                price_minor=price_minor(number),
                starts_on="2020-01-01",
            )
            for number, service in enumerate(services)
        )
        Hospital.objects.filter(id=hospital_id).update(configuration_version=F("configuration_version") + 1)


def visits_for(postings: int) -> int:
    """How many visits of one hospital (whole patients) make ``postings`` in all hospitals together."""
    patients = postings / len(HOSPITALS) / POSTINGS_OF_A_VISIT / VISITS_OF_A_PATIENT
    return math.ceil(patients) * VISITS_OF_A_PATIENT


def load(slug: str, visits: int, report: Callable[[int], None]) -> None:
    """Add visits to the hospital until it has ``visits``; ``report`` hears how many were added."""
    hospital_id = Hospital.objects.get(slug=slug).id
    with transaction(hospital_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM patients_encounter")
        done = cursor.fetchone()[0]
    load_visits(hospital_id, done, visits, at=now().replace(microsecond=0), report=report)


def load_visits(
    hospital_id: UUID,
    first: int,
    end: int,
    *,
    at: datetime,
    history: History = YEARS,
    report: Callable[[int], None] = lambda added: None,
) -> None:
    """Add the visits from number ``first`` up to ``end`` in the year before ``at``, with their patients,
    charges and payments."""
    for start in range(first, end, CHUNK):
        count = min(CHUNK, end - start)
        _load_chunk(hospital_id, start, count, at, history)
        report(count)


def _load_chunk(hospital_id: UUID, start: int, count: int, at: datetime, history: History) -> None:
    with transaction(hospital_id):
        _add_encounters(hospital_id, start, count, at, history)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, started_at FROM patients_encounter WHERE number >= %s AND number < %s "
                "ORDER BY number",
                [f"B{start:08d}", f"B{start + count:08d}"],
            )
            encounters = cursor.fetchall()
        events = [
            Event(
                kind=EVENT_KIND,
                idempotency_key=f"load-{start + offset}",
                occurred_at=started_at.astimezone(UTC) + timedelta(minutes=10),
                encounter_id=encounter_id,
                lines=tuple(EventLine(service) for service in services_of(start + offset, history.lines)),
            )
            for offset, (encounter_id, started_at) in enumerate(encounters)
        ]
        capture_batch(hospital_id, events, actor=ACTOR, at=at, historical=True)
        _pay(hospital_id, start, count)


def _add_encounters(hospital_id: UUID, start: int, count: int, at: datetime, history: History) -> None:
    """Visits ``start`` to ``start + count``, and the patients who come for the first time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO patients_patient (id, hospital_id, mrn, name, sex, phone, category, registered_at, source_id)"
            " SELECT gen_random_uuid(), %s, 'B' || to_char(n, 'FM00000000'), 'Patient ' || n, 'unknown', '',"
            "        'general', %s::timestamptz - interval '400 days', ''"
            " FROM generate_series(%s::int, %s::int, %s::int) AS n",
            [hospital_id, at, start, start + count - 1, history.visits_of_a_patient],
        )
        cursor.execute(
            "INSERT INTO patients_patientaccount (id, hospital_id, patient_id, currency)"
            " SELECT gen_random_uuid(), hospital_id, id, 'USD' FROM patients_patient"
            " WHERE hospital_id = %s AND mrn >= %s AND mrn < %s",
            [hospital_id, f"B{start:08d}", f"B{start + count:08d}"],
        )
        cursor.execute(
            "INSERT INTO patients_encounter (id, hospital_id, number, patient_id, department_id, encounter_class,"
            "   visit_type, ward_type, reason, started_at, ended_at, source_id)"
            " SELECT gen_random_uuid(), p.hospital_id, 'B' || to_char(n, 'FM00000000'), p.id, d.id, 'ambulatory',"
            "   'first', '', '', began.at, began.at + make_interval(hours => nullif(%s::int, 0)), ''"
            " FROM generate_series(%s::int, %s::int) AS n"
            " CROSS JOIN LATERAL ("
            "   SELECT %s::timestamptz - make_interval(mins => (n * 7919 %% 525600) + 60) AS at) AS began"
            " JOIN patients_patient AS p ON p.hospital_id = %s AND p.mrn = 'B' || to_char(n - n %% %s::int, 'FM00000000')"
            " JOIN hospitals_department AS d ON d.hospital_id = p.hospital_id AND d.code = %s",
            [
                history.hours,
                start,
                start + count - 1,
                at,
                hospital_id,
                history.visits_of_a_patient,
                DEPARTMENT,
            ],
        )


def _pay(hospital_id: UUID, start: int, count: int) -> None:
    """Pay four in five of the visits in full, through the function behind ``record_payment``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ("
            "  SELECT payments_record(e.hospital_id, json_build_object("
            "    'id', gen_random_uuid(), 'entry_id', gen_random_uuid(), 'patient_account_id', a.id,"
            "    'encounter_id', e.id, 'method', 'cash', 'tenders', json_build_array(json_build_object("
            "      'method', 'cash', 'account_code', 'cash_drawer', 'tendered_minor', due.minor, 'change_minor', 0,"
            "      'amount_minor', due.minor, 'reference', '')),"
            "    'tendered_minor', due.minor, 'change_minor', 0, 'amount_minor', due.minor, 'currency', 'USD',"
            "    'reference', '', 'cash_point', desk.code, 'receipt_series', upper(desk.code),"
            "    'receipt_year', extract(year FROM e.started_at), 'received_at', e.started_at + interval '30 minutes',"
            "    'recorded_at', e.started_at + interval '30 minutes', 'received_by', 'system:bench',"
            "    'idempotency_key', 'load-' || e.number,"
            "    'content_hash', encode(sha256(e.number::bytea), 'hex'), 'side', 'patient', 'excess', 'refuse'), NULL)"
            "  FROM patients_encounter AS e"
            "  JOIN patients_patientaccount AS a ON a.hospital_id = e.hospital_id AND a.patient_id = e.patient_id"
            "  CROSS JOIN LATERAL (SELECT 'desk-' || right(e.number, 4)::int %% %s AS code) AS desk"
            "  JOIN LATERAL (SELECT sum(net_minor) AS minor FROM charging_chargeitem AS i"
            "    WHERE i.hospital_id = e.hospital_id AND i.encounter_id = e.id) AS due ON true"
            "  WHERE e.hospital_id = %s AND e.number >= %s AND e.number < %s"
            "    AND right(e.number, 4)::int %% %s < %s"
            # The series in one order, or two loaders wait for each other.
            "  ORDER BY desk.code, extract(year FROM e.started_at), e.number"
            "  OFFSET 0) AS paid",
            [
                CASH_POINTS,
                hospital_id,
                f"B{start:08d}",
                f"B{start + count:08d}",
                VISITS_OF_A_PATIENT,
                VISITS_OF_A_PATIENT - 1,
            ],
        )
