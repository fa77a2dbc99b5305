"""Stays as accrual wants them: who lay where from when to when, and what their charges depend on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.charging.accrual.periods import Occupancy
from almoner.charging.accrual.planning import Cover, Stay
from almoner.kernel.tenancy import require_transaction

# A merged patient's charges go to the record that survives, as those of every event do.
_STAYS = """
SELECT admission.id, event.id, admission.encounter_id, patient.id, account.id, account.currency,
       patient.category, patient.birth_date, patient.sex, encounter.encounter_class, encounter.visit_type,
       encounter.triage_level, admission.priority, bed.list, cover.list, bed.charged_until
FROM orders_admission AS admission
JOIN charging_clinicalevent AS event
    ON event.hospital_id = %(hospital)s AND event.encounter_id = admission.encounter_id
   AND event.order_id = admission.id AND event.kind = 'ward.admitted'
JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = admission.encounter_id
JOIN patients_patient AS named ON named.hospital_id = %(hospital)s AND named.id = admission.patient_id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s
   AND patient.id = CASE WHEN named.merged_into_id IS NULL THEN named.id ELSE named.merged_into_id END
JOIN LATERAL (
    SELECT a.id, a.currency FROM patients_patientaccount AS a
    WHERE a.hospital_id = %(hospital)s AND a.patient_id = patient.id ORDER BY a.id LIMIT 1
) AS account ON true
JOIN LATERAL (
    SELECT json_agg(json_build_array(
               s.started_at, s.ended_at, w.ward_type, d.code, d.kind, d.id)
               ORDER BY s.started_at, s.ended_at NULLS LAST) AS list,
           max(s.charged_until) FILTER (
               WHERE s.ended_at IS NULL AND s.charged_version = h.configuration_version) AS charged_until
    FROM ward_bedstay AS s
    JOIN hospitals_bed AS b ON b.hospital_id = %(hospital)s AND b.id = s.bed_id
    JOIN hospitals_ward AS w ON w.hospital_id = %(hospital)s AND w.id = b.ward_id
    JOIN hospitals_department AS d ON d.hospital_id = %(hospital)s AND d.id = w.department_id
    JOIN hospitals_hospital AS h ON h.id = %(hospital)s
    WHERE s.hospital_id = %(hospital)s AND s.admission_id = admission.id
) AS bed ON bed.list IS NOT NULL
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(p.id, p.code, c.starts_on, c.ends_on)
                    ORDER BY c.priority, c.starts_on DESC) AS list
    FROM patients_coverage AS c
    JOIN patients_payer AS p ON p.hospital_id = %(hospital)s AND p.id = c.payer_id
    WHERE c.hospital_id = %(hospital)s AND c.patient_id = patient.id
) AS cover ON true
WHERE admission.hospital_id = %(hospital)s AND admission.id = ANY (%(admissions)s)
ORDER BY admission.id
"""


def lock_admissions(admission_ids: Sequence[UUID]) -> None:
    """Let nobody move or discharge these patients until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM orders_admission WHERE hospital_id = %s AND id = ANY (%s) ORDER BY id FOR NO KEY UPDATE",
            [require_transaction(), list(admission_ids)],
        )


def read_stays(admission_ids: Sequence[UUID]) -> list[Stay]:
    """The stays of these admissions, those without a bed left out; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_STAYS, {"hospital": require_transaction(), "admissions": list(admission_ids)})
        return [_stay(row) for row in cursor.fetchall()]


def _stay(row: Sequence[Any]) -> Stay:
    (
        admission_id,
        event_id,
        encounter_id,
        patient_id,
        account_id,
        currency,
        category,
        birth_date,
        sex,
        encounter_class,
        visit_type,
        triage_level,
        priority,
        beds,
        covers,
        charged_until,
    ) = row
    return Stay(
        admission_id=admission_id,
        event_id=event_id,
        encounter_id=encounter_id,
        patient_id=patient_id,
        patient_account_id=account_id,
        currency=currency,
        patient_category=category,
        occupancies=tuple(
            Occupancy(_instant(began), _instant(ended) if ended else None, ward_type, code, kind, UUID(unit))
            for began, ended, ward_type, code, kind, unit in beds
        ),
        covers=tuple(
            Cover(
                UUID(payer_id), code, date.fromisoformat(starts), date.fromisoformat(ends) if ends else None
            )
            for payer_id, code, starts, ends in covers or ()
        ),
        birth_date=birth_date,
        facts={
            "patient_sex": sex,
            "encounter_class": encounter_class,
            "visit_type": visit_type,
            "triage_level": triage_level,
            "priority": priority,
        },
        charged_until=charged_until,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
