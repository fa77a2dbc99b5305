"""Money that comes in: recorded, allocated and numbered in one call to the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.payments.models import CashPoint, Payment
from almoner.payments.operations.shared import (
    LEDGER_ACCOUNT_OF_METHOD,
    PERMISSION_RECORD,
    check_amount,
    no_open_drawer,
)
from almoner.payments.parts import record_in_whole

MAXIMUM_TENDERS = 10


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a payment meant for one charge item, in minor units."""

    charge_item_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Tender:
    """What is paid by one method, in minor units. ``tendered_minor`` (cash) may be more: the rest is change."""

    method: str
    amount_minor: int
    tendered_minor: int | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment as it stands in the books. ``unallocated_minor`` is held as a deposit."""

    payment_id: UUID
    receipt: str
    amount_minor: int
    change_minor: int
    unallocated_minor: int
    replayed: bool


def record_payment(
    hospital_id: UUID,
    *,
    patient_account_id: UUID,
    amount_minor: int,
    currency: str,
    cash_point: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    method: str = "",
    tenders: Sequence[Tender] = (),
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

    ``amount_minor`` is what is applied; ``tendered_minor`` (cash) may be more, the rest is change. It is paid by
    one ``method``, or by ``tenders`` that add up to it, each debited to the account of its own method. A person
    takes cash only with a drawer open at ``cash_point``; a program's money goes into whichever drawer is open
    there. Without
    ``shares`` the oldest open charges are paid first, of ``encounter_id`` when it is given, else of the
    account; no share at all (an empty list) keeps the whole as a deposit, such as the advance for a bed. What
    is left over is refused unless ``excess="deposit"``. A charge that the policies want paid in one sum takes no
    part (``partial_payment``). With ``payer_id`` the payer's part
    of the charges is settled instead of the patient's. Charges of every account that the patient has in
    ``currency`` may be paid (two merged records have one each); what is left over stays on the account named.
    ``time_zone`` decides the year of the receipt.

    Raises ``DomainError`` naming the field, ``NotFound``, ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    received = received_at or at
    lines = _lines(method, tenders, amount_minor, tendered_minor, reference)
    tendered = sum(line["tendered_minor"] for line in lines)
    method = lines[0]["method"] if len(lines) == 1 else Payment.SEVERAL
    _check_excess(excess, payer_id)
    _check_shares(shares, amount_minor, excess)
    if received > at + charging.FUTURE_TOLERANCE:
        raise DomainError(_("The payment lies in the future."), field="received_at", code="payment_in_future")
    asked = {
        "patient_account_id": patient_account_id,
        "encounter_id": encounter_id,
        "payer_id": payer_id,
        "method": method,
        "amount_minor": amount_minor,
        "tendered_minor": tendered,
        "currency": currency,
        "cash_point": cash_point,
        "excess": excess,
        "reference": reference if len(lines) > 1 or not tenders else lines[0]["reference"],
    }
    payment = {
        **asked,
        "id": new_id(),
        "entry_id": new_id(),
        "tenders": lines,
        "cashier_id": actor.user_id,
        "change_minor": tendered - amount_minor,
        "receipt_series": cash_point.upper(),
        "receipt_year": received.astimezone(ZoneInfo(time_zone)).year,
        "received_at": received,
        "recorded_at": at,
        "received_by": actor.name,
        "idempotency_key": idempotency_key,
        "content_hash": content_hash(
            {**asked, "shares": shares, **({"tenders": tenders} if len(lines) > 1 else {})}
        ),
        "side": "payer" if payer_id else "patient",
    }
    allocations = orjson.dumps(list(shares)).decode() if shares is not None else None
    row = _record(hospital_id, payment, allocations)
    if row[0] == "several_accounts":
        row = _record(hospital_id, {**payment, "all_accounts": True}, allocations)
    return _recorded(hospital_id, payment, row)


def _record(hospital_id: UUID, payment: dict[str, Any], allocations: str | None) -> Any:
    return record_in_whole(
        hospital_id,
        lambda version: _call_record(hospital_id, payment, allocations, version),
        payment["currency"],
    )


def _recorded(hospital_id: UUID, payment: dict[str, Any], row: Any) -> Recorded:
    """The answer of the database as ours: recorded, recorded before, or refused."""
    outcome, payment_id, hashed, number, unallocated_minor, detail = row
    if outcome == "replayed":
        if hashed != payment["content_hash"]:
            raise IdempotencyMismatch(payment["idempotency_key"])
        with transaction(hospital_id):
            first = Payment.objects.get(id=payment_id)
        return Recorded(
            first.id, first.receipt, first.amount_minor, first.change_minor, first.unallocated_minor, True
        )
    if outcome != "recorded":
        _refuse(outcome, detail, payment["currency"], payment["cash_point"])
    return Recorded(
        payment_id=payment_id,
        receipt=f"{payment['receipt_series']}-{payment['receipt_year']}-{number:06d}",
        amount_minor=payment["amount_minor"],
        change_minor=payment["change_minor"],
        unallocated_minor=unallocated_minor,
        replayed=False,
    )


def _lines(
    method: str,
    tenders: Sequence[Tender],
    amount_minor: int,
    tendered_minor: int | None,
    reference: str,
) -> list[dict[str, Any]]:
    """The tenders of a payment, checked, with the account that each one is debited to."""
    check_amount(amount_minor)
    if not tenders:
        tenders = [Tender(method, amount_minor, tendered_minor, reference)]
    elif method or tendered_minor is not None:
        raise DomainError(_("Name one method, or several tenders."), field="tenders", code="invalid_tenders")
    elif len(tenders) > MAXIMUM_TENDERS:
        raise DomainError(
            _("A payment has at most %(maximum_tenders)s tenders.") % {"maximum_tenders": MAXIMUM_TENDERS},
            field="tenders",
            code="invalid_tenders",
        )
    elif sum(tender.amount_minor for tender in tenders) != amount_minor:
        raise DomainError(
            _("The tenders come to %(tenders)s minor units, the payment to %(amount_minor)s.")
            % {"tenders": sum(tender.amount_minor for tender in tenders), "amount_minor": amount_minor},
            field="tenders",
            code="tenders_do_not_add_up",
        )
    lines = []
    for tender in tenders:
        tendered = tender.amount_minor if tender.tendered_minor is None else tender.tendered_minor
        _check_money(tender.method, tender.amount_minor, tendered)
        lines.append(
            {
                "method": tender.method,
                "account_code": LEDGER_ACCOUNT_OF_METHOD[Payment.Method(tender.method)],
                "tendered_minor": tendered,
                "change_minor": tendered - tender.amount_minor,
                "amount_minor": tender.amount_minor,
                "reference": tender.reference,
            }
        )
    return lines


def _check_money(method: str, amount_minor: int, tendered_minor: int) -> None:
    check_amount(amount_minor)
    if method not in Payment.Method.values:
        raise DomainError(
            _("Unknown method %(method)r. Known: %(values)s.")
            % {"method": method, "values": ", ".join(Payment.Method.values)},
            field="method",
            code="unknown_method",
        )
    if tendered_minor < amount_minor or (tendered_minor > amount_minor and method != Payment.Method.CASH):
        raise DomainError(
            _("Only cash may be tendered above the amount, and never below it."),
            field="tendered_minor",
            code="invalid_tendered",
        )
    check_amount(tendered_minor, "tendered_minor")


def _check_excess(excess: str, payer_id: UUID | None) -> None:
    if excess not in ("refuse", "deposit"):
        raise DomainError(_("excess is 'refuse' or 'deposit'."), field="excess", code="invalid_excess")
    if payer_id is not None and excess == "deposit":
        raise DomainError(
            _("Only patients leave deposits; a payer pays what it owes."),
            field="excess",
            code="invalid_excess",
        )


def _call_record(
    hospital_id: UUID, payment: dict[str, Any], allocations: str | None, version: int | None
) -> Any:
    """The answer of the database; None when the hospital's configuration is not ``version`` any more."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT recorded.* FROM hospitals_hospital AS hospital"
                " CROSS JOIN LATERAL payments_record(hospital.id, %s::json, %s::json) AS recorded"
                " WHERE hospital.id = %s AND hospital.configuration_version = coalesce(%s,"
                " hospital.configuration_version)",
                [orjson.dumps(payment).decode(), allocations, hospital_id, version],
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
                    _("There is no such %(name)s at this hospital.") % {"name": name.replace("_", " ")},
                    field=field,
                    code=f"unknown_{name}",
                ) from error
        raise


