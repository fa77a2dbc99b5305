"""Whom to tell that the deposit of a stay runs low (``payment_reminders`` and ``deposit_low_days``)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from almoner.enforcement.facts import policies_at
from almoner.enforcement.queries import billing_statuses
from almoner.hospitals.models import Hospital
from almoner.kernel.clock import local_date
from almoner.messaging.kinds import Notice
from almoner.service_points.ward.deposits import lasts_until

DEPOSIT_RUNS_LOW = "deposit.running_low"

_LYING = """
SELECT admission.id, patient.id, patient.category, department.code, billed.day, billed.minor
FROM ward_bedstay AS stay
JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = stay.admission_id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = admission.patient_id
JOIN hospitals_bed AS bed ON bed.hospital_id = %(hospital)s AND bed.id = stay.bed_id
JOIN hospitals_ward AS ward ON ward.hospital_id = %(hospital)s AND ward.id = bed.ward_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = ward.department_id
CROSS JOIN LATERAL (
    SELECT item.service_date AS day, sum(item.net_minor)::bigint AS minor
    FROM charging_chargeitem AS item
    WHERE item.hospital_id = %(hospital)s AND item.order_id = admission.id AND item.charge_type = 'daily'
      AND item.status = 'billable'
    GROUP BY item.service_date ORDER BY item.service_date DESC LIMIT 1
) AS billed
WHERE stay.hospital_id = %(hospital)s AND stay.ended_at IS NULL
  AND (%(patient)s::uuid IS NULL OR patient.id = %(patient)s::uuid)
ORDER BY admission.id
"""


def find_low_deposits(hospital_id: UUID, *, at: datetime, patient_id: UUID | None = None) -> list[Notice]:
    """The stays whose deposit lasts for fewer days than ``deposit_low_days``, as the ward's page says it
    (``messaging.kinds.Finder``): until when, and what is left of it."""
    hospital = Hospital.objects.get(id=hospital_id)
    policies = policies_at(hospital_id, hospital.configuration_version)
    with connection.cursor() as cursor:
        cursor.execute(_LYING, {"hospital": hospital_id, "patient": patient_id})
        rows = cursor.fetchall()
    statuses = billing_statuses(hospital_id, {row[1] for row in rows}, at=at) if rows else {}
    today = local_date(at, hospital.time_zone)
    notices = []
    for admission_id, patient, category, department, charged_until, daily_minor in rows:
        settings = policies.resolve(department=department, module="ward", category=category)
        status = statuses[patient]
        ends = lasts_until(
            status.available_credit_minor,
            status.outstanding_minor,
            daily_minor,
            charged_until=charged_until,
        )
        if settings.reminders and ends and (ends - today).days < (settings.deposit_low_days or 0):
            notices.append(
                Notice(
                    kind=DEPOSIT_RUNS_LOW,
                    thing=f"stay:{admission_id}",
                    step=ends.isoformat(),
                    patient_id=patient,
                    amount_minor=status.available_credit_minor,
                    due_on=ends,
                )
            )
    return notices
