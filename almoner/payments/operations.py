"""Recording, allocating, giving back: every movement of money is one request, one entry, one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import orjson
from django.db import IntegrityError, connection
from django.db.models import Sum

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import autocommit, require_transaction, transaction
from almoner.ledger.models import JournalEntry, OpenItem
from almoner.ledger.operations import Line, post
from almoner.payments.models import (
    Allocation,
    CashPoint,
    DepositApplication,
    Payment,
    PaymentPlan,
    PaymentVoid,
    Refund,
)

PERMISSION_RECORD = "payments.record"
PERMISSION_VOID = "payments.void"
PERMISSION_REFUND = "payments.refund"
PERMISSION_PLAN = "payments.plan"
MAXIMUM_AMOUNT_MINOR = 10**13

LEDGER_ACCOUNT_OF_METHOD = {
    Payment.Method.CASH: "cash_drawer",
    Payment.Method.CARD: "card_clearing",
    Payment.Method.BANK_TRANSFER: "bank",
    Payment.Method.CHEQUE: "cheque_clearing",
    Payment.Method.MOBILE_MONEY: "mobile_money_clearing",
}


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a payment meant for one charge item, in minor units."""

    charge_item_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment as it stands in the books. ``unallocated_minor`` is held as a deposit."""

    payment_id: UUID
    receipt: str
    amount_minor: int
    change_minor: int
    unallocated_minor: int
    replayed: bool


def _check_amount(amount_minor: int, field: str = "amount_minor") -> None:
    if not 0 < amount_minor <= MAXIMUM_AMOUNT_MINOR:
        raise DomainError(
            f"An amount is above 0 and at most {MAXIMUM_AMOUNT_MINOR} minor units, got {amount_minor}.",
            field=field,
            code="invalid_amount",
        )


def record_payment(
    hospital_id: UUID,
    *,
    patient_account_id: UUID,
    method: str,
    amount_minor: int,
    currency: str,
    cash_point: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    time_zone: str = "UTC",
    received_at: datetime | None = None,
    tendered_minor: int | None = None,
    encounter_id: UUID | None = None,
    payer_id: UUID | None = None,
    shares: Sequence[Share] | None = None,
    excess: str = "refuse",
    reference: str = "",
) -> Recorded:
    """Record money received, allocate it and number its receipt, in one call to the database.

    ``amount_minor`` is what is applied; ``tendered_minor`` (cash) may be more, the rest is change. Without
    ``shares`` the oldest open charges are paid first, of ``encounter_id`` when it is given, else of the
    account; no share at all (an empty list) keeps the whole as a deposit, such as the advance for a bed. What
    is left over is refused unless ``excess="deposit"``. With ``payer_id`` the payer's part
    of the charges is settled instead of the patient's. ``time_zone`` decides the year of the receipt.

    Raises ``DomainError`` naming the field, ``NotFound``, ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    _check_amount(amount_minor)
    if method not in Payment.Method.values:
        raise DomainError(
            f"Unknown method {method!r}. Known: {', '.join(Payment.Method.values)}.",
            field="method",
            code="unknown_method",
        )
    if excess not in ("refuse", "deposit"):
        raise DomainError("excess is 'refuse' or 'deposit'.", field="excess", code="invalid_excess")
    if payer_id is not None and excess == "deposit":
        raise DomainError(
            "Only patients leave deposits; a payer pays what it owes.", field="excess", code="invalid_excess"
        )
    tendered = amount_minor if tendered_minor is None else tendered_minor
    if tendered < amount_minor or (tendered > amount_minor and method != Payment.Method.CASH):
        raise DomainError(
            "Only cash may be tendered above the amount, and never below it.",
            field="tendered_minor",
            code="invalid_tendered",
        )
    _check_amount(tendered, "tendered_minor")
    received = received_at or at
    if received > at + charging.FUTURE_TOLERANCE:
        raise DomainError("The payment lies in the future.", field="received_at", code="payment_in_future")
    _check_shares(shares, amount_minor, excess)
    content = {
        "account": patient_account_id,
        "method": method,
        "amount": amount_minor,
        "tendered": tendered,
        "currency": currency,
        "cash_point": cash_point,
        "encounter": encounter_id,
        "payer": payer_id,
        "shares": [[share.charge_item_id, share.amount_minor] for share in shares]
        if shares is not None
        else None,
        "excess": excess,
        "reference": reference,
    }
    series = cash_point.upper()
    year = received.astimezone(ZoneInfo(time_zone)).year
    payment = {
        "id": new_id(),
        "entry_id": new_id(),
        "patient_account_id": patient_account_id,
        "encounter_id": encounter_id,
        "payer_id": payer_id,
        "method": method,
        "account_code": LEDGER_ACCOUNT_OF_METHOD[Payment.Method(method)],
        "tendered_minor": tendered,
        "change_minor": tendered - amount_minor,
        "amount_minor": amount_minor,
        "currency": currency,
        "reference": reference,
        "cash_point": cash_point,
        "receipt_series": series,
        "receipt_year": year,
        "received_at": received,
        "recorded_at": at,
        "received_by": actor.name,
        "idempotency_key": idempotency_key,
        "content_hash": content_hash(content),
        "side": "payer" if payer_id else "patient",
        "excess": excess,
    }
    allocations = orjson.dumps(list(shares)).decode() if shares is not None else None
    with autocommit(hospital_id):
        row = _call_record(hospital_id, payment, allocations)
    outcome, payment_id, hashed, number, unallocated, detail = row
    if outcome == "replayed" and hashed != payment["content_hash"]:
        raise IdempotencyMismatch(idempotency_key)
    if outcome not in ("recorded", "replayed"):
        _refuse(outcome, detail, currency)
    return Recorded(
        payment_id=payment_id,
        receipt=f"{series}-{year}-{number:06d}",
        amount_minor=amount_minor,
        change_minor=tendered - amount_minor,
        unallocated_minor=unallocated,
        replayed=outcome == "replayed",
    )


