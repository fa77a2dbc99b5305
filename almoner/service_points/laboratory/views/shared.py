"""What the laboratory's views share."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.pages.staff import HospitalRequest
from almoner.service_points.laboratory import queries
from almoner.service_points.laboratory.queries import LaboratoryOrder

INVALID = 422


def order_in_work(request: HospitalRequest, order_id: UUID) -> LaboratoryOrder:
    """The order, which must be in work. Raises ``NotFound``, ``Conflict``."""
    with transaction(request.hospital.id):
        found = queries.laboratory_order(request.hospital.id, order_id, at=request.at, today=request.today)
    if not found.is_processed:
        raise Conflict(
            _("The order is not in work: process its samples first."), field="order_id", code="not_processed"
        )
    return found
