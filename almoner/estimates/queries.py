"""Estimates as they are read, and held against the bill."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import OuterRef, Subquery, Sum

from almoner.charging.models import ChargeItem
from almoner.estimates.models import Estimate, EstimateConsent, EstimateLine, EstimateVisit
from almoner.estimates.operations import find_estimate
from almoner.kernel.money import round_half_up

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Compared:
    """A service as it was estimated and as it is on the bill, in minor units. ``percent``: None where nothing was
    expected."""

    name: str
    estimated_minor: int
    actual_minor: int

    @property
    def difference_minor(self) -> int:
        return self.actual_minor - self.estimated_minor

    @property
    def percent(self) -> Decimal | None:
        if not self.estimated_minor:
            return None
        return round(Decimal(100 * self.difference_minor) / self.estimated_minor, 1)


@dataclass(frozen=True, slots=True)
class ReadEstimate:
    """An estimate with all that belongs to it. ``compared`` is empty until a visit is linked."""

    estimate: Estimate
    lines: list[EstimateLine]
    consent: EstimateConsent | None
    visit: EstimateVisit | None
    compared: list[Compared]

    @property
    def total_minor(self) -> int:
        return sum(line.net_minor or 0 for line in self.lines)

    @property
    def payer_minor(self) -> int:
        """What the payer has said it takes over, to the minor unit."""
        return round_half_up(self.total_minor * (self.estimate.payer_percent or Decimal(0)) / 100)

    @property
    def patient_minor(self) -> int:
        return self.total_minor - self.payer_minor

    @property
    def total(self) -> Compared:
        return Compared("", self.total_minor, sum(row.actual_minor for row in self.compared))


def read_estimate(estimate_id: UUID) -> ReadEstimate:
    """An estimate, and what its visit was charged so far; five statements. Raises ``NotFound``."""
    estimate = find_estimate(estimate_id)
    lines = list(EstimateLine.objects.filter(estimate=estimate).order_by("line"))
    visit = EstimateVisit.objects.select_related("encounter").filter(estimate=estimate).first()
    return ReadEstimate(
        estimate=estimate,
        lines=lines,
        consent=EstimateConsent.objects.filter(estimate=estimate).first(),
        visit=visit,
        compared=_compare(lines, visit.encounter_id) if visit is not None else [],
    )


def _compare(lines: list[EstimateLine], encounter_id: UUID) -> list[Compared]:
    charged = {
        row["service__code"]: (row["service__name"], row["total"])
        for row in ChargeItem.objects.filter(encounter=encounter_id, status=ChargeItem.Status.BILLABLE)
        .values("service__code", "service__name")
        .annotate(total=Sum("net_minor"))
        .order_by("service__name")
    }
    rows = [Compared(line.name, line.net_minor or 0, charged.pop(line.service, ("", 0))[1]) for line in lines]
    return [*rows, *(Compared(name, 0, total) for name, total in charged.values())]


def read_estimates() -> list[tuple[Estimate, int]]:
    """The latest estimates with their totals in minor units; one statement."""
    lines = (
        EstimateLine.objects.filter(estimate=OuterRef("pk")).values("estimate").annotate(sum=Sum("net_minor"))
    )
    rows = Estimate.objects.select_related("patient").annotate(total=Subquery(lines.values("sum")))
    return [(row, row.total or 0) for row in rows.order_by("-made_at", "-id")[:SHOWN]]
