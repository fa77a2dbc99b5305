"""Nights in a bed without a daily charge (charging.unbilled)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.charging.unbilled import Unbilled, UnbilledSource, no_rule
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import require_transaction
from almoner.service_points.ward.accrual import settle

# A day counts when the patient lay in a bed at the midnight that ended it, in the hospital's zone, in a ward
# that a daily rule of the hospital is for. A charge that somebody took back after its day was a decision.
_UNBILLED = """
WITH night AS (
    SELECT DISTINCT stay.admission_id, day.day::date AS day, ward.name AS ward,
           (day.day + interval '1 day') AT TIME ZONE hospital.time_zone AS done_at
    FROM hospitals_hospital AS hospital
    JOIN ward_bedstay AS stay ON stay.hospital_id = hospital.id
    JOIN hospitals_bed AS bed ON bed.hospital_id = hospital.id AND bed.id = stay.bed_id
    JOIN hospitals_ward AS ward ON ward.hospital_id = hospital.id AND ward.id = bed.ward_id
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', greatest(stay.started_at, %(since)s) AT TIME ZONE hospital.time_zone),
        date_trunc('day', least(coalesce(stay.ended_at, %(at)s), %(at)s) AT TIME ZONE hospital.time_zone)
            - interval '1 day',
        interval '1 day'
    ) AS day (day)
    WHERE hospital.id = %(hospital)s AND coalesce(stay.ended_at, %(at)s) >= %(since)s
      AND (%(admission)s::uuid IS NULL OR stay.admission_id = %(admission)s)
      AND (%(day)s::date IS NULL OR day.day::date = %(day)s)
      AND EXISTS (
          SELECT FROM charging_chargerule AS rule
          WHERE rule.hospital_id = hospital.id AND rule.charge_type = 'daily'
            AND rule.ward_type IN ('', ward.ward_type))
)
SELECT 'ward:' || night.admission_id || ':' || night.day, night.ward, 1::numeric, admission.number,
       night.done_at, admission.encounter_id, patient.id, patient.name, patient.mrn
FROM night
JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = night.admission_id
CROSS JOIN LATERAL (
    SELECT one.id, one.name, one.mrn FROM patients_patient AS one
    WHERE one.hospital_id = %(hospital)s AND one.id = admission.patient_id LIMIT 1
) AS patient
WHERE NOT EXISTS (
      SELECT FROM charging_chargeitem AS item
      WHERE item.hospital_id = %(hospital)s AND item.order_id = night.admission_id
        AND item.charge_type = 'daily' AND item.service_date = night.day
        AND item.status IN ('billable', 'unpriced', 'entered_in_error'))
  AND NOT EXISTS (
      SELECT FROM charging_workreview AS review
      WHERE review.hospital_id = %(hospital)s AND review.work_list = 'unbilled'
        AND review.subject = 'ward:' || night.admission_id || ':' || night.day)
ORDER BY night.done_at DESC, night.admission_id
LIMIT %(limit)s
"""


def _named(subject: str) -> tuple[UUID | None, date | None]:
    """The admission and the day that ``subject`` names."""
    if not subject:
        return None, None
    _, admission, day = [*subject.split(":"), "", ""][:3]
    try:
        return UUID(admission), date.fromisoformat(day)
    except ValueError:
        return UUID(int=0), date.min


def find(*, since: datetime, at: datetime, limit: int, subject: str = "") -> list[Unbilled]:
    """Days that ended with a patient in a bed and that no daily charge is for."""
    admission_id, day = _named(subject)
    values: dict[str, Any] = {
        "hospital": require_transaction(),
        "since": since,
        "at": at,
        "limit": limit,
        "admission": admission_id,
        "day": day,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNBILLED, values)
        return [Unbilled(*row) for row in cursor.fetchall()]


def charge(hospital_id: UUID, work: Unbilled, *, actor: Actor, at: datetime) -> int:
    """Charge the time of the admission that has no charge yet, this day among it."""
    admission_id, day = _named(work.subject)
    assert admission_id is not None
    charged = settle(hospital_id, admission_id, actor=actor, at=at)
    if not any(item.service_date == day for item in charged):
        raise no_rule()
    return sum(item.net_minor or 0 for item in charged)


UNBILLED = UnbilledSource(find=find, charge=charge)
