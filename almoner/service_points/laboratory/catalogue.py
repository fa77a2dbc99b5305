"""How the laboratory's tests are done: specimens, the values they give, and what is usual for whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from almoner.service_points.laboratory.models import LaboratorySettings, ReferenceRange, TestDefinition
from almoner.service_points.laboratory.rules import Bounds, Parameter, Usual, age_in_months, usual_for

Key = tuple[UUID, str]
"""A service and the code of one of its parameters."""


@dataclass(frozen=True, slots=True)
class Definition:
    """How a test is done. ``parameters`` is never empty: a test with one value has one without a code."""

    specimen: str
    instructions: str
    parameters: tuple[Parameter, ...]

    def parameter(self, code: str) -> Parameter | None:
        return next((one for one in self.parameters if one.code == code), None)


def results_are_verified() -> bool:
    """Whether this hospital asks for a second person. Needs the hospital's transaction."""
    return LaboratorySettings.objects.filter(verify_results=True).exists()


def definitions(services: Iterable[tuple[UUID, str]]) -> dict[UUID, Definition]:
    """How the tests of ``services`` (id and name) are done; one statement."""
    names = dict(services)
    known = {row.service_id: row for row in TestDefinition.objects.filter(service__in=list(names))}
    return {
        service_id: make_definition(name, row.specimen, row.instructions, row.parameters)
        if (row := known.get(service_id))
        else make_definition(name)
        for service_id, name in names.items()
    }


def make_definition(
    name: str, specimen: str = "", instructions: str = "", parameters: Iterable[dict[str, str]] = ()
) -> Definition:
    """A test's definition as its row has it; without parameters the test itself is the only one."""
    known = tuple(Parameter(**one) for one in parameters)
    return Definition(specimen or "", instructions or "", known or (Parameter("", name),))


def ranges_in_force(services: Collection[UUID]) -> dict[Key, list[Usual]]:
    """The reference ranges of ``services`` that stand, by service and parameter; one statement."""
    rows = (
        ReferenceRange.objects.filter(service__in=services)
        .order_by("service", "parameter", "sex", "from_months", "to_months", "-set_at", "-id")
        .distinct("service", "parameter", "sex", "from_months", "to_months")
    )
    found: dict[Key, list[Usual]] = {}
    for row in rows:
        found.setdefault((row.service_id, row.parameter), []).append(usual_of(row))
    return found


def usual_of(row: ReferenceRange) -> Usual:
    """What a row says."""
    return Usual(
        bounds=Bounds(row.low, row.high, row.critical_low, row.critical_high),
        unit=row.unit,
        sex=row.sex,
        from_months=row.from_months,
        to_months=row.to_months,
    )


@dataclass(frozen=True, slots=True)
class Whose:
    """What of a patient a reference range depends on."""

    sex: str
    birth_date: date | None

    def usual(self, ranges: Iterable[Usual], on: date) -> Usual | None:
        """The range for this patient on a day of the hospital."""
        return usual_for(ranges, self.sex, age_in_months(self.birth_date, on))
