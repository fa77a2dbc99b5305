"""Money at the desk: payments, deposits, plans, slips of the hand and their correction, payers' shares."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from almoner.charging.models import ChargeItem
from almoner.charging.operations import price_unpriced, transfer_to_payer
from almoner.kernel.tenancy import transaction
from almoner.ledger.queries import open_items
from almoner.payments import operations as payments
from almoner.payments.models import Payment, RefundRequest
from almoner.payments.operations import Recorded, Share
from almoner.payments.plans import Terms
from almoner.shell.simulation.visit import Visit
from almoner.shell.simulation.world import Play

_METHODS = {"cash": 45, "card": 35, "mobile_money": 8, "bank_transfer": 7, "cheque": 5}
_NOTE_MINOR = 2000
_STATED_PRICE_MINOR = 4500


def open_charges(visit: Visit, *, side: str = "patient") -> dict[UUID, int]:
    """What is open on each charge of the visit, oldest first, in minor units."""
    with transaction(visit.world.id):
        minor = open_items(visit.account_id, side=side)
        items = ChargeItem.objects.filter(encounter_id=visit.encounter_id, id__in=minor)
        ordered = items.order_by("service_date", "id").values_list("id", flat=True)
        return {item: minor[item] for item in ordered}


def pay(visit: Visit, concerned: Collection[UUID] | None = None, *, advance_minor: int = 0) -> Play[bool]:
    """Queue at the cashier and pay ``concerned`` charges (all of the visit without them).

    ``advance_minor`` is kept as a deposit. False when there was nothing to pay.
    """
    world = visit.world
    with world.cashiers.request() as turn:
        yield turn
        yield world.wait(visit.minutes(2, 6))
        dues = open_charges(visit)
        if concerned is not None and not advance_minor:
            dues = {item: minor for item, minor in dues.items() if item in concerned}
        if not dues and not advance_minor:
            return False
        if dues and not advance_minor and visit.happens(0.06):
            _take(visit, {item: (minor + 1) // 2 for item, minor in dues.items()}, 0)
            world.count("partial payments")
            yield world.wait(visit.minutes(5, 30))
            dues = {item: minor for item, minor in open_charges(visit).items() if item in dues}
        if dues or advance_minor:
            _take(visit, dues, advance_minor)
    return True


def _take(visit: Visit, dues: dict[UUID, int], advance_minor: int) -> Recorded:
    method = visit.chance.choices(list(_METHODS), weights=list(_METHODS.values()))[0]
    if visit.happens(0.03):
        wrong = _record(visit, "cheque" if method == "cash" else "cash", dues, advance_minor)
        payments.void_payment(
            visit.world.id,
            wrong.payment_id,
            reason="Recorded under the wrong method",
            idempotency_key=visit.key("void"),
            actor=visit.staff("billing_staff"),
            at=visit.world.at,
        )
        visit.world.count("payments voided")
    recorded = _record(visit, method, dues, advance_minor)
    visit.world.count("deposits" if advance_minor else "payments")
    return recorded


def _record(visit: Visit, method: str, dues: dict[UUID, int], advance_minor: int) -> Recorded:
    """Record it; now and then the clerk presses the button twice, which must change nothing."""
    world = visit.world
    amount_minor = sum(dues.values()) + advance_minor
    handed_over = -(-amount_minor // _NOTE_MINOR) * _NOTE_MINOR if method == "cash" else amount_minor
    cash_points = world.offer.cash_points
    key, times = visit.key("payment"), 2 if visit.happens(0.04) else 1
    answers = [
        payments.record_payment(
            world.id,
            patient_account_id=visit.account_id,
            method=method,
            amount_minor=amount_minor,
            tendered_minor=handed_over,
            currency=world.hospital.currency,
            cash_point=visit.department if visit.department in cash_points else cash_points[0],
            idempotency_key=key,
            actor=visit.staff("cashier"),
            at=world.at,
            time_zone=world.hospital.time_zone,
            encounter_id=visit.encounter_id,
            shares=[Share(item, minor) for item, minor in dues.items()] or None,
            excess="deposit" if advance_minor else "refuse",
        )
        for _ in range(times)
    ]
    if answers[-1].payment_id != answers[0].payment_id:
        raise RuntimeError(f"The key {key!r} made two payments.")
    visit.world.count("replayed requests", times - 1)
    return answers[0]


def agree_plan(visit: Visit, total_minor: int) -> None:
    """The billing office agrees to instalments, the first in a month."""
    payments.agree_plan(
        visit.world.id,
        patient_account_id=visit.account_id,
        encounter_id=visit.encounter_id,
        total_minor=total_minor,
        terms=Terms(
            instalments=visit.chance.choice((3, 6, 12)),
            first_due_on=(visit.world.local + timedelta(days=30)).date(),
        ),
        actor=visit.staff("billing_staff"),
        at=visit.world.at,
    )
    visit.world.count("payment plans")


def refund_deposit(visit: Visit) -> None:
    """Give back what the patient's payments still hold and nothing asks for."""
    with transaction(visit.world.id):
        held = list(
            Payment.objects.filter(
                patient_account_id=visit.account_id, payer_id=None, unallocated_minor__gt=0
            ).order_by("received_at", "id")
        )
    for payment in held:
        given = payments.refund_or_ask(
            visit.world.id,
            payment.id,
            amount_minor=payment.unallocated_minor,
            reason="Nothing left to pay for",
            idempotency_key=visit.key("refund"),
            actor=visit.staff("billing_staff"),
            at=visit.world.at,
        )
        if isinstance(given, RefundRequest):
            second = visit.staff("administrator")
            payments.approve_refund(visit.world.id, given.id, actor=second, at=visit.world.at)
        visit.world.count("refunds")