def _call_record(hospital_id: UUID, payment: dict[str, Any], allocations: str | None) -> Any:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT * FROM payments_record(%s, %s::json, %s::json)",
                [hospital_id, orjson.dumps(payment).decode(), allocations],
            )
            return cursor.fetchone()
    except IntegrityError as error:
        if "payment_key_once" in str(error):
            raise IdempotencyMismatch(payment["idempotency_key"]) from error
        for name, field in (
            ("encounter", "encounter_id"),
            ("payer", "payer_id"),
            ("cash_point", "cash_point"),
        ):
            if f"payments_payment_{name}" in str(error):
                raise NotFound(
                    f"There is no such {name.replace('_', ' ')} at this hospital.",
                    field=field,
                    code=f"unknown_{name}",
                ) from error
        raise


def _check_shares(shares: Sequence[Share] | None, amount_minor: int, excess: str) -> None:
    if shares is None:
        return
    if not shares and excess != "deposit":
        raise DomainError(
            "Name at least one charge, or leave the choice to us.", field="shares", code="no_shares"
        )
    if len({share.charge_item_id for share in shares}) != len(shares):
        raise DomainError("A charge is named twice.", field="shares", code="duplicate_share")
    for index, share in enumerate(shares):
        _check_amount(share.amount_minor, f"shares[{index}].amount_minor")
    if sum(share.amount_minor for share in shares) > amount_minor:
        raise DomainError(
            "The shares come to more than the payment.", field="shares", code="shares_exceed_payment"
        )


def _refuse(outcome: str, detail: str | None, currency: str) -> None:
    if outcome == "unknown_account":
        raise NotFound("There is no such account.", field="patient_account_id", code=outcome)
    if outcome == "wrong_currency":
        raise DomainError(f"The account is kept in {detail}, not {currency}.", field="currency", code=outcome)
    if outcome == "unknown_item":
        raise NotFound(
            f"Charge item {detail} is not open on this account.", field="shares", code="unknown_charge_item"
        )
    if outcome == "item_overpaid":
        raise Conflict(
            f"Charge item {detail} has less open than its share. Look at it again: it may have been paid meanwhile.",
            field="shares",
            code="charge_item_overpaid",
        )
    raise Conflict(
        f"Only {detail} minor units are open. Take less, or keep the rest as a deposit (excess=deposit).",
        field="amount_minor",
        code="exceeds_outstanding",
        detail={"outstanding_minor": int(detail or 0)},
    )


def _replay(model: Any, key: str, hashed: str) -> Any | None:
    """The row that this key made before; ``IdempotencyMismatch`` when the content was another."""
    row = model.objects.filter(idempotency_key=key).first()
    if row is not None and row.content_hash != hashed:
        raise IdempotencyMismatch(key)
    return row


