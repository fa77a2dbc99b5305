"""What the doctor sees: who waits, and everything about one visit that the consultation needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.catalog.models import Service
from almoner.charging.queries import preview, services_of
from almoner.charging.rules import Event, EventLine
from almoner.hospitals.models import Department, Hospital
from almoner.kernel.money import Money
from almoner.kernel.tenancy import require_transaction
from almoner.service_points.consultation.models import ConsultationNote

MAXIMUM_QUEUE = 40
OPEN_FOR = timedelta(hours=36)
CONSULTS = (Department.Kind.GENERAL, Department.Kind.SPECIALIST, Department.Kind.EMERGENCY)
REFERRED_TO = (*CONSULTS, Department.Kind.DIAGNOSTIC)
PROVIDED = (Service.Kind.PROCEDURE, Service.Kind.OTHER, Service.Kind.CONSULTATION)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A visit in the queue: waiting, in (the consultation started), or seen (it ended)."""

    encounter_id: UUID
    number: str
    encounter_class: str
    triage_level: int | None
    visit_type: str
    reason: str
    started_at: datetime
    patient_id: UUID
    patient_name: str
    mrn: str
    birth_date: Any
    sex: str
    department: str
    token: int | None
    called_at: datetime | None
    consultation_started_at: datetime | None
    consultation_started_by: str
    consultation_ended_at: datetime | None

    @property
    def state(self) -> str:
        if self.consultation_ended_at is not None:
            return "seen"
        return "in" if self.consultation_started_at is not None else "waiting"


_QUEUE = """
SELECT encounter.id, encounter.number, encounter.encounter_class, encounter.triage_level,
       encounter.visit_type, encounter.reason, encounter.started_at,
       patient.id, patient.name, patient.mrn, patient.birth_date, patient.sex, department.name,
       token.number, token.called_at,
       consultation.started_at, coalesce(consultation.started_by, ''), consultation.ended_at
FROM patients_encounter AS encounter
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = encounter.patient_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
LEFT JOIN scheduling_queuetoken AS token
    ON token.hospital_id = %(hospital)s AND token.encounter_id = encounter.id
LEFT JOIN consultation_consultation AS consultation
    ON consultation.hospital_id = %(hospital)s AND consultation.encounter_id = encounter.id
WHERE encounter.hospital_id = %(hospital)s AND encounter.ended_at IS NULL
  AND encounter.started_at > %(since)s AND encounter.started_at <= %(at)s
  AND encounter.encounter_class <> 'inpatient'
  AND department.kind = ANY (%(kinds)s::varchar[])
  AND (%(department)s::varchar = '' OR department.code = %(department)s::varchar)
ORDER BY consultation.ended_at IS NOT NULL,
         consultation.started_at IS NULL,
         coalesce(encounter.triage_level, 6) > 2,
         coalesce(encounter.triage_level, 6) * (encounter.encounter_class = 'emergency')::int,
         token.number NULLS LAST, encounter.started_at, encounter.id
LIMIT %(limit)s
"""


def queue(department: str, *, at: datetime, limit: int = MAXIMUM_QUEUE) -> list[Waiting]:
    """Open visits of the last day and a half, of ``department`` (its code; all of them when empty); one statement.

    Those in consultation first, then critical triage, then by triage in an emergency, else by token and time;
    those who were seen last.
    """
    parameters: dict[str, Any] = {
        "hospital": require_transaction(),
        "since": at - OPEN_FOR,
        "at": at,
        "kinds": list(CONSULTS),
        "department": department,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, parameters)
        return [Waiting(*row) for row in cursor.fetchall()]


def consulting_departments() -> list[tuple[str, str]]:
    """Code and name of the departments where doctors see patients, by name; one statement."""
    departments = Department.objects.filter(is_active=True, kind__in=CONSULTS)
    return list(departments.order_by("name").values_list("code", "name"))


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was noted, found, ordered or provided in the visit. ``kind``: note, diagnosis, tests, ..."""

    kind: str
    id: UUID
    title: str
    text: str
    at: datetime
    by: str
    state: str


_COURSE = """
(SELECT 'note', note.id, '', note.text, note.written_at, note.written_by,
        CASE WHEN note.replaces_id IS NULL THEN '' ELSE 'corrected' END
 FROM consultation_consultationnote AS note
 JOIN consultation_consultation AS consultation
     ON consultation.hospital_id = %(hospital)s AND consultation.id = note.consultation_id
 WHERE note.hospital_id = %(hospital)s AND consultation.encounter_id = %(encounter)s
   AND NOT EXISTS (SELECT FROM consultation_consultationnote AS later
                   WHERE later.hospital_id = %(hospital)s AND later.replaces_id = note.id))