def take_back_charges(visit: Visit) -> None:
    """The patient left: what was charged and not delivered is cancelled, what was paid for it given back."""
    with transaction(visit.world.id):
        items = list(
            ChargeItem.objects.filter(
                encounter_id=visit.encounter_id,
                status__in=["planned", "unpriced", "billable"],
                delivered_at=None,
            ).order_by("id")
        )
    for item in items:
        cancelled = visit.world.unless_refused(
            lambda item_id=item.id: payments.cancel_charge(  # type: ignore[misc]
                visit.world.id, item_id, actor=visit.staff("billing_staff"), at=visit.world.at
            )
        )
        visit.world.count("charges cancelled", cancelled is not None)
    refund_deposit(visit)


def set_missing_prices(visit: Visit) -> None:
    """The billing office states the price of what was charged without one."""
    with transaction(visit.world.id):
        missing = ChargeItem.objects.filter(encounter_id=visit.encounter_id, status="unpriced").order_by("id")
        for item in missing:
            price_unpriced(
                item.id,
                unit_price_minor=_STATED_PRICE_MINOR,
                actor=visit.staff("billing_staff"),
                at=visit.world.at,
            )
            visit.world.count("prices stated")


def hand_over_to_payer(visit: Visit) -> None:
    """The payer of an insured patient takes over seven tenths of what is open, and pays it days later."""
    if visit.payer is None:
        return
    _, payer_id = visit.payer
    with transaction(visit.world.id):
        for item, minor in open_charges(visit).items():
            if minor * 7 // 10:
                transfer_to_payer(
                    item,
                    payer_id=payer_id,
                    amount_minor=minor * 7 // 10,
                    actor=visit.staff("billing_staff"),
                    at=visit.world.at,
                )
                visit.world.count("shares taken over by payers")
    visit.world.clock.process(_payer_pays(visit, payer_id))


def _payer_pays(visit: Visit, payer_id: UUID) -> Play[None]:
    yield visit.world.wait(visit.minutes(24, 72) * 60)
    owed_minor = sum(open_charges(visit, side="payer").values())
    if owed_minor:
        payments.record_payment(
            visit.world.id,
            patient_account_id=visit.account_id,
            method="bank_transfer",
            amount_minor=owed_minor,
            currency=visit.world.hospital.currency,
            cash_point=visit.world.offer.cash_points[0],
            idempotency_key=visit.key("payer"),
            actor=visit.staff("insurance_specialist"),
            at=visit.world.at,
            time_zone=visit.world.hospital.time_zone,
            encounter_id=visit.encounter_id,
            payer_id=payer_id,
        )
        visit.world.count("payments by payers")
