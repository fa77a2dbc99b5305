"""What a client does in a block: prepare without the clock, then call and time each call.

``Desk`` is a client's place of work: its share of the visits, so that two clients never wait for one
account, and its connections. Ours goes through the operations; the floor through ``floor``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from almoner.catalog.models import Service
from almoner.charging.operations import Captured, capture, capture_batch
from almoner.charging.rules import Event, EventLine
from almoner.enforcement import gate
from almoner.enforcement.facts import Subject
from almoner.enforcement.policy import read_policies
from almoner.enforcement.preview import Preview, preview
from almoner.enforcement.queries import billing_status
from almoner.enforcement.wire import SCOPE_BLOCKED, SCOPE_STATUS
from almoner.hospitals.models import Hospital
from almoner.identity.models import ApiKey
from almoner.kernel.clock import now
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import PatientBalance
from almoner.pages.live import changes_url
from almoner.payments.operations import record_payment
from benchmarks import floor, loading, web
from benchmarks.floor import HandWrittenEvent, HandWrittenPayment, Visit

Block = tuple[list[float], float]
DESKS = 32
"""0 to 15 for the clients over HTTP, the rest for those in process."""
READER = -1
VISITS_OF_A_DESK = 600
BATCH = 100
ASKED = 500


class Desk:
    """Where client ``number`` works: a hospital, patients of its own, a cash point.

    No two desks share a patient, so that what one suite does to its patients changes nothing for another,
    and clients do not wait for each other's accounts. Desk ``READER`` only reads, from all patients.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.cash_point = f"desk-{number % loading.CASH_POINTS}"
        self.run = str(new_id())
        self._visit_turn = count()
        self._event_turn = count()
        self._key_turn = count()

    @cached_property
    def hospital(self) -> Hospital:
        return Hospital.objects.get(slug=loading.HOSPITALS[self.number % len(loading.HOSPITALS)])

    @cached_property
    def visits(self) -> list[Visit]:
        """The desk's share of the visits that are not paid yet, spread over everything that was loaded."""
        return self.share_of_visits(loading.VISITS_OF_A_PATIENT - 1)

    def share_of_visits(self, which: int) -> list[Visit]:
        """The ``which``-th visit (from 0; the last is unpaid) of the patients of this desk."""
        with transaction(self.hospital.id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.id, e.patient_id, a.id, e.department_id FROM patients_encounter AS e"
                " JOIN patients_patientaccount AS a ON a.hospital_id = e.hospital_id AND a.patient_id = e.patient_id"
                " JOIN patients_patient AS p ON p.hospital_id = e.hospital_id AND p.id = e.patient_id"
                " WHERE e.hospital_id = %s AND right(e.number, 8)::int %% %s = %s"
                "   AND (%s < 0 OR right(p.mrn, 8)::int / %s %% %s = %s)"
                " ORDER BY md5(e.number) LIMIT %s",
                [
                    self.hospital.id,
                    loading.VISITS_OF_A_PATIENT,
                    which,
                    self.number,
                    loading.VISITS_OF_A_PATIENT,
                    DESKS,
                    self.number,
                    VISITS_OF_A_DESK,
                ],
            )
            return [Visit(*row) for row in cursor.fetchall()]

    @cached_property
    def service_ids(self) -> dict[str, UUID]:
        with transaction(self.hospital.id):
            rows = Service.objects.filter(hospital_id=self.hospital.id)
            return dict(rows.values_list("code", "id"))

    @cached_property
    def floor(self) -> Any:
        """The floor's connection: prepared, autocommit, the hospital set once."""
        database = settings.DATABASES["default"]
        url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
        return floor.connect(url, self.hospital.id)

    def next_visit(self) -> Visit:
        return self.visits[next(self._visit_turn) % len(self.visits)]

    def key(self) -> str:
        """A key that was never used before."""
        return f"{self.run}-{next(self._key_turn)}"

    def event(self) -> Event:
        """An event with three lines, of the next visit."""
        visit = self.next_visit()
        lines = loading.services_of(next(self._event_turn))
        return Event(
            kind=loading.EVENT_KIND,
            idempotency_key=self.key(),
            occurred_at=now(),
            encounter_id=visit.encounter_id,
            lines=tuple(EventLine(code) for code in lines),
        )

    def hand_written_event(self) -> HandWrittenEvent:
        """What the floor is told about an event: the visit, services with their prices, the key."""
        codes = loading.services_of(next(self._event_turn))
        lines = [
            (self.service_ids[code], loading.price_minor(loading.SERVICES.index(code))) for code in codes
        ]
        return self.next_visit(), lines, self.key()


