"""What is usual: set from the bench for one parameter and the people it holds for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import transaction
from almoner.service_points.laboratory.catalogue import definitions, ranges_in_force
from almoner.service_points.laboratory.models import ReferenceRange
from almoner.service_points.laboratory.operations.shared import PERMISSION_PROCESS, line_in_work
from almoner.service_points.laboratory.rules import Usual

SEXES = ("", "female", "male")


def set_reference_range(
    hospital_id: UUID,
    order_line_id: UUID,
    *,
    usual: Usual,
    parameter: str = "",
    actor: Actor,
    at: datetime,
) -> ReferenceRange | None:
    """Say what is usual for a parameter of the test of ``order_line_id``, for results entered from now on.

    The same range again is not written again (None). Raises ``DomainError`` naming the bound that cannot be,
    ``Conflict`` while the order is not in work.
    """
    actor.require(PERMISSION_PROCESS)
    check_usual(usual)
    if usual.bounds.are_none:
        raise DomainError(_("A range has a lower or an upper bound."), field="low", code="no_bound")
    with transaction(hospital_id):
        line = line_in_work(order_line_id)
        test = definitions([(line.service_id, line.service.name)])[line.service_id]
        if test.parameter(parameter) is None:
            raise DomainError(
                _("Expected a parameter of this test."), field="parameter", code="unknown_parameter"
            )
        standing = ranges_in_force([line.service_id]).get((line.service_id, parameter), [])
        if usual in standing:
            return None
        row = write_range(hospital_id, line.service_id, parameter, usual, actor=actor, at=at)
        audit.record(
            "reference_range.set", actor=actor, at=at, subject_kind="reference_range", subject_id=row.id
        )
        return row


def check_usual(usual: Usual) -> None:
    """Raise ``DomainError``, which names the field, for bounds or ages that cross, or an unknown sex."""
    bounds = usual.bounds
    for low, high, field, says in [
        (bounds.low, bounds.high, "high", _("Expected at least the lower bound.")),
        (bounds.critical_low, bounds.low, "critical_low", _("Expected at most the lower bound.")),
        (bounds.high, bounds.critical_high, "critical_high", _("Expected at least the upper bound.")),
        (bounds.critical_low, bounds.critical_high, "critical_high", _("Expected the bounds in order.")),
    ]:
        if low is not None and high is not None and low > high:
            raise DomainError(says, field=field, code="bounds_crossed")
    if usual.from_months < 0:
        raise DomainError(_("Expected an age."), field="from_months", code="invalid_age")
    if usual.to_months is not None and usual.to_months <= usual.from_months:
        raise DomainError(_("Expected an age above the first one."), field="to_months", code="ages_crossed")
    if usual.sex not in SEXES:
        raise DomainError(_("Expected female, male or nothing."), field="sex", code="invalid_sex")


def write_range(
    hospital_id: UUID, service_id: UUID, parameter: str, usual: Usual, *, actor: Actor, at: datetime
) -> ReferenceRange:
    """A further row for the same people; one without bounds takes the range away. Needs the transaction."""
    return ReferenceRange.objects.create(
        hospital_id=hospital_id,
        service_id=service_id,
        parameter=parameter,
        sex=usual.sex,
        from_months=usual.from_months,
        to_months=usual.to_months,
        unit=usual.unit,
        low=usual.bounds.low,
        high=usual.bounds.high,
        critical_low=usual.bounds.critical_low,
        critical_high=usual.bounds.critical_high,
        set_at=at,
        set_by=actor.name,
    )
