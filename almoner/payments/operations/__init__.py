"""Recording, allocating, giving back: every movement of money is one request, one entry, one key."""

from almoner.payments.operations.deposits import apply_deposits, cancel_charge, release
from almoner.payments.operations.giving_back import refund_payment, void_payment
from almoner.payments.operations.plans import agree_plan
from almoner.payments.operations.recording import Recorded, Share, ensure_cash_point, record_payment
from almoner.payments.operations.shared import (
    LEDGER_ACCOUNT_OF_METHOD,
    MAXIMUM_AMOUNT_MINOR,
    PERMISSION_PLAN,
    PERMISSION_RECORD,
    PERMISSION_REFUND,
    PERMISSION_VOID,
)

__all__ = [
    "LEDGER_ACCOUNT_OF_METHOD",
    "MAXIMUM_AMOUNT_MINOR",
    "PERMISSION_PLAN",
    "PERMISSION_RECORD",
    "PERMISSION_REFUND",
    "PERMISSION_VOID",
    "Recorded",
    "Share",
    "agree_plan",
    "apply_deposits",
    "cancel_charge",
    "ensure_cash_point",
    "record_payment",
    "refund_payment",
    "release",
    "void_payment",
]