def _locked_payment(payment_id: UUID) -> Payment:
    payment = Payment.objects.filter(id=payment_id).first()
    if payment is None:
        raise NotFound("There is no such payment.", field="payment_id", code="unknown_payment")
    charging.lock_account(payment.patient_account_id)
    return Payment.objects.get(id=payment_id)


def _allocated(payment: Payment) -> list[tuple[ChargeItem, int]]:
    """What the payment still gives to each charge item, latest charges first."""
    rows = (
        Allocation.objects.filter(payment=payment)
        .values("charge_item_id")
        .annotate(total=Sum("amount_minor"))
        .filter(total__gt=0)
    )
    totals = {row["charge_item_id"]: row["total"] for row in rows}
    items = ChargeItem.objects.filter(id__in=totals).order_by("-service_date", "-id")
    return [(item, totals[item.id]) for item in items]


def _deallocate(
    payment: Payment, parts: list[tuple[ChargeItem, int]], source_id: UUID, at: datetime
) -> list[Line]:
    """Write the negative allocations and give the lines that reopen the charges."""
    Allocation.objects.bulk_create(
        [
            Allocation(
                hospital_id=payment.hospital_id,
                payment=payment,
                charge_item=item,
                amount_minor=-amount,
                currency=payment.currency,
                allocated_at=at,
                source_id=source_id,
            )
            for item, amount in parts
        ]
    )
    return [_receivable(payment, item, amount) for item, amount in parts]


def _receivable(payment: Payment, item: ChargeItem, amount_minor: int) -> Line:
    return Line(
        account_code="payer_receivable" if payment.payer_id else "patient_receivable",
        amount_minor=amount_minor,
        currency=payment.currency,
        patient_account_id=item.patient_account_id,
        charge_item_id=item.id,
        payment_id=payment.id,
        department_id=item.department_id,
        service_id=item.service_id,
        payer_id=payment.payer_id,
    )


def _money(payment: Payment, account_code: str, amount_minor: int) -> list[Line]:
    if amount_minor == 0:
        return []
    return [
        Line(
            account_code=account_code,
            amount_minor=amount_minor,
            currency=payment.currency,
            patient_account_id=payment.patient_account_id,
            payment_id=payment.id,
            payer_id=payment.payer_id,
        )
    ]


