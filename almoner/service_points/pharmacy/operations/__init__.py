"""What the pharmacy does: hand out, substitute, take back; and its stock."""

from almoner.service_points.pharmacy.operations.dispensing import dispense
from almoner.service_points.pharmacy.operations.returns import take_back
from almoner.service_points.pharmacy.operations.shared import (
    PERMISSION_DISPENSE,
    PERMISSION_STOCK,
    PERMISSION_TAKE_BACK,
    STEP,
)
from almoner.service_points.pharmacy.operations.stock import (
    CountLine,
    adjust,
    compare_count,
    correct_expiry,
    count,
    dispose,
    receive,
    set_minimum,
)
from almoner.service_points.pharmacy.operations.substitution import CONSENT_FLAG, substitute

__all__ = [
    "CONSENT_FLAG",
    "PERMISSION_DISPENSE",
    "PERMISSION_STOCK",
    "PERMISSION_TAKE_BACK",
    "STEP",
    "CountLine",
    "adjust",
    "compare_count",
    "correct_expiry",
    "count",
    "dispense",
    "dispose",
    "receive",
    "set_minimum",
    "substitute",
    "take_back",
]
