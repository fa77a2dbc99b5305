"""Payments by several methods, and voids that take two people."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError
from django.db.transaction import atomic

from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, PermissionRefused
from almoner.ledger.models import Posting
from almoner.ledger.queries import account_total
from almoner.payments import operations as payments
from almoner.payments.models import Payment, PaymentTender, PaymentVoid, VoidRequest
from almoner.payments.operations import Tender
from almoner.payments.tests.test_drawers import LATER, Counter, make_counter, refused
from tests.support.hospital import NOON

MIXED = (Tender("cash", 5000, 6000), Tender("card", 2500, reference="auth 77"))


@pytest.fixture
def counter(db: None) -> Counter:
    return make_counter()


def mixed(counter: Counter, **fields: Any) -> payments.Recorded:
    fields = {"tenders": MIXED, "key": "mixed", **fields}
    return counter.pay(7500, method="", **fields)


def ask(counter: Counter, paid: payments.Recorded, key: str = "ask", **fields: Any) -> VoidRequest:
    return payments.request_void(
        counter.hospital.id,
        paid.payment_id,
        **{"reason": "typed twice", "idempotency_key": key, "actor": counter.ada, "at": NOON, **fields},
    )


def approve(counter: Counter, request: VoidRequest, **fields: Any) -> PaymentVoid:
    checker = counter.ben.also("payments.void")
    return payments.approve_void(counter.hospital.id, request.id, **{"actor": checker, "at": LATER, **fields})


def test_each_method_is_debited_to_its_own_account_on_one_receipt(counter: Counter) -> None:
    session = counter.open()
    paid = mixed(counter)
    assert (paid.amount_minor, paid.change_minor, paid.receipt[-6:]) == (7500, 1000, "000001")
    with counter.hospital.transaction():
        payment = Payment.objects.get()
        assert (payment.method, payment.tendered_minor) == (Payment.SEVERAL, 8500)
        tenders = list(
            PaymentTender.objects.order_by("line").values_list(
                "method", "amount_minor", "change_minor", "reference"
            )
        )
        assert tenders == [("cash", 5000, 1000, ""), ("card", 2500, 0, "auth 77")]
        debits = Posting.objects.filter(payment_id=payment.id, amount_minor__gt=0).order_by("account_code")
        assert list(debits.values_list("account_code", "amount_minor", "cash_session_id")) == [
            ("card_clearing", 2500, session.id),
            ("cash_drawer", 5000, session.id),
        ]


def test_the_same_tenders_again_are_the_same_payment_and_others_are_refused(counter: Counter) -> None:
    counter.open()
    assert mixed(counter).payment_id == mixed(counter).payment_id
    with pytest.raises(IdempotencyMismatch):
        mixed(counter, tenders=(Tender("cash", 2500), Tender("card", 5000)))


@pytest.mark.parametrize(
    ("tenders", "code"),
    [
        ((Tender("cash", 5000), Tender("card", 2400)), "tenders_do_not_add_up"),
        ((Tender("cash", 5000), Tender("card", 2500, 2600)), "invalid_tendered"),
        ((Tender("cash", 7500), Tender("card", 0)), "invalid_amount"),
        ((Tender("cash", 8000), Tender("card", -500)), "invalid_amount"),
        ((Tender("shells", 7500),), "unknown_method"),
        (tuple(Tender("card", 1) for _ in range(11)), "invalid_tenders"),
    ],
)
def test_tenders_that_make_no_sense_are_refused(
    counter: Counter, tenders: tuple[Tender, ...], code: str
) -> None:
    counter.open()
    refused(code, lambda: mixed(counter, tenders=tenders))
    refused("invalid_tenders", lambda: counter.pay(7500, tenders=MIXED))


def test_only_cash_gives_change_by_the_database(counter: Counter) -> None:
    counter.open()
    mixed(counter)
    with counter.hospital.transaction():
        payment = Payment.objects.get()
        with pytest.raises(IntegrityError, match="only_cash_gives_change"), atomic():
            PaymentTender.objects.create(
                hospital_id=counter.hospital.id,
                payment=payment,
                line=9,
                method="card",
                tendered_minor=2,
                change_minor=1,
                amount_minor=1,
            )


def test_a_mixed_payment_is_refunded_by_the_method_that_is_named(counter: Counter) -> None:
    counter.open()
    paid = mixed(counter)
    clerk = counter.ada.also("payments.refund")
    how: dict[str, Any] = {"amount_minor": 2500, "reason": "not used", "actor": clerk, "at": NOON}
    refused(
        "unknown_method",
        lambda: payments.refund_payment(
            counter.hospital.id, paid.payment_id, idempotency_key="refund", **how
        ),
    )
    payments.refund_payment(
        counter.hospital.id, paid.payment_id, method="card", idempotency_key="refund", **how
    )
    with counter.hospital.transaction():
        assert (account_total("card_clearing"), account_total("cash_drawer")) == (0, 10000)


def test_nothing_changes_until_another_person_approves(counter: Counter) -> None:
    session = counter.open()
    request = ask(counter, mixed(counter))
    assert ask(counter, payments.Recorded(request.payment_id, "", 0, 0, 0, True)).id == request.id
    assert counter.drawer_minor(session) == 10000
    with pytest.raises(PermissionRefused):
        approve(counter, request, actor=counter.ben)
    void = approve(counter, request)
    assert approve(counter, request).id == void.id
    assert (void.requested_by, void.approved_by) == (counter.ada.name, counter.ben.name)
    assert counter.drawer_minor(session) == 5000
    assert counter.total("card_clearing") == 0


def test_nobody_approves_their_own_request(counter: Counter) -> None:
    counter.open()
    request = ask(counter, mixed(counter))
    both = counter.ada.also("payments.void")
    refused("own_request", lambda: approve(counter, request, actor=both))
    with counter.hospital.transaction():
        with pytest.raises(IntegrityError, match="void_decided_by_another"), atomic():
            VoidRequest.objects.update(
                decision="approved", decided_at=NOON, decided_by="user:alias", decider_id=both.user_id
            )
        assert not PaymentVoid.objects.exists()


def test_a_person_cannot_void_alone(counter: Counter) -> None:
    counter.open()
    paid = mixed(counter)
    refused(
        "second_person_needed",
        lambda: payments.void_payment(
            counter.hospital.id,
            paid.payment_id,
            reason="typed twice",
            idempotency_key="void",
            actor=counter.ben.also("payments.void"),
            at=NOON,
        ),
    )


def test_a_refused_request_lets_the_payment_stand_and_can_be_made_again(counter: Counter) -> None:
    session = counter.open()
    paid = mixed(counter)
    request = ask(counter, paid)
    refused("void_requested", lambda: ask(counter, paid, "other"))
    checker = counter.ben.also("payments.void")
    for _ in range(2):
        answer = payments.refuse_void(
            counter.hospital.id, request.id, reason="it was right", actor=checker, at=LATER
        )
        assert answer.decision == "refused"
    refused("void_decided", lambda: approve(counter, request))
    assert counter.drawer_minor(session) == 10000
    assert ask(counter, paid, "again").id != request.id


def test_cash_of_a_closed_drawer_comes_out_of_the_approvers(counter: Counter) -> None:
    session = counter.open()
    request = ask(counter, mixed(counter))
    counter.close(session, {10000: 1})
    error = refused("no_open_drawer", lambda: approve(counter, request))
    assert isinstance(error, Conflict)
    bens = counter.open(counter.ben, key="ben", point="side")
    void = approve(counter, request)
    assert void.cash_session_id == bens.id
    assert (counter.drawer_minor(session), counter.drawer_minor(bens)) == (0, 0)


def test_a_refund_in_between_stops_the_void(counter: Counter) -> None:
    counter.open()
    paid = mixed(counter)
    request = ask(counter, paid)
    payments.refund_payment(
        counter.hospital.id,
        paid.payment_id,
        amount_minor=100,
        reason="goodwill",
        method="cash",
        idempotency_key="refund",
        actor=counter.ada.also("payments.refund"),
        at=NOON,
    )
    with pytest.raises(DomainError, match="refunded"):
        approve(counter, request)
    with counter.hospital.transaction():
        assert VoidRequest.objects.get().decision == ""