def timed(call: Callable[[Any], object], arguments: Iterable[Any]) -> Block:
    """Seconds of every call, and of all of them together; making the argument is not on the clock."""
    seconds = []
    for argument in arguments:
        start = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - start)
    return seconds, sum(seconds)


def capture_ours(desk: Desk, number: int) -> Block:
    """``number`` captures, one by one."""
    hospital_id = desk.hospital.id
    return timed(
        lambda event: capture(hospital_id, event, actor=loading.ACTOR, at=event.occurred_at),
        (desk.event() for _ in range(number)),
    )


def capture_floor(desk: Desk, number: int, statement: str = "capture") -> Block:
    """The same rows by one hand-written statement each."""
    text, hospital_id, at, connection = floor.statement(statement), desk.hospital.id, now(), desk.floor
    return timed(
        lambda event: connection.execute(text, floor.capture_parameters(hospital_id, event, at)),
        (desk.hand_written_event() for _ in range(number)),
    )


def batch_ours(desk: Desk, number: int) -> Block:
    """``number`` batches of a hundred events."""
    hospital_id = desk.hospital.id
    return timed(
        lambda events: capture_batch(hospital_id, events, actor=loading.ACTOR, at=now()),
        ([desk.event() for _ in range(BATCH)] for _ in range(number)),
    )


def batch_floor(desk: Desk, number: int) -> Block:
    """The same rows by one hand-written statement for each batch."""
    text, hospital_id, at, connection = floor.statement("capture_batch"), desk.hospital.id, now(), desk.floor
    return timed(
        lambda events: connection.execute(text, floor.batch_parameters(hospital_id, events, at)),
        ([desk.hand_written_event() for _ in range(BATCH)] for _ in range(number)),
    )


def _charged(desk: Desk, number: int) -> list[tuple[Visit, Captured]]:
    """What the payments of a block are for: an event each, on accounts that owe nothing else."""
    at = now()
    events = [desk.event() for _ in range(number)]
    visits = {visit.encounter_id: visit for visit in desk.visits}
    _settle(desk, [visits[event.encounter_id].account_id for event in events], at)
    captured: list[Captured] = []
    for start in range(0, number, BATCH):
        part = events[start : start + BATCH]
        captured += capture_batch(desk.hospital.id, part, actor=loading.ACTOR, at=now())
    return [(visits[event.encounter_id], outcome) for event, outcome in zip(events, captured, strict=True)]


def _settle(desk: Desk, account_ids: list[UUID], at: datetime) -> None:
    """Pay what is still open from before, so that a payment in full is one of three charges."""
    with transaction(desk.hospital.id):
        owing = list(
            PatientBalance.objects.filter(id__in=account_ids, receivable_minor__gt=0).values_list(
                "id", "receivable_minor"
            )
        )
    for account_id, amount_minor in owing:
        _pay(desk, account_id, amount_minor, at)


def _pay(desk: Desk, account_id: UUID, amount_minor: int, at: datetime) -> None:
    record_payment(
        desk.hospital.id,
        patient_account_id=account_id,
        method="cash",
        amount_minor=amount_minor,
        currency="USD",
        cash_point=desk.cash_point,
        idempotency_key=desk.key(),
        actor=loading.ACTOR,
        at=at,
        time_zone=desk.hospital.time_zone,
    )


def payment_ours(desk: Desk, number: int) -> Block:
    """``number`` payments in full of three charges; which ones is found out by the operation."""
    at = now()
    due = [(visit.account_id, captured.total_minor) for visit, captured in _charged(desk, number)]
    return timed(lambda given: _pay(desk, given[0], given[1], at), due)


def payment_floor(desk: Desk, number: int) -> Block:
    """The same rows by one hand-written statement each, which is told the three charges."""
    text, hospital_id, at, connection = floor.statement("payment"), desk.hospital.id, now(), desk.floor
    due: list[HandWrittenPayment] = [
        (
            visit,
            [(item["id"], item["service_id"], item["net_minor"]) for item in captured.items],
            desk.cash_point,
            desk.key(),
        )
        for visit, captured in _charged(desk, number)
    ]
    return timed(
        lambda payment: connection.execute(text, floor.payment_parameters(hospital_id, payment, at)), due
    )


def gate_ours(desk: Desk, number: int) -> Block:
    """``number`` decisions of the gate, each stored with its facts."""
    hospital_id, at = desk.hospital.id, now()
    return timed(
        lambda subject: gate.check(hospital_id, loading.STEP, subject, actor=loading.ACTOR, at=at),
        (Subject(desk.next_visit().encounter_id) for _ in range(number)),
    )