def _check_shares(shares: Sequence[Share] | None, amount_minor: int, excess: str) -> None:
    if shares is None:
        return
    if not shares and excess != "deposit":
        raise DomainError(
            _("Name at least one charge, or leave the choice to us."), field="shares", code="no_shares"
        )
    if len({share.charge_item_id for share in shares}) != len(shares):
        raise DomainError(_("A charge is named twice."), field="shares", code="duplicate_share")
    for index, share in enumerate(shares):
        check_amount(share.amount_minor, f"shares[{index}].amount_minor")
    if sum(share.amount_minor for share in shares) > amount_minor:
        raise DomainError(
            _("The shares come to more than the payment."), field="shares", code="shares_exceed_payment"
        )


def _refuse(outcome: str, detail: str | None, currency: str, cash_point: str) -> None:
    if outcome == "unknown_account":
        raise NotFound(_("There is no such account."), field="patient_account_id", code=outcome)
    if outcome == "no_open_drawer":
        raise no_open_drawer(cash_point)
    if outcome == "wrong_currency":
        raise DomainError(
            _("The account is kept in %(detail)s, not %(currency)s.")
            % {"detail": detail, "currency": currency},
            field="currency",
            code=outcome,
        )
    if outcome == "unknown_item":
        raise NotFound(
            _("Charge item %(detail)s is not open on an account of this patient.") % {"detail": detail},
            field="shares",
            code="unknown_charge_item",
        )
    if outcome == "item_overpaid":
        raise Conflict(
            _(
                "Charge item %(detail)s has less open than its share. Look at it again: it "
                "may have been paid meanwhile."
            )
            % {"detail": detail},
            field="shares",
            code="charge_item_overpaid",
        )
    raise Conflict(
        _("Only %(detail)s minor units are open. Take less, or keep the rest as a deposit (excess=deposit).")
        % {"detail": detail},
        field="amount_minor",
        code="exceeds_outstanding",
        detail={"outstanding_minor": int(detail or 0)},
    )


def ensure_cash_point(code: str, name: str) -> None:
    """Make the cash point if it is missing. Needs the hospital's transaction."""
    CashPoint.objects.get_or_create(code=code, defaults={"hospital_id": require_transaction(), "name": name})
