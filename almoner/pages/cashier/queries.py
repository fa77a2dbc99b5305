"""What the cashier reads: what a patient owes, the payments of a day, one payment as its receipt shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext

from almoner.hospitals.models import Hospital
from almoner.identity.models import AuditRecord
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction
from almoner.payments.models import CashSession
from almoner.payments.operations.attempts import COUNT_REFUSED, MOVE_REFUSED

MAXIMUM_OWED = 200
MAXIMUM_PAYMENTS = 100
PRINTED = "receipt.printed"


@dataclass(frozen=True, slots=True)
class Owed:
    """A charge with something open for the patient to pay. ``account_id`` is where it is owed."""

    charge_item_id: UUID
    account_id: UUID
    service: str
    quantity: Decimal
    order_number: str
    service_date: date
    net_minor: int
    open_minor: int
    encounter_id: UUID | None
    visit: str
    department: str
    started_at: datetime | None


_OWED = """
SELECT item.id, item.patient_account_id, service.name, item.quantity,
       coalesce(test_order.number, prescription.number, admission.number, ''),
       item.service_date, item.net_minor, open_item.patient_minor,
       encounter.id, coalesce(encounter.number, ''), coalesce(department.name, ''), encounter.started_at
FROM ledger_openitem AS open_item
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = open_item.patient_account_id
   AND account.patient_id = %(patient)s AND account.currency = %(currency)s
JOIN charging_chargeitem AS item ON item.hospital_id = %(hospital)s AND item.id = open_item.id
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
LEFT JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = item.encounter_id
LEFT JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
LEFT JOIN orders_testorder AS test_order
    ON test_order.hospital_id = %(hospital)s AND test_order.id = item.order_id
LEFT JOIN orders_prescription AS prescription
    ON prescription.hospital_id = %(hospital)s AND prescription.id = item.order_id