UNION ALL
(SELECT 'diagnosis', d.id, d.code, d.text, d.recorded_at, d.recorded_by,
        CASE WHEN d.withdrawn_at IS NULL THEN '' ELSE 'withdrawn' END
 FROM patients_diagnosis AS d
 WHERE %(diagnoses)s AND d.hospital_id = %(hospital)s AND d.encounter_id = %(encounter)s)
UNION ALL
(SELECT 'tests', o.id, o.number,
        (SELECT string_agg(s.name, ', ' ORDER BY l.line) FROM orders_testorderline AS l
         JOIN catalog_service AS s ON s.hospital_id = %(hospital)s AND s.id = l.service_id
         WHERE l.hospital_id = %(hospital)s AND l.order_id = o.id),
        o.ordered_at, o.ordered_by,
        CASE WHEN o.cancelled_at IS NOT NULL THEN 'cancelled' WHEN o.completed_at IS NOT NULL THEN 'completed'
             WHEN o.started_at IS NOT NULL THEN 'delivered' ELSE 'ordered' END
 FROM orders_testorder AS o
 WHERE o.hospital_id = %(hospital)s AND o.encounter_id = %(encounter)s)
UNION ALL
(SELECT 'medication', o.id, o.number,
        (SELECT string_agg(s.name || ' × ' || trim_scale(l.quantity), ', ' ORDER BY l.line)
         FROM orders_prescriptionline AS l
         JOIN catalog_service AS s ON s.hospital_id = %(hospital)s AND s.id = l.service_id
         WHERE l.hospital_id = %(hospital)s AND l.prescription_id = o.id),
        o.ordered_at, o.ordered_by, CASE WHEN o.cancelled_at IS NOT NULL THEN 'cancelled' ELSE 'ordered' END
 FROM orders_prescription AS o
 WHERE o.hospital_id = %(hospital)s AND o.encounter_id = %(encounter)s)
UNION ALL
(SELECT 'admission', o.id, o.number, w.name, o.ordered_at, o.ordered_by,
        CASE WHEN o.cancelled_at IS NOT NULL THEN 'cancelled' WHEN o.discharged_at IS NOT NULL THEN 'discharged'
             ELSE 'ordered' END
 FROM orders_admission AS o
 JOIN hospitals_ward AS w ON w.hospital_id = %(hospital)s AND w.id = o.ward_id
 WHERE o.hospital_id = %(hospital)s AND o.encounter_id = %(encounter)s)
UNION ALL
(SELECT 'referral', o.id, o.number, coalesce(d.name, o.outside) || ': ' || o.text, o.ordered_at, o.ordered_by,
        CASE WHEN o.cancelled_at IS NOT NULL THEN 'cancelled' WHEN o.visit_id IS NOT NULL THEN 'followed'
             ELSE 'ordered' END
 FROM orders_referral AS o
 LEFT JOIN hospitals_department AS d ON d.hospital_id = %(hospital)s AND d.id = o.department_id
 WHERE o.hospital_id = %(hospital)s AND o.encounter_id = %(encounter)s)
UNION ALL
(SELECT 'provided', e.id, '',
        (SELECT string_agg(s.name || CASE WHEN i.quantity = 1 THEN '' ELSE ' × ' || trim_scale(i.quantity) END, ', '
                           ORDER BY i.line)
         FROM charging_chargeitem AS i
         JOIN catalog_service AS s ON s.hospital_id = %(hospital)s AND s.id = i.service_id
         WHERE i.hospital_id = %(hospital)s AND i.event_id = e.id),
        e.recorded_at, e.recorded_by, 'delivered'
 FROM charging_clinicalevent AS e
 WHERE e.hospital_id = %(hospital)s AND e.encounter_id = %(encounter)s AND e.kind = 'service.provided')
