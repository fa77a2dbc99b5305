"""Tests that were processed without their charge (charging.unbilled)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.charging.rules import Event, EventLine
from almoner.charging.unbilled import EVENT_KEY, Unbilled, UnbilledSource, charge_as_ordered, named_id
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import require_transaction
from almoner.orders.models import TestOrderLine

# A line is charged when the order has a charge of its service for it, or one of a service that nobody
# ordered by name (a fee for the order). A charge taken back before the work was done is none; one taken back
# afterwards was somebody's decision. Few lines are unbilled: what belongs to them is looked up one by one (the
# count, LATERAL), for joined as tables every patient and every charge of the hospital would be read.
_UNBILLED = """
WITH done AS (
    SELECT line.id, line.order_id, line.service_id, processing.started_at,
           row_number() OVER (PARTITION BY line.order_id, line.service_id ORDER BY line.line) AS place
    FROM laboratory_processing AS processing
    JOIN orders_testorderline AS line
        ON line.hospital_id = %(hospital)s AND line.order_id = processing.order_id
    WHERE processing.hospital_id = %(hospital)s AND processing.started_at >= %(since)s
      AND processing.started_at < %(at)s
      AND (%(line)s::uuid IS NULL OR line.order_id = (
          SELECT one.order_id FROM orders_testorderline AS one
          WHERE one.hospital_id = %(hospital)s AND one.id = %(line)s))
), billed AS MATERIALIZED (
    SELECT done.*, (
        SELECT count(DISTINCT (item.event_id, item.line, item.rule_code, item.service_period))
        FROM charging_chargeitem AS item
        WHERE item.hospital_id = %(hospital)s AND item.order_id = done.order_id
          AND item.service_id = done.service_id AND item.status <> 'cancelled'
    ) AS charges
    FROM done
)
SELECT 'laboratory:' || billed.id, service.name, 1::numeric, ordered.number, billed.started_at,
       ordered.encounter_id, patient.id, patient.name, patient.mrn
FROM billed
JOIN orders_testorder AS ordered ON ordered.hospital_id = %(hospital)s AND ordered.id = billed.order_id
CROSS JOIN LATERAL (
    SELECT one.id, one.name, one.mrn FROM patients_patient AS one
    WHERE one.hospital_id = %(hospital)s AND one.id = ordered.patient_id LIMIT 1
) AS patient
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = billed.service_id
WHERE billed.place > billed.charges AND (%(line)s::uuid IS NULL OR billed.id = %(line)s)
  AND (
      SELECT count(*) FROM charging_chargeitem AS fee
      WHERE fee.hospital_id = %(hospital)s AND fee.order_id = billed.order_id AND fee.status <> 'cancelled'
        AND NOT EXISTS (
            SELECT FROM orders_testorderline AS named
            WHERE named.hospital_id = %(hospital)s AND named.order_id = billed.order_id
              AND named.service_id = fee.service_id)) = 0
  AND NOT EXISTS (
      SELECT FROM charging_workreview AS review
      WHERE review.hospital_id = %(hospital)s AND review.work_list = 'unbilled'
        AND review.subject = 'laboratory:' || billed.id)
ORDER BY billed.started_at DESC, billed.id
LIMIT %(limit)s
"""


def find(*, since: datetime, at: datetime, limit: int, subject: str = "") -> list[Unbilled]:
    """Tests of orders taken into work without a charge for them."""
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
    """Charge the test as its order would have."""
    line = TestOrderLine.objects.select_related("service", "order").get(id=named_id(work.subject))
    event = Event(
        kind="lab_test.ordered",
        idempotency_key=f"unbilled:{work.subject}",
        occurred_at=work.done_at,
        encounter_id=work.encounter_id,
        order_id=line.order_id,
        lines=(EventLine(line.service.code),),
        priority=line.order.priority,
        body={EVENT_KEY: work.subject},
    )
    return charge_as_ordered(hospital_id, event, work, actor=actor, at=at)


UNBILLED = UnbilledSource(find=find, charge=charge)
