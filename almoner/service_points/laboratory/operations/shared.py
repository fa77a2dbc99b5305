"""What the laboratory's operations share."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.hospitals.models import Hospital
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, NotFound
from almoner.orders.models import TestOrder, TestOrderLine
from almoner.orders.operations import find_order

PERMISSION_PROCESS = "laboratory.process"
PERMISSION_VERIFY = "laboratory.verify"


def order_in_work(order_id: UUID) -> TestOrder:
    """The order, locked; ``NotFound``, or ``Conflict`` while it is not in work or was cancelled."""
    order = find_order(TestOrder, order_id)
    if order.cancelled_at is not None:
        raise Conflict(_("The order was cancelled."), field="order_id", code="order_cancelled")
    if order.started_at is None:
        raise Conflict(
            _("The order is not being processed: start that first."), field="order_id", code="not_processed"
        )
    return order


def line_in_work(order_line_id: UUID) -> TestOrderLine:
    """A line with its service, of an order in work, which is locked and in ``line.order``."""
    line = TestOrderLine.objects.select_related("service").filter(id=order_line_id).first()
    if line is None:
        raise NotFound(_("There is no such test."), field="order_line_id", code="unknown_order_line")
    try:
        line.order = order_in_work(line.order_id)
    except Conflict as error:
        raise Conflict(error.message, field="order_line_id", code=error.code) from None
    return line


def day_at(hospital_id: UUID, at: datetime) -> date:
    """The hospital's date at an instant."""
    return local_date(at, Hospital.objects.values_list("time_zone", flat=True).get(id=hospital_id))
