"""Drawers: one per cashier and cash point, every cent of cash in one of them, closed once with a count."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.transaction import atomic

from almoner.identity.models import AuditRecord, Membership, User
from almoner.identity.roles import actor_for
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.ledger.queries import account_total, session_movements
from almoner.payments import operations as payments
from almoner.payments.denominations import denominations, explained_from_minor, worth
from almoner.payments.models import CashSession, CashTransfer, Payment
from almoner.payments.operations.attempts import COUNT_REFUSED
from almoner.payments.queries import session_report
from tests.support.hospital import NOON, SERVICE_PROVIDED, TestHospital, TestPatient, make_hospital

FLOAT = {2000: 2, 500: 2}
LATER = NOON + timedelta(hours=4)


@dataclass
class Counter:
    """A patient who owes 75.00, and two people who take payments."""

    hospital: TestHospital
    patient: TestPatient
    ada: Actor
    ben: Actor

    def open(
        self, actor: Actor | None = None, *, key: str = "open", point: str = "main", **count: int
    ) -> CashSession:
        return payments.open_session(
            self.hospital.id,
            cash_point=point,
            count={int(name[1:]): pieces for name, pieces in count.items()} or FLOAT,
            idempotency_key=key,
            actor=actor or self.ada,
            at=NOON,
        )

    def pay(self, amount_minor: int = 1000, actor: Actor | None = None, **fields: Any) -> payments.Recorded:
        self.hospital.actor = actor or self.ada
        return self.hospital.pay(self.patient, amount_minor, **fields)

    def close(self, session: CashSession, count: dict[int, int], **fields: Any) -> CashSession:
        return payments.close_session(
            self.hospital.id,
            session.id,
            count=count,
            **{"idempotency_key": "close", "actor": self.ada, "at": LATER, **fields},
        )

    def move(self, session: CashSession, kind: str, amount_minor: int, **fields: Any) -> CashTransfer:
        return payments.move_cash(
            self.hospital.id,
            session.id,
            kind=kind,
            amount_minor=amount_minor,
            **{"idempotency_key": f"{kind}-{amount_minor}", "actor": self.ada, "at": NOON, **fields},
        )

    def drawer_minor(self, session: CashSession) -> int:
        with self.hospital.transaction():
            moved = session_movements(session.id)
        return sum(one.amount_minor for one in moved if one.account_code == "cash_drawer")

    def total(self, account: str) -> int:
        with self.hospital.transaction():
            return account_total(account)


def cashier(hospital: TestHospital, name: str) -> Actor:
    user = User.objects.create_user(f"{name}-{hospital.id}@example.org", name=name)
    Membership.objects.create(hospital_id=hospital.id, user=user, role="cashier")
    return actor_for(user, ["cashier"])


def make_counter() -> Counter:
    hospital = make_hospital()
    with hospital.transaction():
        payments.ensure_cash_point("side", "Side desk")
    patient = hospital.patient()
    hospital.capture(SERVICE_PROVIDED, "consultation", patient=patient)
    return Counter(hospital, patient, cashier(hospital, "ada"), cashier(hospital, "ben"))


@pytest.fixture
def counter(db: None) -> Counter:
    return make_counter()


def refused(code: str, action: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        action()
    assert caught.value.code == code, caught.value
    return caught.value


def test_the_float_comes_out_of_the_safe_into_the_drawer(counter: Counter) -> None:
    session = counter.open()
    assert (session.float_minor, session.name) == (5000, "MAIN/1")
    assert counter.drawer_minor(session) == 5000 == -counter.total("cash_safe")


def test_a_person_takes_no_cash_without_a_drawer_at_that_cash_point(counter: Counter) -> None:
    error = refused("no_open_drawer", counter.pay)
    assert error.field == "cash_point"
    assert counter.pay(method="card").amount_minor == 1000
    counter.open(point="side")
    refused("no_open_drawer", counter.pay)
    counter.open(counter.ben, key="ben")
    refused("no_open_drawer", counter.pay)
    assert counter.pay(actor=counter.ben).amount_minor == 1000


def test_a_programs_cash_goes_into_whichever_drawer_is_open_there(counter: Counter) -> None:
    program = Actor("key:till", frozenset({"payments.record"}))
    before = counter.pay(actor=program)
    session = counter.open()
    after = counter.pay(actor=program)
    with counter.hospital.transaction():
        sessions = dict(Payment.objects.values_list("id", "cash_session_id"))
    assert sessions == {before.payment_id: None, after.payment_id: session.id}
    assert counter.drawer_minor(session) == 6000


def test_one_drawer_per_cashier_and_per_cash_point(counter: Counter) -> None:
    counter.open()
    refused("cashier_has_drawer", lambda: counter.open(key="again", point="side"))
    refused("cash_point_has_drawer", lambda: counter.open(counter.ben, key="ben"))
    with counter.hospital.transaction():
        first = CashSession.objects.get()
        for change in ({"cash_point": "side"}, {"cashier_id": new_id()}):
            row = {
                "hospital_id": first.hospital_id,
                "number": 9,
                "cash_point": first.cash_point,
                "currency": "USD",
                "cashier_id": first.cashier_id,
                "cashier": "user:x",
                "opened_at": NOON,
                "float_minor": 0,
                "idempotency_key": str(new_id()),
                "content_hash": "",
                **change,
            }
            with pytest.raises(IntegrityError, match="open_once"), atomic():
                CashSession.objects.create(**row)


def test_a_repeated_opening_is_the_first_one_and_another_content_is_refused(counter: Counter) -> None:
    assert counter.open().id == counter.open().id
    with pytest.raises(IdempotencyMismatch):
        counter.open(d2000=1)
    assert counter.total("cash_safe") == -5000


def test_closing_posts_what_is_short_and_takes_the_rest_to_the_safe(counter: Counter) -> None:
    session = counter.open()
    counter.pay(3000, tendered_minor=5000)
    counter.pay(1000, method="card")
    closed = counter.close(session, {2000: 3, 1000: 1, 500: 1, 100: 3})
    assert (closed.expected_minor, closed.counted_minor, closed.difference_minor) == (8000, 7800, -200)
    assert counter.drawer_minor(session) == 0
    assert counter.total("cash_over_short") == 200
    assert counter.total("cash_safe") == 7800 - 5000
    with counter.hospital.transaction():
        report = session_report(CashSession.objects.get(id=session.id))
    assert report.expected_minor == 8000
    assert [(one.method, one.net_minor) for one in report.methods] == [("cash", 3000), ("card", 1000)]


def test_a_large_difference_is_explained_or_counted_again(counter: Counter) -> None:
    session = counter.open()
    error = refused("difference_unexplained", lambda: counter.close(session, {2000: 2}))
    assert error.field == "reason" and "10" not in error.message
    closed = counter.close(session, {2000: 2}, reason="A note was torn")
    assert (closed.difference_minor, closed.difference_reason) == (-1000, "A note was torn")


def test_who_counts_again_and_again_learns_nothing_and_leaves_a_trace(counter: Counter) -> None:
    session = counter.open()
    for pieces in (1, 2):
        refused("difference_unexplained", lambda: counter.close(session, {2000: pieces}))  # noqa: B023
    for count in ({2000: 1}, FLOAT):
        error = refused("counted_too_often", lambda: counter.close(session, count))  # noqa: B023
        assert error.field == "reason"
    with counter.hospital.transaction():
        tried = AuditRecord.objects.filter(action=COUNT_REFUSED, subject_id=session.id).order_by("id")
        assert [one.data["amount_minor"] for one in tried] == [2000, 4000]
    assert counter.close(session, FLOAT, reason="Counted anew").difference_minor == 0


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("invalid_amount", {"banked_minor": 10**6, "slip": "S"}),
        ("slip_missing", {"banked_minor": 1000}),
        ("unknown_cashier", {"hand_to": new_id()}),
    ],
)
def test_no_other_mistake_tells_whether_a_count_fits(
    counter: Counter, code: str, wrong: dict[str, Any]
) -> None:
    session = counter.open()
    for count in ({2000: 1}, FLOAT):
        refused(code, lambda: counter.close(session, count, **wrong))  # noqa: B023


def test_what_can_be_taken_out_is_not_found_by_trying(counter: Counter) -> None:
    session = counter.open()
    for amount_minor in (9000, 5001):
        refused("exceeds_drawer", lambda: counter.move(session, "to_safe", amount_minor))  # noqa: B023
    refused("asked_too_often", lambda: counter.move(session, "to_safe", 5001))
    refused("asked_too_often", lambda: counter.move(session, "to_safe", 5000))
    supervisor = Actor(
        "user:office@example.org", frozenset({"payments.record", "payments.supervise_drawers"})
    )
    moved = counter.move(session, "to_safe", 5000, actor=supervisor, idempotency_key="by the office")
    assert moved.amount_minor == 5000


def test_what_goes_to_the_bank_at_the_close_has_its_slip(counter: Counter) -> None:
    session = counter.open()
    refused("slip_missing", lambda: counter.close(session, FLOAT, banked_minor=3000))
    refused("invalid_amount", lambda: counter.close(session, FLOAT, banked_minor=5001, slip="S-1"))
    counter.close(session, FLOAT, banked_minor=3000, slip="S-1")
    assert (counter.total("bank"), counter.total("cash_safe")) == (3000, -3000)
    with counter.hospital.transaction():
        assert CashTransfer.objects.get().reference == "S-1"


def test_cash_is_banked_and_change_brought_while_it_is_open(counter: Counter) -> None:
    session = counter.open()
    refused("exceeds_drawer", lambda: counter.move(session, "banked", 5001, reference="S-2"))
    counter.move(session, "banked", 4000, reference="S-2")
    counter.move(session, "banked", 4000, reference="S-2")
    counter.move(session, "from_safe", 700)
    assert counter.drawer_minor(session) == 1700
    assert counter.total("bank") == 4000


def test_closing_twice_is_once_and_nothing_enters_a_closed_drawer(counter: Counter) -> None:
    session = counter.open()
    first = counter.close(session, FLOAT)
    assert counter.close(session, FLOAT).closed_at == first.closed_at
    refused("cash_session_closed", lambda: counter.close(session, FLOAT, idempotency_key="other"))
    refused("cash_session_closed", lambda: counter.move(session, "to_safe", 100))
    refused("no_open_drawer", counter.pay)
    with counter.hospital.transaction(), pytest.raises(IntegrityError, match="is closed"), atomic():
        CashTransfer.objects.create(
            hospital_id=counter.hospital.id,
            cash_session=session,
            kind="to_safe",
            amount_minor=1,
            currency="USD",
            at=NOON,
            moved_by="x",
            idempotency_key="x",
            content_hash="",
        )


def test_a_closed_session_is_never_changed_and_a_count_adds_up(counter: Counter) -> None:
    session = counter.open()
    with counter.hospital.transaction(), pytest.raises(IntegrityError, match="close_counted"), atomic():
        CashSession.objects.update(
            closed_at=LATER,
            closed_by="x",
            closing_count={"2000": 1},
            counted_minor=1,
            expected_minor=1,
        )
    counter.close(session, FLOAT)
    with (
        counter.hospital.transaction(),
        pytest.raises(Exception, match="append-only"),
        atomic(),
    ):
        CashSession.objects.update(closed_by="somebody else")


def test_the_next_cashier_takes_over_what_was_counted_and_both_are_named(counter: Counter) -> None:
    session = counter.open()
    counter.pay(1000)
    assert counter.ben.user_id
    closed = counter.close(session, {2000: 3}, hand_to=counter.ben.user_id)
    with counter.hospital.transaction():
        taken = CashSession.objects.get(closed_at=None)
    assert (taken.cashier, taken.float_minor, taken.handed_over_from_id) == (
        counter.ben.name,
        6000,
        session.id,
    )
    assert (counter.drawer_minor(closed), counter.drawer_minor(taken)) == (0, 6000)
    assert counter.pay(500, actor=counter.ben).amount_minor == 500


def test_a_drawer_is_handed_to_somebody_who_may_have_it(counter: Counter) -> None:
    session = counter.open()
    assert counter.ada.user_id and counter.ben.user_id
    for user_id, code in ((counter.ada.user_id, "same_cashier"), (new_id(), "unknown_cashier")):
        refused(code, lambda user_id=user_id: counter.close(session, FLOAT, hand_to=user_id))
    counter.open(counter.ben, key="ben", point="side")
    refused("cashier_has_drawer", lambda: counter.close(session, FLOAT, hand_to=counter.ben.user_id))
    with counter.hospital.transaction():
        assert CashSession.objects.filter(closed_at=None).count() == 2


def test_only_its_cashier_and_who_supervises_drawers_close_it(counter: Counter) -> None:
    session = counter.open()
    with pytest.raises(PermissionRefused):
        counter.close(session, FLOAT, actor=counter.ben)
    manager = counter.ben.also("payments.supervise_drawers")
    assert counter.close(session, FLOAT, actor=manager).closed_by == counter.ben.name


def test_cash_is_refunded_out_of_the_drawer_of_whoever_gives_it(counter: Counter) -> None:
    session = counter.open()
    paid = counter.pay(3000)
    clerk = counter.ben.also("payments.refund")

    def refund(method: str, key: str) -> object:
        return payments.refund_payment(
            counter.hospital.id,
            paid.payment_id,
            amount_minor=500,
            reason="not needed",
            method=method,
            idempotency_key=key,
            actor=clerk,
            at=NOON,
        )

    refused("no_open_drawer", lambda: refund("cash", "one"))
    refund("bank_transfer", "two")
    bens = counter.open(counter.ben, key="ben", point="side")
    refund("cash", "three")
    assert (counter.drawer_minor(session), counter.drawer_minor(bens)) == (8000, 4500)


def test_the_database_and_the_data_know_every_denomination() -> None:
    for currency in ("USD", "EUR", "JPY", "KWD", "INR", "XAF"):
        pieces = denominations(currency)
        assert list(pieces) == sorted(set(pieces), reverse=True)
        assert explained_from_minor(currency) > 0
    assert worth({10000: 2, 25: 3}, "USD") == 20075
    assert explained_from_minor("USD") == 500 and explained_from_minor("JPY") == 5
    refused("unknown_denomination", lambda: worth({7: 1}, "USD"))
    refused("invalid_count", lambda: worth({100: -1}, "USD"))


def at_once(*actions: Callable[[], object]) -> list[object]:
    """What each action gives or raises, when they run at the same time on connections of their own."""

    def run(action: Callable[[], object]) -> object:
        try:
            return action()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_two_tabs_open_one_drawer(committed: None) -> None:
    counter = make_counter()
    same = at_once(*[counter.open] * 4)
    assert len({row.id for row in same if isinstance(row, CashSession)}) == 1, same
    others = at_once(lambda: counter.open(key="a"), lambda: counter.open(counter.ben, key="b"))
    assert all(isinstance(row, Conflict) for row in others), others


def test_a_payment_while_closing_is_counted_or_refused(committed: None) -> None:
    counter = make_counter()
    session = counter.open()
    counter.hospital.actor = counter.ada

    def pay() -> payments.Recorded:
        return counter.hospital.pay(counter.patient, 100)

    answers = at_once(pay, pay, lambda: counter.close(session, FLOAT, reason="race"), pay, pay)
    taken = [one for one in answers if isinstance(one, payments.Recorded)]
    closed = next(one for one in answers if isinstance(one, CashSession))
    lost = [one for one in answers if isinstance(one, Exception)]
    assert all(isinstance(one, Conflict) and one.code == "no_open_drawer" for one in lost), lost
    assert closed.expected_minor == 5000 + 100 * len(taken)
    assert counter.drawer_minor(session) == 0


def test_closing_at_once_closes_once(committed: None) -> None:
    counter = make_counter()
    session = counter.open()
    keys: list[str] = ["one", "two"]
    answers = at_once(
        *(lambda key=key: counter.close(session, FLOAT, idempotency_key=key) for key in keys)  # type: ignore[misc]
    )
    assert sorted(type(one).__name__ for one in answers) == ["CashSession", "Conflict"], answers
    assert counter.total("cash_safe") == 0
