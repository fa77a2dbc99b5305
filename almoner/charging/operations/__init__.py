"""Capture, deliver, cancel, correct, transfer: what the rest of Almoner does with charges."""

from almoner.charging.operations.capture import (
    FUTURE_TOLERANCE,
    MAXIMUM_BATCH,
    PERMISSION_CAPTURE,
    Captured,
    capture,
    capture_batch,
    item_as_row,
)
from almoner.charging.operations.corrections import (
    PERMISSION_CORRECT,
    bill_planned,
    cancel,
    lock_account,
    price_unpriced,
    revise,
    split,
    substitute,
    withdraw,
)
from almoner.charging.operations.delivery import deliver
from almoner.charging.operations.disputes import PERMISSION_DISPUTE, dispute_charge, resolve_dispute
from almoner.charging.operations.transfers import transfer_to_payer
from almoner.charging.operations.work import confirm_delivery, review_work

__all__ = [
    "FUTURE_TOLERANCE",
    "MAXIMUM_BATCH",
    "PERMISSION_CAPTURE",
    "PERMISSION_CORRECT",
    "PERMISSION_DISPUTE",
    "Captured",
    "bill_planned",
    "cancel",
    "capture",
    "capture_batch",
    "confirm_delivery",
    "deliver",
    "dispute_charge",
    "item_as_row",
    "lock_account",
    "price_unpriced",
    "resolve_dispute",
    "review_work",
    "revise",
    "split",
    "substitute",
    "transfer_to_payer",
    "withdraw",
]