ORDER BY 5 DESC, 2 DESC
"""


def course(encounter_id: UUID, *, diagnoses: bool) -> list[Line]:
    """What was noted, found (with ``diagnoses``), ordered and provided in a visit, the latest first; one statement.

    Of a note the version that stands.
    """
    values: dict[str, Any] = {
        "hospital": require_transaction(),
        "encounter": encounter_id,
        "diagnoses": diagnoses,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COURSE, values)
        return [Line(*row) for row in cursor.fetchall()]


_VERSIONS = """
WITH RECURSIVE version AS (
    SELECT note.* FROM consultation_consultationnote AS note
    WHERE note.hospital_id = %(hospital)s AND note.id = %(note)s
    UNION ALL
    SELECT note.* FROM consultation_consultationnote AS note
    JOIN version ON note.hospital_id = %(hospital)s AND note.id = version.replaces_id
)
SELECT * FROM version
"""


def note_versions(note_id: UUID) -> list[ConsultationNote]:
    """A version of a note and those before it, the latest first; one statement. Empty when there is none."""
    return list(ConsultationNote.objects.raw(_VERSIONS, {"hospital": require_transaction(), "note": note_id}))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a doctor can order: services by kind (code and name, of tests with their price too), wards, and where to refer."""

    tests: list[tuple[str, str]]
    medications: list[tuple[str, str]]
    services: list[tuple[str, str]]
    wards: list[tuple[str, str]]
    departments: list[tuple[str, str]]


_PLACES = """
SELECT true, code, name FROM hospitals_ward WHERE hospital_id = %(hospital)s AND is_active
UNION ALL
SELECT false, code, name FROM hospitals_department
WHERE hospital_id = %(hospital)s AND is_active AND kind = ANY (%(kinds)s::varchar[])
ORDER BY 3, 2
"""


def offer(hospital: Hospital, encounter_id: UUID, *, at: datetime, locale: str) -> Offer:
    """What can be ordered in a visit; tests cost what this patient would be charged. Two statements."""
    tests = services_of(hospital, Service.Kind.LABORATORY)
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, {"hospital": require_transaction(), "kinds": list(REFERRED_TO)})
        places = cursor.fetchall()
    return Offer(
        tests=_priced(hospital, encounter_id, tests, at, locale),
        medications=services_of(hospital, Service.Kind.MEDICATION),
        services=services_of(hospital, *PROVIDED),
        wards=[(code, name) for is_ward, code, name in places if is_ward],
        departments=[(code, name) for is_ward, code, name in places if not is_ward],
    )


def _priced(
    hospital: Hospital, encounter_id: UUID, tests: list[tuple[str, str]], at: datetime, locale: str
) -> list[tuple[str, str]]:
    if not tests:
        return []
    event = Event(
        kind="lab_test.ordered",
        idempotency_key="preview",
        encounter_id=encounter_id,
        lines=tuple(EventLine(code) for code, _ in tests),
    )
    prices = {
        charge.service: Money(charge.net_minor, charge.currency).format(locale)
        for charge in preview(hospital.id, event, at=at)
        if charge.net_minor is not None
    }
    return [(code, f"{name} · {prices[code]}" if code in prices else name) for code, name in tests]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a visit's consultation is, and the patient's number."""

    token: int | None
    called_at: datetime | None
    started_at: datetime | None
    started_by: str
    ended_at: datetime | None
    uses_equipment: bool


_PROGRESS = """
SELECT token.number, token.called_at, consultation.started_at, coalesce(consultation.started_by, ''),
       consultation.ended_at,
       EXISTS (SELECT FROM charging_chargeitem AS item
               WHERE item.hospital_id = %(hospital)s AND item.encounter_id = %(encounter)s
                 AND item.delivered_at IS NULL AND item.status IN ('billable', 'unpriced')
                 AND item.required_at @> ARRAY['equipment.use'::varchar])
FROM (VALUES (1)) AS one
LEFT JOIN scheduling_queuetoken AS token
    ON token.hospital_id = %(hospital)s AND token.encounter_id = %(encounter)s
LEFT JOIN consultation_consultation AS consultation
    ON consultation.hospital_id = %(hospital)s AND consultation.encounter_id = %(encounter)s
"""


def progress(encounter_id: UUID) -> Progress:
    """How far the consultation of a visit is; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, {"hospital": require_transaction(), "encounter": encounter_id})
        return Progress(*cursor.fetchone())
