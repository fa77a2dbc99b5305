"""A hospital's day: who is where, what is held and why, what was collected. Read-only.

A fixed number of statements, however many patients the day has. Instants are UTC, the day is the
hospital's own. Amounts are minor units of the hospital's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import BillingStatus, billing_statuses, decisions_now
from almoner.enforcement.rules import Option
from almoner.hospitals.models import Hospital
from almoner.kernel.service_points import event_kinds, steps
from almoner.kernel.tenancy import transaction

MAXIMUM_VISITS_SHOWN = 40
MAXIMUM_HELD_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar day in the hospital's zone: ``starts_at`` up to, not including, ``ends_at``."""

    day: date
    starts_at: datetime
    ends_at: datetime


def period_of(day: date, time_zone: str) -> Period:
    """The instants of ``day``: 24 hours, or 23 or 25 when the clocks change."""
    zone = ZoneInfo(time_zone)
    starts_at = datetime.combine(day, time(), tzinfo=zone)
    ends_at = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
    return Period(day, starts_at.astimezone(UTC), ends_at.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Visit:
    """An encounter of the day, the last thing that happened in it (``last_event`` is its title), and the bed."""

    encounter_id: UUID
    number: str
    encounter_class: str
    triage_level: int | None
    reason: str
    started_at: datetime
    ended_at: datetime | None
    patient_id: UUID
    patient_name: str
    mrn: str
    department: str
    department_kind: str
    bed: str
    last_event_at: datetime | None
    last_event: str

    def is_open(self, at: datetime) -> bool:
        return self.ended_at is None or self.ended_at > at

    def matches(self, words: str) -> bool:
        """Whether every word of ``words`` stands in the name, MRN, visit number or department."""
        text = f"{self.patient_name} {self.mrn} {self.number} {self.department}".casefold()
        return all(word in text for word in words.casefold().split())


@dataclass(frozen=True, slots=True)
class HeldStep:
    """A step that was held, and how it stands now.

    ``released``: the gate would let it pass by now. ``due_minor``, ``reason`` and ``options`` are today's
    answer for the present day, the recorded one for a day gone by (without options).
    """

    decision_id: UUID
    visit: Visit
    step: str
    title: str
    order_number: str
    held_at: datetime
    asked_by: str
    due_minor: int
    reason: str
    options: tuple[Option, ...]
    released: bool


@dataclass(frozen=True, slots=True)
class Takings:
    """Money of one method: received, less what was voided or refunded that day."""

    method: str
    received_minor: int
    returned_minor: int
    payments: int

    @property
    def net_minor(self) -> int:
        return self.received_minor - self.returned_minor


@dataclass(frozen=True, slots=True)
class Collected:
    """What came in on the day. ``by_hour`` is the net amount of each hour of the clock, 0 to 23."""

    by_method: tuple[Takings, ...]
    by_hour: tuple[int, ...]

    @property
    def net_minor(self) -> int:
        return sum(takings.net_minor for takings in self.by_method)

    @property
    def returned_minor(self) -> int:
        return sum(takings.returned_minor for takings in self.by_method)

    @property
    def payments(self) -> int:
        return sum(takings.payments for takings in self.by_method)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work that is open in the visits of the day."""

    test_orders: int
    prescriptions: int
    admissions_without_bed: int
    beds: int
    beds_taken: int


@dataclass(frozen=True, slots=True)
class Day:
    """Everything the first page shows. ``visits`` are those shown, open ones first; ``statuses`` theirs."""

    period: Period
    is_today: bool
    visits: tuple[Visit, ...]
    visits_matching: int
    visits_total: int
    visits_open: int
    statuses: dict[UUID, BillingStatus]
    held: tuple[HeldStep, ...]
    collected: Collected
    waiting: Waiting

    @property
    def held_now(self) -> tuple[HeldStep, ...]:
        return tuple(step for step in self.held if not step.released)


def read_day(hospital: Hospital, day: date, *, at: datetime, words: str = "") -> Day:
    """The day of ``hospital`` as it stands at ``at``; ``words`` narrow the visits, not the figures."""
    period = period_of(day, hospital.time_zone)
    is_today = period.starts_at <= at < period.ends_at
    seen_from = min(at, period.ends_at)
    with transaction(hospital.id):
        visits = _visits(hospital.id, period)
        held = _held(hospital.id, visits, period, at=at, is_today=is_today)
        matching = [visit for visit in visits if visit.matches(words)]
        shown = sorted(matching, key=lambda visit: not visit.is_open(seen_from))[:MAXIMUM_VISITS_SHOWN]
        return Day(
            period=period,
            is_today=is_today,
            visits=tuple(shown),
            visits_matching=len(matching),
            visits_total=len(visits),
            visits_open=sum(visit.is_open(seen_from) for visit in visits),
            statuses=billing_statuses(hospital.id, {visit.patient_id for visit in shown}, at=at),
            held=held,
            collected=_collected(hospital, period),
            waiting=_waiting(hospital.id, visits),
        )


_VISITS = """
WITH visit AS (
    SELECT id FROM patients_encounter
    WHERE hospital_id = %(hospital)s AND started_at >= %(start)s AND started_at < %(end)s
    UNION
    SELECT id FROM patients_encounter
    WHERE hospital_id = %(hospital)s AND started_at >= %(start)s - interval '2 days' AND started_at < %(start)s
      AND (ended_at IS NULL OR ended_at >= %(start)s)
    UNION
    SELECT encounter_id FROM orders_admission
    WHERE hospital_id = %(hospital)s AND ordered_at < %(end)s AND cancelled_at IS NULL
      AND (discharged_at IS NULL OR discharged_at >= %(start)s)
), happened AS (
    SELECT DISTINCT ON (event.encounter_id) event.encounter_id, event.kind, event.occurred_at
    FROM charging_clinicalevent AS event
    WHERE event.hospital_id = %(hospital)s
      AND event.recorded_at >= %(start)s AND event.recorded_at < %(end)s
      AND event.encounter_id IN (SELECT id FROM visit)
    ORDER BY event.encounter_id, event.occurred_at DESC, event.id DESC
), lying AS (
    SELECT admission.encounter_id, ward.name || ' · ' || bed.code AS bed
    FROM ward_bedstay AS stay
    JOIN orders_admission AS admission
        ON admission.hospital_id = %(hospital)s AND admission.id = stay.admission_id
    JOIN hospitals_bed AS bed ON bed.hospital_id = %(hospital)s AND bed.id = stay.bed_id
    JOIN hospitals_ward AS ward ON ward.hospital_id = %(hospital)s AND ward.id = bed.ward_id
    WHERE stay.hospital_id = %(hospital)s AND stay.started_at < %(end)s
      AND (stay.ended_at IS NULL OR stay.ended_at >= %(end)s)
)
SELECT encounter.id, encounter.number, encounter.encounter_class, encounter.triage_level, encounter.reason,
       encounter.started_at, encounter.ended_at, patient.id, patient.name, patient.mrn,
       department.name, department.kind, coalesce(lying.bed, ''), happened.occurred_at, happened.kind
FROM visit
JOIN patients_encounter AS encounter ON encounter.hospital_id = %(hospital)s AND encounter.id = visit.id
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = encounter.patient_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
LEFT JOIN happened ON happened.encounter_id = encounter.id
LEFT JOIN lying ON lying.encounter_id = encounter.id
ORDER BY department.name, encounter.started_at, encounter.id
"""


def _visits(hospital_id: UUID, period: Period) -> list[Visit]:
    """Visits that began on the day, that were under way, and stays; by department and time."""
    titles = {name: str(kind.title) for name, kind in event_kinds().items()}
    with connection.cursor() as cursor:
        cursor.execute(_VISITS, {"hospital": hospital_id, "start": period.starts_at, "end": period.ends_at})
        return [Visit(*[*columns, titles.get(kind, kind or "")]) for *columns, kind in cursor.fetchall()]


_HELD = """
SELECT latest.id, latest.encounter_id, latest.order_id, latest.step, latest.due_minor, latest.reason,
       latest.decided_at, latest.asked_by,
       coalesce(test_order.number, prescription.number, admission.number, '')
FROM (
    SELECT DISTINCT ON (decision.encounter_id, decision.order_id, decision.step) decision.*
    FROM enforcement_gatedecision AS decision
    WHERE decision.hospital_id = %(hospital)s AND decision.encounter_id = ANY (%(encounters)s::uuid[])
      AND decision.decided_at < %(end)s
    ORDER BY decision.encounter_id, decision.order_id, decision.step,
             decision.decided_at DESC, decision.id DESC
) AS latest
LEFT JOIN orders_testorder AS test_order
    ON test_order.hospital_id = %(hospital)s AND test_order.id = latest.order_id
LEFT JOIN orders_prescription AS prescription
    ON prescription.hospital_id = %(hospital)s AND prescription.id = latest.order_id
LEFT JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = latest.order_id
WHERE latest.outcome = 'held'
  AND coalesce(test_order.cancelled_at, prescription.cancelled_at, admission.cancelled_at) IS NULL
ORDER BY latest.decided_at DESC, latest.id DESC
LIMIT %(limit)s
"""


def _held(
    hospital_id: UUID, visits: list[Visit], period: Period, *, at: datetime, is_today: bool
) -> tuple[HeldStep, ...]:
    """Steps whose last answer was Held; on the present day only of patients who are still here."""
    by_id = {visit.encounter_id: visit for visit in visits if not is_today or visit.is_open(at)}
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD,
            {
                "hospital": hospital_id,
                "encounters": list(by_id),
                "end": period.ends_at,
                "limit": MAXIMUM_HELD_SHOWN,
            },
        )
        rows = cursor.fetchall()
    asked = [(step, Subject(encounter_id, order_id)) for _, encounter_id, order_id, step, *_ in rows]
    answers = decisions_now(hospital_id, asked, at=at) if is_today else [None] * len(rows)
    titles = {name: str(step.title) for name, step in steps().items()}
    found = []
    for row, answer in zip(rows, answers, strict=True):
        decision_id, encounter_id, _, step, due_minor, reason, held_at, asked_by, order_number = row
        found.append(
            HeldStep(
                decision_id=decision_id,
                visit=by_id[encounter_id],
                step=step,
                title=titles.get(step, step),
                order_number=order_number,
                held_at=held_at,
                asked_by=asked_by,
                due_minor=answer.due_minor if answer else due_minor,
                reason=answer.reason if answer else reason,
                options=answer.options if answer else (),
                released=answer is not None and answer.may_proceed,
            )
        )
    return tuple(sorted(found, key=lambda held: held.released))


_COLLECTED = """
SELECT movement.method, extract(hour FROM movement.at AT TIME ZONE %(zone)s::text)::int,
       sum(movement.received)::bigint, sum(movement.returned)::bigint, sum(movement.payments)::int
FROM (
    SELECT tender.method, payment.received_at AS at, tender.amount_minor AS received, 0 AS returned,
           (tender.line = 1)::int AS payments
    FROM payments_payment AS payment
    JOIN payments_paymenttender AS tender
        ON tender.hospital_id = %(hospital)s AND tender.payment_id = payment.id
    WHERE payment.hospital_id = %(hospital)s AND payment.received_at >= %(start)s
      AND payment.received_at < %(end)s
    UNION ALL
    SELECT tender.method, void.at, 0, tender.amount_minor, 0
    FROM payments_paymentvoid AS void
    JOIN payments_paymenttender AS tender
        ON tender.hospital_id = %(hospital)s AND tender.payment_id = void.payment_id
    WHERE void.hospital_id = %(hospital)s AND void.at >= %(start)s AND void.at < %(end)s
    UNION ALL
    SELECT method, at, 0, amount_minor, 0 FROM payments_refund
    WHERE hospital_id = %(hospital)s AND at >= %(start)s AND at < %(end)s
) AS movement
GROUP BY 1, 2
"""


def _collected(hospital: Hospital, period: Period) -> Collected:
    """Receipts, voids and refunds of the day, each when it happened."""
    by_hour = [0] * 24
    methods: dict[str, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _COLLECTED,
            {
                "hospital": hospital.id,
                "zone": hospital.time_zone,
                "start": period.starts_at,
                "end": period.ends_at,
            },
        )
        for method, hour, received, returned, payments in cursor.fetchall():
            by_hour[hour] += received - returned
            totals = methods.setdefault(method, [0, 0, 0])
            totals[0] += received
            totals[1] += returned
            totals[2] += payments
    takings = [Takings(method, *totals) for method, totals in methods.items()]
    takings.sort(key=lambda one: (-one.net_minor, one.method))
    return Collected(tuple(takings), tuple(by_hour))


_WAITING = """
WITH open_order AS (
    SELECT DISTINCT item.order_id FROM charging_chargeitem AS item
    WHERE item.hospital_id = %(hospital)s AND item.encounter_id = ANY (%(encounters)s::uuid[])
      AND item.order_id IS NOT NULL AND item.delivered_at IS NULL
      AND item.status IN ('planned', 'unpriced', 'billable')
)
SELECT
    (SELECT count(*) FROM orders_testorder AS o
     WHERE o.hospital_id = %(hospital)s AND o.cancelled_at IS NULL
       AND o.id IN (SELECT order_id FROM open_order)),
    (SELECT count(*) FROM orders_prescription AS o
     WHERE o.hospital_id = %(hospital)s AND o.cancelled_at IS NULL
       AND o.id IN (SELECT order_id FROM open_order)),
    (SELECT count(*) FROM orders_admission AS o
     WHERE o.hospital_id = %(hospital)s AND o.encounter_id = ANY (%(encounters)s::uuid[])
       AND o.cancelled_at IS NULL AND o.discharged_at IS NULL
       AND NOT EXISTS (SELECT FROM ward_bedstay AS stay
                       WHERE stay.hospital_id = %(hospital)s AND stay.admission_id = o.id)),
    (SELECT count(*) FROM hospitals_bed WHERE hospital_id = %(hospital)s AND is_active),
    (SELECT count(*) FROM ward_bedstay WHERE hospital_id = %(hospital)s AND ended_at IS NULL)
"""


def _waiting(hospital_id: UUID, visits: list[Visit]) -> Waiting:
    """Orders of the day's visits that are not fulfilled yet, and the beds as they are now."""
    encounters = [visit.encounter_id for visit in visits]
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"hospital": hospital_id, "encounters": encounters})
        return Waiting(*cursor.fetchone())
