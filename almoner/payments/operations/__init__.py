"""Recording, allocating, giving back: every movement of money is one request, one entry, one key."""

from almoner.payments.operations.closing_drawers import close_session
from almoner.payments.operations.deposits import apply_deposits, cancel_charge, release
from almoner.payments.operations.drawers import move_cash, open_session
from almoner.payments.operations.giving_back import refund_payment
from almoner.payments.operations.plan_fees import PlanFees, fees_for, fees_of, not_earned
from almoner.payments.operations.plan_settlement import settle_plan
from almoner.payments.operations.plans import (
    agree_plan,
    approve_plan_change,
    cancel_plan,
    plan_of_key,
    refuse_plan_change,
    request_plan_change,
)
from almoner.payments.operations.recording import (
    Recorded,
    Share,
    Tender,
    ensure_cash_point,
    record_payment,
)
from almoner.payments.operations.refund_requests import (
    approve_refund,
    refund_or_ask,
    refuse_refund,
    request_refund,
)
from almoner.payments.operations.shared import (
    LEDGER_ACCOUNT_OF_METHOD,
    MAXIMUM_AMOUNT_MINOR,
    PERMISSION_PLAN,
    PERMISSION_RECORD,
    PERMISSION_REFUND,
    PERMISSION_SUPERVISE,
    PERMISSION_VOID,
)
from almoner.payments.operations.voids import approve_void, refuse_void, request_void, void_payment

__all__ = [
    "LEDGER_ACCOUNT_OF_METHOD",
    "MAXIMUM_AMOUNT_MINOR",
    "PERMISSION_PLAN",
    "PERMISSION_RECORD",
    "PERMISSION_REFUND",
    "PERMISSION_SUPERVISE",
    "PERMISSION_VOID",
    "PlanFees",
    "Recorded",
    "Share",
    "Tender",
    "agree_plan",
    "apply_deposits",
    "approve_plan_change",
    "approve_refund",
    "approve_void",
    "cancel_charge",
    "cancel_plan",
    "close_session",
    "ensure_cash_point",
    "fees_for",
    "fees_of",
    "move_cash",
    "not_earned",
    "open_session",
    "plan_of_key",
    "record_payment",
    "refund_or_ask",
    "refund_payment",
    "refuse_plan_change",
    "refuse_refund",
    "refuse_void",
    "release",
    "request_plan_change",
    "request_refund",
    "request_void",
    "settle_plan",
    "void_payment",
]
