"""Medication that was handed out beyond what is charged (charging.unbilled)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.charging.rules import Event, EventLine
from almoner.charging.unbilled import EVENT_KEY, Unbilled, UnbilledSource, charge_as_ordered, named_id
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import require_transaction
from almoner.orders.models import PrescriptionLine

# What is charged of an order, whatever medication stands for the prescribed one: of every charge the largest
# quantity that it had, so that a return (a later, smaller revision) is no shortfall. A charge taken back
# before anything was handed out is none.
_UNBILLED = """
WITH touched AS (
    SELECT DISTINCT line.prescription_id
    FROM pharmacy_dispensing AS dispensing
    JOIN orders_prescriptionline AS line
        ON line.hospital_id = %(hospital)s AND line.id = dispensing.prescription_line_id
    WHERE dispensing.hospital_id = %(hospital)s AND dispensing.dispensed_at >= %(since)s
      AND dispensing.dispensed_at < %(at)s
      AND (%(line)s::uuid IS NULL OR line.prescription_id = (
          SELECT one.prescription_id FROM orders_prescriptionline AS one
          WHERE one.hospital_id = %(hospital)s AND one.id = %(line)s))
), given AS (
    SELECT line.prescription_id, line.service_id, min(line.id::text)::uuid AS line_id,
           sum(dispensing.quantity) AS quantity, max(dispensing.dispensed_at) AS done_at
    FROM touched
    JOIN orders_prescriptionline AS line
        ON line.hospital_id = %(hospital)s AND line.prescription_id = touched.prescription_id
    JOIN pharmacy_dispensing AS dispensing
        ON dispensing.hospital_id = %(hospital)s AND dispensing.prescription_line_id = line.id
    GROUP BY line.prescription_id, line.service_id
), charged AS (
    SELECT item.order_id, item.service_id, max(item.quantity) AS quantity
    FROM touched
    JOIN charging_chargeitem AS item
        ON item.hospital_id = %(hospital)s AND item.order_id = touched.prescription_id
    JOIN catalog_service AS service
        ON service.hospital_id = %(hospital)s AND service.id = item.service_id AND service.kind = 'medication'
    WHERE item.status <> 'cancelled'
    GROUP BY item.order_id, item.service_id, item.event_id, item.line, item.rule_code, item.service_period
), short AS (
    SELECT given.*,
           given.quantity - coalesce((SELECT sum(charged.quantity) FROM charged
               WHERE charged.order_id = given.prescription_id AND charged.service_id = given.service_id), 0)
               AS missing,
           sum(given.quantity) OVER (PARTITION BY given.prescription_id) - coalesce((
               SELECT sum(charged.quantity) FROM charged WHERE charged.order_id = given.prescription_id), 0)
               AS missing_altogether
    FROM given
)
SELECT 'pharmacy:' || short.line_id, service.name, least(short.missing, short.missing_altogether),
       prescription.number, short.done_at, prescription.encounter_id, patient.id, patient.name, patient.mrn
FROM short
JOIN orders_prescription AS prescription
    ON prescription.hospital_id = %(hospital)s AND prescription.id = short.prescription_id
CROSS JOIN LATERAL (
    SELECT one.id, one.name, one.mrn FROM patients_patient AS one
    WHERE one.hospital_id = %(hospital)s AND one.id = prescription.patient_id LIMIT 1
) AS patient
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = short.service_id
WHERE short.missing > 0 AND short.missing_altogether > 0
  AND (%(line)s::uuid IS NULL OR short.line_id = %(line)s)
  AND NOT EXISTS (
      SELECT FROM charging_workreview AS review
      WHERE review.hospital_id = %(hospital)s AND review.work_list = 'unbilled'
        AND review.subject = 'pharmacy:' || short.line_id)
ORDER BY short.done_at DESC, short.line_id
LIMIT %(limit)s
"""


def find(*, since: datetime, at: datetime, limit: int, subject: str = "") -> list[Unbilled]:
    """Medications of which more was handed out than is charged, with the quantity that is missing."""
    values: dict[str, Any] = {
        "hospital": require_transaction(),
        "since": since,
        "at": at,
        "limit": limit,
        "line": named_id(subject) if subject else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNBILLED, values)
        return [Unbilled(*row) for row in cursor.fetchall()]


def charge(hospital_id: UUID, work: Unbilled, *, actor: Actor, at: datetime) -> int:
    """Charge the missing quantity as the prescription would have."""
    line = PrescriptionLine.objects.select_related("service", "prescription").get(id=named_id(work.subject))
    event = Event(
        kind="medication.prescribed",
        idempotency_key=f"unbilled:{work.subject}:{work.done_at.isoformat()}",
        occurred_at=work.done_at,
        encounter_id=work.encounter_id,
        order_id=line.prescription_id,
        lines=(EventLine(line.service.code, work.quantity),),
        priority=line.prescription.priority,
        body={EVENT_KEY: work.subject},
    )
    return charge_as_ordered(hospital_id, event, work, actor=actor, at=at)


UNBILLED = UnbilledSource(find=find, charge=charge)
