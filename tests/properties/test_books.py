"""Whatever is done in whatever order, the books keep their promises and agree with a simple model.

``ALMONER_PROPERTY_EXAMPLES`` sets how many sequences are tried (each of up to 30 steps); with it a
failing sequence is also made as short as possible, which takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_sequences

from almoner.charging import operations as charging
from almoner.charging.models import ChargeRule
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import grant_override
from almoner.kernel.errors import DomainError, IdempotencyMismatch
from almoner.kernel.ids import new_id
from almoner.ledger.models import OpenItem
from almoner.payments import operations as payments
from almoner.reports.verify import check_books
from almoner.reports.verify.snapshot import snapshot
from tests.properties.model import NET, Books, Charge, Payment
from tests.support.hospital import NOON, SERVICE_PROVIDED, TEST_ORDERED, TestPatient, make_hospital

EXAMPLES = int(os.environ.get("ALMONER_PROPERTY_EXAMPLES", "20"))
PLANNED = "ward.admitted"
AMOUNTS = st.one_of(st.integers(1, 100), st.integers(1, 40_000))


def near(amount: int) -> st.SearchStrategy[int]:
    """Amounts that are mostly possible where ``amount`` is the most that can be moved."""
    return st.one_of(st.integers(1, max(1, amount)), st.just(max(1, amount)), st.integers(1, amount + 50))


QUANTITIES = st.integers(1, 20)


class BooksMachine(RuleBasedStateMachine):
    """A hospital, two patients, and everything that moves their money."""

    @initialize()
    def open_hospital(self) -> None:
        self.hospital = make_hospital()
        with self.hospital.transaction():
            ChargeRule.objects.create(
                hospital_id=self.hospital.id, code="stay", event_kind=PLANNED, per_line=True, planned=True
            )
        self.patients = [self.hospital.patient("Ada"), self.hospital.patient("Bob")]
        self.encounters = [self.hospital.encounter(patient) for patient in self.patients]
        self.books = Books()
        self.captured: list[tuple[str, dict[str, Any], Any]] = []
        self.seconds = 0
        # Something to begin with, so that even a short sequence has charges, deposits and a payer's share.
        self.capture(0, TEST_ORDERED, ["consultation", "blood_count"], 2)
        self.capture(1, SERVICE_PROVIDED, ["bandage", "unlisted"], 3)
        for amount in (4000, 900):
            self._pay(0, amount, shares=[(next(iter(self.books.charges)), 100)])
        self._transfer(next(iter(self.books.charges.values())), 5000)
        both = self.hospital.pay(self.patients[0], 11_000)
        self.books.give_oldest_first(self._remember(self.patients[0], both, 11_000))

    @property
    def how(self) -> dict[str, Any]:
        """Actor and time of the next step."""
        self.seconds += 1
        return {"actor": self.hospital.actor, "at": NOON + timedelta(seconds=self.seconds)}

    def choose(self, data: st.DataObject, *statuses: str) -> Charge:
        return data.draw(st.sampled_from([c for c in self.books.charges.values() if c.status in statuses]))

    def has(self, *statuses: str) -> bool:
        return any(charge.status in statuses for charge in self.books.charges.values())

    def is_covered(self) -> bool:
        return any(charge.payer for charge in self.books.charges.values())

    # What happens to the patient.

    @rule(
        who=st.integers(0, 1),
        kind=st.sampled_from([SERVICE_PROVIDED, TEST_ORDERED, PLANNED]),
        services=st.lists(st.sampled_from(sorted(NET)), min_size=1, max_size=3),
        quantity=QUANTITIES,
    )
    def capture(self, who: int, kind: str, services: list[str], quantity: int) -> None:
        request = {"patient": self.patients[who], "encounter": self.encounters[who], "quantity": quantity}
        key = f"event-{new_id()}"
        done = self.hospital.capture(kind, *services, key=key, **request)
        self.captured.append((key, {"kind": kind, "services": services, **request}, done))
        assert [item["service"] for item in done.items] == services
        for item in done.items:
            price = NET[item["service"]]
            net = None if price is None else price * quantity
            status = "unpriced" if net is None else "planned" if kind == PLANNED else "billable"
            assert (item["status"], item["net_minor"]) == (status, net)
            self.books.charges[item["id"]] = Charge(
                id=item["id"],
                account_id=self.patients[who].account_id,
                kind=kind,
                service=item["service"],
                net=net,
                delivered=kind == SERVICE_PROVIDED and status == "billable",
                status=status,
                patient=net if net and status == "billable" else 0,
            )

    @precondition(lambda self: self.captured)
    @rule(data=st.data(), other=st.booleans())
    def capture_again(self, data: st.DataObject, other: bool) -> None:
        key, request, done = data.draw(st.sampled_from(self.captured))
        again = {**request, "quantity": request["quantity"] + (1 if other else 0)}
        kind, services = again.pop("kind"), again.pop("services")
        if other:
            with pytest.raises(IdempotencyMismatch):
                self.hospital.capture(kind, *services, key=key, **again)
        else:
            replay = self.hospital.capture(kind, *services, key=key, **again)
            assert replay.replayed
            assert replay.event_id == done.event_id

    @precondition(lambda self: self.has("billable"))
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        charge = self.choose(data, "billable")
        assert self.hospital.deliver([charge.id]) == ([] if charge.delivered else [charge.id])
        charge.delivered = True

    @precondition(lambda self: self.has("planned"))
    @rule(data=st.data())
    def bill_planned(self, data: st.DataObject) -> None:
        charge = self.choose(data, "planned")
        with self.hospital.transaction():
            charging.bill_planned([charge.id], service_period="2026-03-02", **self.how)
        charge.status, charge.patient = "billable", charge.net or 0

    @precondition(lambda self: self.has("unpriced"))
    @rule(data=st.data(), price=st.integers(0, 5000))
    def price_unpriced(self, data: st.DataObject, price: int) -> None:
        charge = self.choose(data, "unpriced")
        with self.hospital.transaction():
            item = charging.price_unpriced(charge.id, unit_price_minor=price, **self.how)
        charge.net = int(price * item.quantity)
        charge.status = "planned" if charge.kind == PLANNED else "billable"
        charge.patient = charge.net if charge.status == "billable" else 0
        # What was given while its price was missing is delivered now.
        charge.delivered = charge.kind == SERVICE_PROVIDED

    @precondition(lambda self: self.books.charges)
    @rule(data=st.data(), release_first=st.booleans())
    def cancel(self, data: st.DataObject, release_first: bool) -> None:
        charge = data.draw(st.sampled_from(list(self.books.charges.values())))
        paid_by_payer = any(p.by_payer and charge.id in p.given for p in self.books.payments.values())
        paid = sum(p.given.get(charge.id, 0) for p in self.books.payments.values() if not p.by_payer)
        settled = (charge.net or 0) - charge.patient - (paid if release_first else 0)
        ended = charge.status in ("cancelled", "entered_in_error")
        refused = ended or (charge.status == "billable" and (paid_by_payer or settled != 0))
        with self.expected(refused):
            if release_first:
                payments.cancel_charge(self.hospital.id, charge.id, **self.how)
            else:
                with self.hospital.transaction():
                    charging.cancel(charge.id, **self.how)
        if not refused:
            self._take_back(charge)
            charge.patient, charge.status = 0, "entered_in_error" if charge.delivered else "cancelled"

    def _take_back(self, charge: Charge) -> None:
        for payment in self.books.payments.values():
            if charge.id in payment.given:
                self.books.give(payment, charge, -payment.given[charge.id])

    @precondition(lambda self: self.has("billable"))
    @rule(data=st.data(), quantity=QUANTITIES)
    def revise(self, data: st.DataObject, quantity: int) -> None:
        charge = self.choose(data, "billable")
        price = NET[charge.service]
        if price is None:
            return
        with self.expected(not charge.is_untouched), self.hospital.transaction():
            item = charging.revise(charge.id, quantity=Decimal(quantity), **self.how)
        if charge.is_untouched:
            assert item.net_minor == price * quantity
            charge.status = "entered_in_error" if charge.delivered else "cancelled"
            charge.patient = 0
            self.books.charges[item.id] = Charge(
                id=item.id,
                account_id=charge.account_id,
                kind=charge.kind,
                service=charge.service,
                net=item.net_minor,
                delivered=item.delivered_at is not None,
                patient=item.net_minor,
            )

    # What is paid.

    @rule(data=st.data(), who=st.integers(0, 1), change=st.integers(0, 500), deposit=st.booleans())
    def pay(self, data: st.DataObject, who: int, change: int, deposit: bool) -> None:
        patient = self.patients[who]
        due = sum(charge.patient for charge in self.books.open_charges(patient.account_id))
        amount = data.draw(near(due))
        with self.expected(amount > due and not deposit):
            paid = self.hospital.pay(
                patient, amount, tendered_minor=amount + change, excess="deposit" if deposit else "refuse"
            )
            payment = self._remember(patient, paid, amount)
            self.books.give_oldest_first(payment)
            assert (paid.change_minor, paid.unallocated_minor) == (change, payment.held)

    @precondition(lambda self: self.has("billable"))
    @rule(data=st.data(), more=st.integers(0, 1000))
    def pay_a_share(self, data: st.DataObject, more: int) -> None:
        charge = self.choose(data, "billable")
        amount = data.draw(near(charge.patient))
        who = [patient.account_id for patient in self.patients].index(charge.account_id)
        with self.expected(amount > charge.patient):
            self._pay(who, amount + more, shares=[(charge.id, amount)])

    def _pay(self, who: int, amount: int, *, shares: list[tuple[UUID, int]]) -> None:
        paid = self.hospital.pay(self.patients[who], amount, shares=shares, method="card", excess="deposit")
        payment = self._remember(self.patients[who], paid, amount)
        for charge_id, part in shares:
            self.books.give(payment, self.books.charges[charge_id], part)
        assert paid.unallocated_minor == payment.held

    @precondition(lambda self: self.is_covered())
    @rule(data=st.data())
    def payer_pays(self, data: st.DataObject) -> None:
        patient = data.draw(
            st.sampled_from([p for p in self.patients if self.books.balance(p.account_id)[1]])
        )
        due = self.books.balance(patient.account_id)[1]
        amount = data.draw(near(due))
        with self.expected(amount > due):
            paid = self.hospital.pay(patient, amount, method="bank_transfer", payer_id=self.hospital.payer_id)
            self.books.give_oldest_first(self._remember(patient, paid, amount, by_payer=True))

    def _remember(
        self, patient: TestPatient, paid: payments.Recorded, amount: int, *, by_payer: bool = False
    ) -> Payment:
        payment = Payment(paid.payment_id, patient.account_id, amount, held=amount, by_payer=by_payer)
        self.books.payments[payment.id] = payment
        return payment

    @precondition(lambda self: any(payment.held for payment in self.books.payments.values()))
    @rule(who=st.integers(0, 1), maximum=AMOUNTS)
    def apply_deposits(self, who: int, maximum: int) -> None:
        account_id = self.patients[who].account_id
        given = payments.apply_deposits(
            self.hospital.id,
            account_id,
            maximum_minor=maximum,
            idempotency_key=f"deposit-{new_id()}",
            **self.how,
        )
        assert given == self.books.apply_deposits(account_id, maximum)

    @precondition(lambda self: self.books.payments)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        payment = data.draw(st.sampled_from(list(self.books.payments.values())))
        refused = payment.is_void or payment.refunded > 0
        with self.expected(refused):
            payments.void_payment(
                self.hospital.id, payment.id, reason="mistake", idempotency_key=f"void-{new_id()}", **self.how
            )
        if not refused:
            for charge_id in list(payment.given):
                self.books.give(payment, self.books.charges[charge_id], -payment.given[charge_id])
            payment.held, payment.is_void = 0, True

    @precondition(lambda self: self.books.payments)
    @rule(data=st.data(), method=st.sampled_from(["", "bank_transfer"]), twice=st.booleans())
    def refund(self, data: st.DataObject, method: str, twice: bool) -> None:
        payment = data.draw(st.sampled_from(list(self.books.payments.values())))
        amount = data.draw(near(payment.refundable))
        request = {
            "amount_minor": amount,
            "method": method,
            "reason": "asked for",
            "idempotency_key": f"r{new_id()}",
        }
        refused = amount > payment.refundable
        for _ in range(2 if twice else 1):
            with self.expected(refused):
                payments.refund_payment(self.hospital.id, payment.id, **request, **self.how)
        if not refused:
            self.books.refund(payment, amount)

    @precondition(lambda self: self.has("billable"))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        charge = self.choose(data, "billable")
        givers = [payment for payment in self.books.payments.values() if charge.id in payment.given]
        with self.expected(any(payment.by_payer for payment in givers)):
            released = payments.release(self.hospital.id, charge.id, **self.how)
            assert released == sum(payment.given[charge.id] for payment in givers)
            self._take_back(charge)

    @precondition(lambda self: self.has("billable"))
    @rule(data=st.data(), back=st.booleans())
    def transfer(self, data: st.DataObject, back: bool) -> None:
        charge = self.choose(data, "billable")
        most = charge.payer if back else charge.patient
        amount = data.draw(near(most))
        with self.expected(amount > most):
            self._transfer(charge, -amount if back else amount)

    def _transfer(self, charge: Charge, amount: int) -> None:
        with self.hospital.transaction():
            charging.transfer_to_payer(
                charge.id, payer_id=self.hospital.payer_id, amount_minor=amount, **self.how
            )
        charge.patient -= amount
        charge.payer += amount

    @rule(who=st.integers(0, 1), step=st.sampled_from(["consultation.start", "laboratory.process"]))
    def override(self, who: int, step: str) -> None:
        how = self.how
        grant_override(
            self.hospital.id,
            step=step,
            subject=Subject(encounter_id=self.encounters[who].id),
            reason="cannot wait",
            expires_at=how["at"] + timedelta(hours=1),
            idempotency_key=f"override-{new_id()}",
            **how,
        )

    # What must hold after every step.

    @contextmanager
    def expected(self, refused: bool) -> Iterator[None]:
        """The operation is refused exactly when the model says so."""
        try:
            yield
        except (DomainError, IntegrityError):
            assert refused
        else:
            assert not refused

    @invariant()
    def the_books_keep_their_promises(self) -> None:
        with snapshot(self.hospital.id) as cursor:
            wrong = [found for result in check_books(cursor) for found in result.findings]
        assert wrong == []

    @invariant()
    def the_balances_are_the_models(self) -> None:
        for patient in self.patients:
            balance = self.hospital.balance(patient)
            stored = (
                (balance.receivable_minor, balance.payer_receivable_minor, balance.deposit_minor)
                if balance
                else (0, 0, 0)
            )
            assert stored == self.books.balance(patient.account_id)

    @invariant()
    def what_is_open_is_the_models(self) -> None:
        with self.hospital.transaction():
            stored = {item.id: (item.patient_minor, item.payer_minor) for item in OpenItem.objects.all()}
        posted = [c for c in self.books.charges.values() if c.id in stored or c.patient or c.payer]
        assert stored == {charge.id: (charge.patient, charge.payer) for charge in posted}


def test_any_sequence_keeps_the_books(committed: None) -> None:
    run_sequences(
        BooksMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink]
            if "ALMONER_PROPERTY_EXAMPLES" in os.environ
            else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