LEFT JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = item.order_id
WHERE open_item.hospital_id = %(hospital)s AND open_item.patient_minor > 0
ORDER BY encounter.started_at NULLS FIRST, encounter.id, item.service_date, item.captured_at, item.id
LIMIT %(limit)s
"""


def owed_by(patient_id: UUID, currency: str) -> list[Owed]:
    """What the patient owes in ``currency``, the oldest visit first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OWED,
            {
                "hospital": require_transaction(),
                "patient": patient_id,
                "currency": currency,
                "limit": MAXIMUM_OWED,
            },
        )
        return [Owed(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Taken:
    """A payment of the day."""

    payment_id: UUID
    receipt: str
    patient_id: UUID
    patient: str
    methods: list[str]
    cash_point: str
    amount_minor: int
    change_minor: int
    refunded_minor: int
    received_at: datetime
    received_by: str
    voided: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What was taken (voids left out) and what was given back, in minor units."""

    taken_minor: int = 0
    given_back_minor: int = 0

    def __add__(self, other: Moved) -> Moved:
        return Moved(self.taken_minor + other.taken_minor, self.given_back_minor + other.given_back_minor)


@dataclass(frozen=True, slots=True)
class Drawer:
    """A cash session that money of the day went through: its id, number and cashier."""

    session_id: UUID
    name: str
    cashier: str


@dataclass(frozen=True, slots=True)
class DayTotals:
    """A day's money by method, and by drawer (None: outside of one); ``count`` payments."""

    by_method: dict[str, Moved]
    by_drawer: dict[Drawer | None, Moved]
    count: int


_TAKEN = """
SELECT payment.id,
       payment.receipt_series || '-' || payment.receipt_year || '-' || lpad(payment.receipt_number::text, 6, '0'),
       patient.id, patient.name,
       (SELECT array_agg(tender.method ORDER BY tender.line) FROM payments_paymenttender AS tender
        WHERE tender.hospital_id = %(hospital)s AND tender.payment_id = payment.id),
       payment.cash_point, payment.amount_minor, payment.change_minor,
       coalesce((SELECT sum(refund.amount_minor) FROM payments_refund AS refund
                 WHERE refund.hospital_id = %(hospital)s AND refund.payment_id = payment.id), 0)::bigint,
       payment.received_at, payment.received_by, void.id IS NOT NULL
FROM payments_payment AS payment
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = payment.patient_account_id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = account.patient_id
LEFT JOIN payments_paymentvoid AS void
    ON void.hospital_id = %(hospital)s AND void.payment_id = payment.id
WHERE payment.hospital_id = %(hospital)s AND payment.received_at >= %(start)s AND payment.received_at < %(end)s
  AND (%(point)s::varchar = '' OR payment.cash_point = %(point)s::varchar)
ORDER BY payment.received_at DESC, payment.id DESC
LIMIT %(limit)s
"""

_TOTALS = """
WITH moved AS (
    SELECT tender.method, payment.cash_session_id, tender.amount_minor AS taken_minor, 0 AS given_minor,
           (tender.line = 1)::int AS counts
    FROM payments_payment AS payment
    JOIN payments_paymenttender AS tender
        ON tender.hospital_id = %(hospital)s AND tender.payment_id = payment.id
    WHERE payment.hospital_id = %(hospital)s
      AND payment.received_at >= %(start)s AND payment.received_at < %(end)s
      AND (%(point)s::varchar = '' OR payment.cash_point = %(point)s::varchar)
      AND NOT EXISTS (SELECT FROM payments_paymentvoid AS void
                      WHERE void.hospital_id = %(hospital)s AND void.payment_id = payment.id)
    UNION ALL
    SELECT refund.method, refund.cash_session_id, 0, refund.amount_minor, 0
    FROM payments_refund AS refund
    JOIN payments_payment AS payment
        ON payment.hospital_id = %(hospital)s AND payment.id = refund.payment_id
    WHERE refund.hospital_id = %(hospital)s AND refund.at >= %(start)s AND refund.at < %(end)s
      AND (%(point)s::varchar = '' OR payment.cash_point = %(point)s::varchar)
)
SELECT moved.method, session.id, upper(session.cash_point) || '/' || session.number, session.cashier,
       sum(moved.taken_minor)::bigint, sum(moved.given_minor)::bigint, sum(moved.counts)
FROM moved
LEFT JOIN payments_cashsession AS session
    ON session.hospital_id = %(hospital)s AND session.id = moved.cash_session_id
GROUP BY moved.method, session.id, session.cash_point, session.number, session.cashier
ORDER BY session.cash_point, session.number
"""


def payments_of_day(hospital: Hospital, day: date, cash_point: str) -> tuple[list[Taken], DayTotals]:
    """The day's payments at ``cash_point`` (all when empty), the latest first, and their sums; two statements."""
    zone = ZoneInfo(hospital.time_zone)
    parameters: dict[str, Any] = {
        "hospital": require_transaction(),
        "start": datetime.combine(day, time(), tzinfo=zone).astimezone(UTC),
        "end": datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC),
        "point": cash_point,
        "limit": MAXIMUM_PAYMENTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, parameters)
        taken = [Taken(*row) for row in cursor.fetchall()]
        cursor.execute(_TOTALS, parameters)
        rows = cursor.fetchall()
    by_method: dict[str, Moved] = {}
    by_drawer: dict[Drawer | None, Moved] = {}
    for method, session_id, name, cashier, taken_minor, given_back_minor, _count in rows:
        moved = Moved(taken_minor, given_back_minor)
        drawer = Drawer(session_id, name, cashier) if session_id else None
        by_method[method] = by_method.get(method, Moved()) + moved
        by_drawer[drawer] = by_drawer.get(drawer, Moved()) + moved
    return taken, DayTotals(by_method, by_drawer, sum(row[-1] for row in rows))


@dataclass(frozen=True, slots=True)
class TenderLine:
    """What one method of a payment was, in minor units."""

    method: str
    tendered_minor: int
    change_minor: int
    amount_minor: int
    reference: str


@dataclass(frozen=True, slots=True)
class AskedVoid:
    """A request to void the payment that nobody has decided."""

    request_id: UUID
    reason: str
    at: datetime
    requested_by: str
    requester_id: UUID | None


@dataclass(frozen=True, slots=True)
class PaidLine:
    """What a payment settled of a charge, in minor units, and what of the charge a gate asks about."""

    name: str
    service_date: date
    amount_minor: int
    encounter_id: UUID | None
    order_id: UUID | None
    required_at: list[str]
    is_delivered: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment as its receipt shows it: for what it was taken then, whatever happened to it since.

    ``prints`` are who printed it and when, the first one first.
    """

    payment_id: UUID
    number: str
    method: str
    tendered_minor: int
    change_minor: int
    amount_minor: int
    unallocated_minor: int
    currency: str
    reference: str
    cash_point: str
    received_at: datetime
    received_by: str
    patient_id: UUID
    patient: str
    mrn: str
    voided_at: datetime | None
    refunded_minor: int
    session_id: UUID | None
    session: str
    lines: tuple[PaidLine, ...]
    tenders: tuple[TenderLine, ...]
    asked_void: AskedVoid | None
    prints: tuple[tuple[str, datetime], ...]


_RECEIPT = """
SELECT payment.id,
       payment.receipt_series || '-' || payment.receipt_year || '-' || lpad(payment.receipt_number::text, 6, '0'),
       payment.method, payment.tendered_minor, payment.change_minor, payment.amount_minor,
       payment.unallocated_minor, payment.currency, payment.reference,
       coalesce(point.name, payment.cash_point), payment.received_at, payment.received_by,
       patient.id, patient.name, patient.mrn, void.at,
       coalesce((SELECT sum(refund.amount_minor) FROM payments_refund AS refund
                 WHERE refund.hospital_id = %(hospital)s AND refund.payment_id = payment.id), 0)::bigint,
       session.id, coalesce(upper(session.cash_point) || '/' || session.number, ''),
       asked.id, asked.reason, asked.at, asked.requested_by, asked.requester_id
FROM payments_payment AS payment
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = payment.patient_account_id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = account.patient_id
LEFT JOIN payments_cashpoint AS point
    ON point.hospital_id = %(hospital)s AND point.code = payment.cash_point
LEFT JOIN payments_cashsession AS session
    ON session.hospital_id = %(hospital)s AND session.id = payment.cash_session_id
LEFT JOIN payments_voidrequest AS asked
    ON asked.hospital_id = %(hospital)s AND asked.payment_id = payment.id AND asked.decision = ''
LEFT JOIN payments_paymentvoid AS void
    ON void.hospital_id = %(hospital)s AND void.payment_id = payment.id
WHERE payment.hospital_id = %(hospital)s AND payment.id = %(payment)s
"""

_RECEIPT_LINES = """
SELECT service.name, item.service_date, sum(allocation.amount_minor)::bigint,
       item.encounter_id, item.order_id, item.required_at, item.delivered_at IS NOT NULL
FROM payments_allocation AS allocation
JOIN charging_chargeitem AS item
    ON item.hospital_id = %(hospital)s AND item.id = allocation.charge_item_id
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
WHERE allocation.hospital_id = %(hospital)s AND allocation.payment_id = %(payment)s
  AND allocation.source_id = %(payment)s
GROUP BY item.id, service.name, item.service_date, item.encounter_id, item.order_id, item.required_at, item.delivered_at
ORDER BY item.service_date, service.name, item.id
"""


_TENDERS = """
SELECT method, tendered_minor, change_minor, amount_minor, reference
FROM payments_paymenttender
WHERE hospital_id = %(hospital)s AND payment_id = %(payment)s
ORDER BY line
"""


def read_receipt(payment_id: UUID) -> Receipt:
    """The payment and what it was taken for; four statements. Raises ``NotFound``."""
    parameters = {"hospital": require_transaction(), "payment": payment_id}
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPT, parameters)
        row = cursor.fetchone()
        if row is None:
            raise NotFound(
                gettext("There is no such payment at this hospital."),
                field="payment_id",
                code="unknown_payment",
            )
        cursor.execute(_RECEIPT_LINES, parameters)
        lines = tuple(PaidLine(*line) for line in cursor.fetchall())
        cursor.execute(_TENDERS, parameters)
        tenders = tuple(TenderLine(*tender) for tender in cursor.fetchall())
    columns, asked = row[:-5], AskedVoid(*row[-5:]) if row[-5] else None
    return Receipt(*(*columns, lines, tenders, asked, prints_of(PRINTED, payment_id, since=row[10])))


def prints_of(action: str, subject_id: UUID, *, since: datetime) -> tuple[tuple[str, datetime], ...]:
    """Who printed a paper and when, the first one first; one statement."""
    printed = AuditRecord.objects.filter(action=action, subject_id=subject_id, at__gte=since)
    return tuple(printed.order_by("id").values_list("actor", "at"))


def refused_attempts(session: CashSession) -> list[AuditRecord]:
    """Counts of a drawer, and amounts to take out of it, that the books refused; one statement."""
    tried = AuditRecord.objects.filter(
        action__in=(COUNT_REFUSED, MOVE_REFUSED), subject_id=session.id, at__gte=session.opened_at
    )
    return list(tried.order_by("id"))


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request to void a payment or to give money back, for whoever may decide; minor units."""

    request_id: UUID
    payment_id: UUID
    receipt: str
    amount_minor: int
    patient: str
    reason: str
    at: datetime
    requested_by: str
    requester_id: UUID | None


_WAITING = """
SELECT asked.id, payment.id,
       payment.receipt_series || '-' || payment.receipt_year || '-' || lpad(payment.receipt_number::text, 6, '0'),
       {amount}, patient.name, asked.reason, asked.at, asked.requested_by, asked.requester_id
FROM {table} AS asked
JOIN payments_payment AS payment
    ON payment.hospital_id = %(hospital)s AND payment.id = asked.payment_id
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = payment.patient_account_id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = account.patient_id
WHERE asked.hospital_id = %(hospital)s AND asked.decision = ''
ORDER BY asked.at, asked.id
LIMIT %(limit)s
"""
_WAITING_VOIDS = _WAITING.format(amount="payment.amount_minor", table="payments_voidrequest")
_WAITING_REFUNDS = _WAITING.format(amount="asked.amount_minor", table="payments_refundrequest")


def waiting_voids() -> list[WaitingRequest]:
    """Payments that somebody asked to void and nobody has decided, the oldest first; one statement."""
    return _waiting(_WAITING_VOIDS)


def waiting_refunds() -> list[WaitingRequest]:
    """Refunds that somebody asked for and nobody has decided, the oldest first; one statement."""
    return _waiting(_WAITING_REFUNDS)


def _waiting(statement: str) -> list[WaitingRequest]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"hospital": require_transaction(), "limit": MAXIMUM_PAYMENTS})
        return [WaitingRequest(*row) for row in cursor.fetchall()]


_BY_NUMBER = """
SELECT id FROM payments_payment
WHERE hospital_id = %s AND receipt_series = %s AND receipt_year = %s AND receipt_number = %s
"""


def payment_by_receipt(series: str, year: int, number: int) -> UUID | None:
    """The payment that a receipt number is of; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_NUMBER, [require_transaction(), series, year, number])
        row = cursor.fetchone()
    return row[0] if row else None