def void_payment(
    hospital_id: UUID, payment_id: UUID, *, reason: str, idempotency_key: str, actor: Actor, at: datetime
) -> PaymentVoid:
    """Undo a payment recorded in error: its allocations end, its deposit goes, its entry is reversed.

    Raises ``Conflict`` when it was voided or refunded before.
    """
    actor.require(PERMISSION_VOID)
    check_key(idempotency_key)
    _check_reason(reason)
    hashed = content_hash({"payment": payment_id, "reason": reason})
    with transaction(hospital_id):
        payment = _locked_payment(payment_id)
        before = _replay(PaymentVoid, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        if PaymentVoid.objects.filter(payment=payment).exists():
            raise Conflict("The payment was voided already.", field="payment_id", code="already_voided")
        if Refund.objects.filter(payment=payment).exists():
            raise Conflict(
                "Part of it was refunded: refund the rest instead.", field="payment_id", code="refunded"
            )
        void = PaymentVoid.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            at=at,
            requested_by=actor.name,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        lines = [
            *_money(payment, LEDGER_ACCOUNT_OF_METHOD[Payment.Method(payment.method)], -payment.amount_minor),
            *_deallocate(payment, _allocated(payment), void.id, at),
            *_money(payment, "patient_deposits", payment.unallocated_minor),
        ]
        payment.unallocated_minor = 0
        payment.save(update_fields=["unallocated_minor"])
        entry = JournalEntry.objects.get(source_id=payment.id, kind="payment.received")
        post(
            kind="payment.voided",
            source_id=void.id,
            reverses_id=entry.id,
            lines=lines,
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
        audit.record(
            "payment.voided",
            actor=actor,
            at=at,
            subject_kind="payment",
            subject_id=payment.id,
            reason=reason,
            amount_minor=payment.amount_minor,
        )
        return void


def refund_payment(
    hospital_id: UUID,
    payment_id: UUID,
    *,
    amount_minor: int,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    method: str = "",
) -> Refund:
    """Give money back: first what the payment holds as a deposit, then by reopening its latest charges.

    ``method`` defaults to the payment's. Raises ``Conflict`` for more than the payment still holds.
    """
    actor.require(PERMISSION_REFUND)
    check_key(idempotency_key)
    _check_amount(amount_minor)
    _check_reason(reason)
    hashed = content_hash({"payment": payment_id, "amount": amount_minor, "reason": reason, "method": method})
    with transaction(hospital_id):
        payment = _locked_payment(payment_id)
        before = _replay(Refund, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        how = method or payment.method
        if how not in Payment.Method.values:
            raise DomainError(f"Unknown method {how!r}.", field="method", code="unknown_method")
        allocated = _allocated(payment)
        held = payment.unallocated_minor + sum(amount for _, amount in allocated)
        if amount_minor > held:
            raise Conflict(
                f"The payment holds {held} minor units that can be refunded.",
                field="amount_minor",
                code="exceeds_payment",
                detail={"refundable_minor": held},
            )
        refund = Refund.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            method=how,
            amount_minor=amount_minor,
            currency=payment.currency,
            at=at,
            requested_by=actor.name,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        from_deposit = min(amount_minor, payment.unallocated_minor)
        rest, parts = amount_minor - from_deposit, []
        for item, amount in allocated:
            part = min(rest, amount)
            if part:
                parts.append((item, part))
                rest -= part
        lines = [
            *_money(payment, LEDGER_ACCOUNT_OF_METHOD[Payment.Method(how)], -amount_minor),
            *_money(payment, "patient_deposits", from_deposit),
            *_deallocate(payment, parts, refund.id, at),
        ]
        payment.unallocated_minor -= from_deposit
        payment.save(update_fields=["unallocated_minor"])
        post(
            kind="payment.refunded",
            source_id=refund.id,
            lines=lines,
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
        audit.record(
            "payment.refunded",
            actor=actor,
            at=at,
            subject_kind="payment",
            subject_id=payment.id,
            reason=reason,
            amount_minor=amount_minor,
        )
        return refund


def apply_deposits(
    hospital_id: UUID,
    patient_account_id: UUID,
    *,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    charge_item_ids: Sequence[UUID] | None = None,
    maximum_minor: int | None = None,
    reason: str = "deposit applied",
) -> int:
    """Give deposits (oldest first) to open charges (oldest first, or those named); returns minor units given.

    0 when there is nothing to give or nothing open. Replaying a key returns what it gave.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    hashed = content_hash({"account": patient_account_id, "items": charge_item_ids, "maximum": maximum_minor})
    with transaction(hospital_id):
        account = charging.lock_account(patient_account_id)
        before = _replay(DepositApplication, idempotency_key, hashed)
        if before is not None:
            return int(before.amount_minor)
        source_id = new_id()
        given = _match_deposits(account.id, charge_item_ids, maximum_minor)
        amount = sum(part for _, _, part in given)
        if not amount:
            return 0
        DepositApplication.objects.create(
            id=source_id,
            hospital_id=hospital_id,
            patient_account=account,
            amount_minor=amount,
            currency=account.currency,
            at=at,
            requested_by=actor.name,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        Allocation.objects.bulk_create(
            [
                Allocation(
                    hospital_id=hospital_id,
                    payment=payment,
                    charge_item=item,
                    amount_minor=part,
                    currency=account.currency,
                    allocated_at=at,
                    source_id=source_id,
                )
                for payment, item, part in given
            ]
        )
        for payment in {payment.id: payment for payment, _, _ in given}.values():
            payment.save(update_fields=["unallocated_minor"])
        post(
            kind="deposit.applied",
            source_id=source_id,
            lines=[
                line
                for payment, item, part in given
                for line in (
                    *_money(payment, "patient_deposits", part),
                    _receivable(payment, item, -part),
                )
            ],
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
        return amount


def _match_deposits(
    account_id: UUID, charge_item_ids: Sequence[UUID] | None, maximum_minor: int | None
) -> list[tuple[Payment, ChargeItem, int]]:
    deposits = list(
        Payment.objects.filter(
            patient_account_id=account_id, unallocated_minor__gt=0, payer_id=None
        ).order_by("received_at", "id")
    )
    open_minor = dict(
        OpenItem.objects.filter(patient_account_id=account_id, patient_minor__gt=0).values_list(
            "id", "patient_minor"
        )
    )
    items = ChargeItem.objects.filter(id__in=open_minor).order_by("service_date", "id")
    if charge_item_ids is not None:
        items = items.filter(id__in=charge_item_ids)
    left = sum(payment.unallocated_minor for payment in deposits)
    if maximum_minor is not None:
        left = min(left, maximum_minor)
    given = []
    for item in items:
        for payment in deposits:
            part = min(open_minor[item.id], payment.unallocated_minor, left)
            if part:
                given.append((payment, item, part))
                open_minor[item.id] -= part
                payment.unallocated_minor -= part
                left -= part
    return given


def release(hospital_id: UUID, charge_item_id: UUID, *, actor: Actor, at: datetime) -> int:
    """Take what was paid for a charge off it and hold it as deposits; returns minor units released.

    Needed before a paid charge is cancelled or corrected.
    """
    with transaction(hospital_id):
        item = ChargeItem.objects.filter(id=charge_item_id).first()
        if item is None:
            raise NotFound(
                "There is no such charge item.", field="charge_item_id", code="unknown_charge_item"
            )
        charging.lock_account(item.patient_account_id)
        totals = (
            Allocation.objects.filter(charge_item=item)
            .values("payment_id")
            .annotate(total=Sum("amount_minor"))
            .filter(total__gt=0)
            .order_by("payment_id")
        )
        source_id, lines, released = new_id(), [], 0
        for row in totals:
            payment = Payment.objects.get(id=row["payment_id"])
            if payment.payer_id is not None:
                raise Conflict(
                    "A payer paid part of this charge: settle that with the payer first.",
                    field="charge_item_id",
                    code="payer_paid",
                )
            lines += _deallocate(payment, [(item, row["total"])], source_id, at)
            lines += _money(payment, "patient_deposits", -row["total"])
            payment.unallocated_minor += row["total"]
            payment.save(update_fields=["unallocated_minor"])
            released += row["total"]
        if released:
            post(
                kind="payment.released",
                source_id=source_id,
                lines=lines,
                occurred_at=at,
                posted_at=at,
                actor=actor.name,
            )
        return released


def cancel_charge(
    hospital_id: UUID, charge_item_id: UUID, *, actor: Actor, at: datetime, source_id: UUID | None = None
) -> ChargeItem:
    """Release what was paid for a charge, then take the charge back."""
    with transaction(hospital_id):
        release(hospital_id, charge_item_id, actor=actor, at=at)
        return charging.cancel(charge_item_id, actor=actor, at=at, source_id=source_id)


def agree_plan(
    hospital_id: UUID,
    *,
    patient_account_id: UUID,
    encounter_id: UUID | None,
    total_minor: int,
    instalments: int,
    first_due_on: date,
    actor: Actor,
    at: datetime,
    idempotency_key: str = "",
) -> PaymentPlan:
    """Record that the patient pays ``total_minor`` in ``instalments``; gates read it as a fact.

    With ``idempotency_key`` the plan's id follows from it: repeating the request returns the first plan,
    and raises ``IdempotencyMismatch`` when it says something else.
    """
    actor.require(PERMISSION_PLAN)
    _check_amount(total_minor, "total_minor")
    if not 1 <= instalments <= 120:
        raise DomainError("A plan has 1 to 120 instalments.", field="instalments", code="invalid_instalments")
    with transaction(hospital_id):
        account = charging.lock_account(patient_account_id)
        plan_id = uuid5(hospital_id, f"plan:{check_key(idempotency_key)}") if idempotency_key else new_id()
        before = PaymentPlan.objects.filter(id=plan_id).first()
        if before is not None:
            said = (account.id, encounter_id, total_minor, instalments, first_due_on)
            if said != (
                before.patient_account_id,
                before.encounter_id,
                before.total_minor,
                before.instalments,
                before.first_due_on,
            ):
                raise IdempotencyMismatch(idempotency_key)
            return before
        plan = PaymentPlan.objects.create(
            id=plan_id,
            hospital_id=hospital_id,
            patient_account=account,
            encounter_id=encounter_id,
            total_minor=total_minor,
            currency=account.currency,
            instalments=instalments,
            first_due_on=first_due_on,
            agreed_at=at,
            agreed_by=actor.name,
        )
        audit.record(
            "payment_plan.agreed",
            actor=actor,
            at=at,
            subject_kind="payment_plan",
            subject_id=plan.id,
            total_minor=total_minor,
        )
        return plan


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 500:
        raise DomainError("Say why, in 1 to 500 characters.", field="reason", code="reason_missing")


def ensure_cash_point(code: str, name: str) -> None:
    """Make the cash point if it is missing. Needs the hospital's transaction."""
    CashPoint.objects.get_or_create(code=code, defaults={"hospital_id": require_transaction(), "name": name})
