"""Money that is held: deposits given to charges, and charges that give theirs back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import OpenItem
from almoner.ledger.operations import post
from almoner.patients.models import PatientAccount
from almoner.payments.models import (
    Allocation,
    DepositApplication,
    Payment,
)
from almoner.payments.operations.shared import (
    PERMISSION_RECORD,
    deallocate,
    money_lines,
    receivable_line,
    replayed,
)


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

    Deposits and charges of all accounts that the patient has in this currency: two merged records have one
    each. 0 when there is nothing to give or nothing open. Replaying a key returns what it gave.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    hashed = content_hash({"account": patient_account_id, "items": charge_item_ids, "maximum": maximum_minor})
    with transaction(hospital_id):
        account, accounts = _lock_accounts(patient_account_id)
        before = replayed(DepositApplication, idempotency_key, hashed)
        if before is not None:
            return int(before.amount_minor)
        source_id = new_id()
        given = _match_deposits(accounts, charge_item_ids, maximum_minor)
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
                    *money_lines(payment, "patient_deposits", part),
                    receivable_line(payment, item, -part),
                )
            ],
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
        return amount


def _lock_accounts(patient_account_id: UUID) -> tuple[PatientAccount, list[UUID]]:
    """The account, and all that its patient has in its currency, locked in one order."""
    owner = PatientAccount.objects.filter(id=patient_account_id)
    locked = PatientAccount.objects.select_for_update(no_key=True).filter(
        patient__in=owner.values("patient"), currency__in=owner.values("currency")
    )
    accounts = {account.id: account for account in locked.order_by("id")}
    if patient_account_id not in accounts:
        raise NotFound(
            gettext("There is no such account."), field="patient_account_id", code="unknown_account"
        )
    return accounts[patient_account_id], list(accounts)


def _match_deposits(
    accounts: Sequence[UUID], charge_item_ids: Sequence[UUID] | None, maximum_minor: int | None
) -> list[tuple[Payment, ChargeItem, int]]:
    deposits = list(
        Payment.objects.filter(patient_account__in=accounts, unallocated_minor__gt=0, payer_id=None).order_by(
            "received_at", "id"
        )
    )
    open_minor = dict(
        OpenItem.objects.filter(patient_account_id__in=accounts, patient_minor__gt=0).values_list(
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
                gettext("There is no such charge item."), field="charge_item_id", code="unknown_charge_item"
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
                    gettext("A payer paid part of this charge: settle that with the payer first."),
                    field="charge_item_id",
                    code="payer_paid",
                )
            lines += deallocate(payment, [(item, row["total"])], source_id, at)
            lines += money_lines(payment, "patient_deposits", -row["total"])
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
