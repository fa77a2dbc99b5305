"""What the laboratory answered to an order, for whoever asked: the findings it released."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from almoner.kernel.tenancy import require_transaction
from almoner.orders.models import TestFinding, TestOrder


def range_text(low: Decimal | None, high: Decimal | None) -> str:
    """A range as people read it: ``4 – 10.5``, ``≥ 4``, ``≤ 10.5``, or nothing."""
    if low is not None and high is not None:
        return f"{plain(low)} – {plain(high)}"
    if low is not None:
        return f"≥ {plain(low)}"
    return f"≤ {plain(high)}" if high is not None else ""


def plain(number: Decimal) -> str:
    """``10.50`` as people write it: 10.5."""
    return f"{number.normalize():f}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A released result. ``version`` above 1: it corrects one that was released before."""

    id: UUID
    order_id: UUID
    order_line_id: UUID
    line: int
    test: str
    service: str
    parameter: str
    name: str
    value: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    flag: str
    version: int
    released_at: datetime
    entered_by: str
    verified_by: str

    @property
    def usual(self) -> str:
        """The range that is usual, as reports print it."""
        return range_text(self.low, self.high)

    @property
    def is_corrected(self) -> bool:
        return self.version > 1


def release(order: TestOrder, rows: Iterable[TestFinding]) -> None:
    """Let the findings of ``order`` be read by whoever ordered it. Needs the hospital's transaction."""
    require_transaction()
    assert all(row.patient_id == order.patient_id for row in rows)
    TestFinding.objects.bulk_create(rows)


def mark_started(order: TestOrder, at: datetime) -> None:
    """The laboratory took the order into work; a second time changes nothing."""
    if order.started_at is None:
        order.started_at = at
        order.save(update_fields=["started_at"])


def mark_completed(order: TestOrder, at: datetime | None) -> None:
    """Everything about the order is done since ``at``; None: something is left to do (again)."""
    if (order.completed_at is None) != (at is None):
        order.completed_at = at
        order.save(update_fields=["completed_at"])


def findings_of_order(order_id: UUID) -> list[Finding]:
    """The latest version of every finding of an order, in its order; one statement."""
    return _read(Q(order_line__order=order_id))


def findings_of_encounter(encounter_id: UUID) -> dict[UUID, list[Finding]]:
    """The latest version of every finding of a visit's orders, by order; one statement."""
    found: dict[UUID, list[Finding]] = {}
    for finding in _read(Q(order_line__order__encounter=encounter_id)):
        found.setdefault(finding.order_id, []).append(finding)
    return found


def _read(which: Q) -> list[Finding]:
    require_transaction()
    rows = (
        TestFinding.objects.filter(which)
        .select_related("order_line", "service")
        .order_by("order_line", "parameter", "-version")
        .distinct("order_line", "parameter")
    )
    findings = [
        Finding(
            id=row.id,
            order_id=row.order_line.order_id,
            order_line_id=row.order_line_id,
            line=row.order_line.line,
            test=row.service.name,
            service=row.service.code,
            parameter=row.parameter,
            name=row.name,
            value=row.value,
            unit=row.unit,
            low=row.low,
            high=row.high,
            flag=row.flag,
            version=row.version,
            released_at=row.released_at,
            entered_by=row.entered_by,
            verified_by=row.verified_by,
        )
        for row in rows
    ]
    return sorted(findings, key=lambda finding: (finding.order_id, finding.line, finding.id))