def status_ours(desk: Desk, number: int) -> Block:
    """``number`` billing statuses."""
    hospital_id, at = desk.hospital.id, now()
    return timed(
        lambda patient_id: billing_status(hospital_id, patient_id, at=at),
        (desk.next_visit().patient_id for _ in range(number)),
    )


def past_decisions(desk: Desk, number: int) -> int:
    """Not a measurement: ``number`` decisions over the last thirty days, each about an order of its own, with the
    facts of some that the gate has made now, every second time with a part of the first charge paid; returns how
    many there are."""
    gate_ours(desk, ASKED)
    with transaction(desk.hospital.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO enforcement_gatedecision (hospital_id, id, step, patient_id, encounter_id, order_id,"
            " outcome, reason_code, reason, due_minor, currency, facts, configuration_version, decided_at,"
            " asked_by) SELECT d.hospital_id, gen_random_uuid(), step, patient_id, encounter_id,"
            " gen_random_uuid(), outcome, reason_code, reason, due_minor, currency,"
            " CASE WHEN copy %% 2 = 0 THEN facts"
            "  ELSE jsonb_set(facts, '{items,0,due_minor}', to_jsonb(1 + (random() * 1499)::int)) END,"
            " configuration_version, decided_at - random() * interval '30 days', asked_by"
            " FROM (SELECT * FROM enforcement_gatedecision WHERE hospital_id = %s"
            "       ORDER BY decided_at DESC LIMIT %s) AS d CROSS JOIN generate_series(1, %s) AS copy",
            [desk.hospital.id, ASKED, -(-number // ASKED)],
        )
        cursor.execute(
            "SELECT count(*) FROM enforcement_gatedecision WHERE hospital_id = %s", [desk.hospital.id]
        )
        return int(cursor.fetchone()[0])


def _strict_preview(desk: Desk, until: datetime) -> Preview:
    """What strict payment would have done over the last month."""
    policies = read_policies(0, [("hospital", "", {"payment_enforcement": {"global_policy": "strict"}})])
    return preview(desk.hospital.id, policies, since=until - timedelta(days=31), until=until)


def preview_ours(desk: Desk, number: int) -> Block:
    """``number`` previews of strict payment over the last month."""
    return timed(lambda until: _strict_preview(desk, until), (now() for _ in range(number)))


def situations(desk: Desk) -> int:
    """Not a measurement: how many situations the past decisions come down to."""
    return _strict_preview(desk, now()).groups


def preview_floor(desk: Desk, number: int) -> Block:
    """The same decisions read and parsed, and nothing done with them."""

    def read(since: datetime) -> None:
        with transaction(desk.hospital.id), connection.chunked_cursor() as cursor:
            cursor.execute(
                "SELECT facts::text FROM enforcement_gatedecision WHERE hospital_id = %s AND decided_at >= %s"
                " ORDER BY decided_at",
                [desk.hospital.id, since],
            )
            while rows := cursor.fetchmany(2000):
                for (facts,) in rows:
                    orjson.loads(facts)

    return timed(read, (now() - timedelta(days=31) for _ in range(number)))


def changes_ticket(desk: Desk) -> str:
    """Where an open page of this desk's hospital asks whether anything changed."""
    return changes_url(desk.hospital)


def make_hospitals(desk: Desk) -> None:
    """Not a measurement: the two hospitals, empty. See ``loading``."""
    for slug in loading.HOSPITALS:
        loading.make_hospital(slug)


def load(desk: Desk, postings: int) -> int:
    """Not a measurement: fill this desk's hospital up to its share of ``postings``; returns its visits."""
    visits = loading.visits_for(postings)
    loading.load(desk.hospital.slug, visits, lambda added: None)
    return visits


def assignment(desk: Desk, number: int) -> web.Assignment:
    """What web client ``number`` works on, with an API key of its hospital."""
    place = Desk(number)
    scopes = ["charging.capture", "payments.record", SCOPE_STATUS, SCOPE_BLOCKED]
    _, secret = ApiKey.issue(hospital_id=place.hospital.id, name=f"bench {number}", scopes=scopes)
    return web.Assignment(
        hospital_id=str(place.hospital.id),
        api_key=secret,
        cash_point=place.cash_point,
        event_kind=loading.EVENT_KIND,
        visits=[
            (str(visit.encounter_id), str(visit.patient_id), str(visit.account_id), str(visit.department_id))
            for visit in place.share_of_visits(0)
        ],
        services=[
            (code, str(place.service_ids[code]), loading.price_minor(position))
            for position, code in enumerate(loading.SERVICES)
        ],
        lines=loading.LINES,
        run=place.run,
    )
