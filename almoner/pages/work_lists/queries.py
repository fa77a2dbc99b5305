"""What the billing office has to look at: charges without a price, undelivered ones, events after discharge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from almoner.enforcement.models import Override
from almoner.enforcement.overrides import OverrideState, in_state
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction

MAXIMUM_ROWS = 100
MAXIMUM_COUNTED = 1000
DAYS_UNDELIVERED = 7


@dataclass(frozen=True, slots=True)
class Counts:
    """How long the lists are, counted up to ``MAXIMUM_COUNTED``."""

    unpriced: int
    undelivered: int
    late: int
    overrides: int


_UNPRICED = "item.hospital_id = %(hospital)s AND item.status = 'unpriced'"
_UNDELIVERED = (
    "item.hospital_id = %(hospital)s AND item.status = 'billable' AND item.delivered_at IS NULL"
    " AND item.captured_at < %(before)s"
)
# What the billing office charged afterwards itself is no news to it.
_LATE = """event.hospital_id = %(hospital)s AND event.after_discharge AND NOT jsonb_exists(event.body, 'unbilled')
  AND NOT EXISTS (
      SELECT FROM charging_workreview AS review
      WHERE review.hospital_id = %(hospital)s AND review.work_list = 'late'
        AND review.subject = event.id::text)"""

_COUNTS = f"""
SELECT (SELECT count(*) FROM (SELECT FROM charging_chargeitem AS item WHERE {_UNPRICED} LIMIT %(limit)s) AS a),
       (SELECT count(*) FROM (SELECT FROM charging_chargeitem AS item WHERE {_UNDELIVERED} LIMIT %(limit)s) AS b),
       (SELECT count(*) FROM (SELECT FROM charging_clinicalevent AS event WHERE {_LATE} LIMIT %(limit)s) AS c)
"""


def count_work(*, at: datetime) -> Counts:
    """How long each list is; two statements."""
    values: dict[str, Any] = {
        "hospital": require_transaction(),
        "before": at - timedelta(days=DAYS_UNDELIVERED),
        "limit": MAXIMUM_COUNTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        unpriced, undelivered, late = cursor.fetchone()
    overrides = in_state(Override.objects.all(), OverrideState.TO_REVIEW, at=at)[:MAXIMUM_COUNTED].count()
    return Counts(unpriced, undelivered, late, overrides)


@dataclass(frozen=True, slots=True)
class WorkCharge:
    """A charge of a work list. Amounts in minor units; ``net_minor`` None without a price."""

    charge_item_id: UUID
    service: str
    quantity: Decimal
    order_number: str
    service_date: date
    captured_at: datetime
    status: str
    is_delivered: bool
    net_minor: int | None
    open_minor: int
    price_source: str
    department: str
    visit: str
    patient_id: UUID
    patient: str
    mrn: str


_CHARGES = """
SELECT item.id, service.name, item.quantity,
       coalesce(test_order.number, prescription.number, admission.number, ''),
       item.service_date, item.captured_at, item.status, item.delivered_at IS NOT NULL, item.net_minor,
       coalesce(open_item.patient_minor, 0), item.price_source, coalesce(department.name, ''),
       coalesce(encounter.number, ''), patient.id, patient.name, patient.mrn
FROM (SELECT * FROM charging_chargeitem AS item WHERE {where} ORDER BY {order}, item.id LIMIT %(limit)s) AS item
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = item.patient_id
LEFT JOIN ledger_openitem AS open_item ON open_item.hospital_id = %(hospital)s AND open_item.id = item.id
LEFT JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = item.department_id
LEFT JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = item.encounter_id
LEFT JOIN orders_testorder AS test_order
    ON test_order.hospital_id = %(hospital)s AND test_order.id = item.order_id
LEFT JOIN orders_prescription AS prescription
    ON prescription.hospital_id = %(hospital)s AND prescription.id = item.order_id
LEFT JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = item.order_id
ORDER BY {order}, item.id
"""


def _charges(where: str, order: str, **values: Any) -> list[WorkCharge]:
    with connection.cursor() as cursor:
        cursor.execute(
            _CHARGES.format(where=where, order=order),
            {"hospital": require_transaction(), "limit": MAXIMUM_ROWS, **values},
        )
        return [WorkCharge(*row) for row in cursor.fetchall()]


def unpriced_charges() -> list[WorkCharge]:
    """Charges that no tariff gave a price, the oldest first; one statement."""
    return _charges(_UNPRICED, "item.service_date")


def undelivered_charges(*, at: datetime, days: int = DAYS_UNDELIVERED) -> list[WorkCharge]:
    """Charges that were billed more than ``days`` ago and never delivered, the oldest first; one statement."""
    return _charges(_UNDELIVERED, "item.captured_at", before=at - timedelta(days=days))


def read_charge(charge_item_id: UUID) -> WorkCharge:
    """One charge; one statement. Raises ``NotFound``."""
    found = _charges(
        "item.hospital_id = %(hospital)s AND item.id = %(id)s", "item.captured_at", id=charge_item_id
    )
    if not found:
        raise NotFound(
            _("There is no such charge item at this hospital."),
            field="charge_item_id",
            code="unknown_charge_item",
        )
    return found[0]


@dataclass(frozen=True, slots=True)
class LateEvent:
    """An event that came when the visit had ended, and what it charged, in minor units."""

    event_id: UUID
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    recorded_by: str
    visit: str
    department: str
    ended_at: datetime | None
    patient_id: UUID
    patient: str
    mrn: str
    charged_minor: int
    open_minor: int


_LATE_EVENTS = """
SELECT event.id, event.kind, event.occurred_at, event.recorded_at, event.recorded_by, encounter.number,
       department.name, encounter.ended_at, patient.id, patient.name, patient.mrn, charged.minor, charged.open
FROM (
    SELECT * FROM charging_clinicalevent AS event WHERE {where}
    ORDER BY event.recorded_at DESC, event.id DESC LIMIT %(limit)s
) AS event
JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = event.encounter_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = event.patient_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(item.net_minor), 0)::bigint AS minor,
           coalesce(sum(open_item.patient_minor), 0)::bigint AS open
    FROM charging_chargeitem AS item
    LEFT JOIN ledger_openitem AS open_item ON open_item.hospital_id = %(hospital)s AND open_item.id = item.id
    WHERE item.hospital_id = %(hospital)s AND item.event_id = event.id
      AND item.status IN ('planned', 'unpriced', 'billable')
) AS charged
ORDER BY event.recorded_at DESC, event.id DESC
"""


def _late(where: str, **values: Any) -> list[LateEvent]:
    with connection.cursor() as cursor:
        cursor.execute(
            _LATE_EVENTS.format(where=where),
            {"hospital": require_transaction(), "limit": MAXIMUM_ROWS, **values},
        )
        return [LateEvent(*row) for row in cursor.fetchall()]


def late_events() -> list[LateEvent]:
    """Events that came after discharge and that nobody has reviewed, the latest first; one statement."""
    return _late(_LATE)


def read_late_event(event_id: UUID) -> LateEvent:
    """One of ``late_events``; one statement. Raises ``NotFound``, also when it was reviewed meanwhile."""
    found = _late(f"event.id = %(id)s AND {_LATE}", id=event_id)
    if not found:
        raise NotFound(
            _("There is no such event to review: it may have been reviewed meanwhile."),
            field="event_id",
            code="unknown_event",
        )
    return found[0]
