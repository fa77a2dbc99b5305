"""The section ``laboratory``: compiled from the file, read from the database, written to it, and drawn again.

Ranges of a test's only value that were set at the bench, for a test that the file does not define, are the bench's
own: the file neither shows nor changes them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.compilation import Compilation
from almoner.interop.hospital_file.plan import ADDED, CHANGED, REMOVED, Plan
from almoner.interop.hospital_file.problems import Path
from almoner.interop.hospital_file.state import Record, State
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import require_transaction
from almoner.orders.findings import plain
from almoner.service_points.laboratory.catalogue import ranges_in_force, results_are_verified
from almoner.service_points.laboratory.models import LaboratorySettings, TestDefinition
from almoner.service_points.laboratory.operations import check_usual, write_range
from almoner.service_points.laboratory.rules import Bounds, Usual

MONTHS_OF_A_YEAR = 12
_BOUNDS = ("low", "high", "critical_low", "critical_high")
_KEYS_OF_FIELDS = {"from_months": "from_age", "to_months": "below_age"}


def compile_laboratory(compilation: Compilation) -> None:
    """Put the section into the state; what cannot be is noted at its key."""
    block = compilation.file.laboratory
    compilation.state["laboratory"][""] = {"verify_results": block is not None and block.verify_results}
    for code, test in block.tests.items() if block is not None else ():
        path = ("laboratory", "tests", code)
        compilation.names.check("service", code, path)
        service = compilation.state["services"].get(code)
        if service is not None and service["kind"] != "laboratory":
            compilation.document.refuse(path, f"Expected a laboratory service, {code!r} is none.", key=True)
        parameters = {
            name: {
                "name": parameter.name,
                "unit": parameter.unit or "",
                "ranges": _ranges(compilation, parameter, (*path, "parameters", name, "ranges")),
            }
            for name, parameter in test.parameters.items()
        }
        record = {
            "specimen": test.specimen or "",
            "instructions": test.instructions or "",
            "parameters": parameters,
        }
        compilation.add("tests", code, record, path)


def _ranges(compilation: Compilation, parameter: structure.TestParameter, path: Path) -> Record:
    found: Record = {}
    for index, block in enumerate(parameter.ranges):
        place = compilation.place(path, index)
        usual = Usual(
            Bounds(block.low, block.high, block.critical_low, block.critical_high),
            sex=block.sex or "",
            from_months=block.from_age or 0,
            to_months=block.below_age,
        )
        try:
            check_usual(usual)
        except DomainError as error:
            key = _KEYS_OF_FIELDS.get(error.field, error.field)
            compilation.document.refuse((*place, key), error.message)
        if usual.bounds.are_none:
            compilation.document.refuse(place, "Expected a bound: low, high, critical_low or critical_high.")
        if _people(usual) in found:
            compilation.document.refuse(place, f"The range for {_people(usual)} stands here already.")
        found[_people(usual)] = _range_record(usual)
    return found


def _people(usual: Usual) -> str:
    """For whom a range holds: ``female from 12 years below 50 years``."""
    words = [usual.sex] if usual.sex else []
    if usual.from_months:
        words.append(f"from {age_text(usual.from_months)}")
    if usual.to_months is not None:
        words.append(f"below {age_text(usual.to_months)}")
    return " ".join(words) or "everybody"


def age_text(months: int) -> str:
    """An age as the file writes it: ``12 years``, ``18 months``."""
    years, rest = divmod(months, MONTHS_OF_A_YEAR)
    number, unit = (months, "month") if rest else (years, "year")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _range_record(usual: Usual) -> Record:
    said = {name: getattr(usual.bounds, name) for name in _BOUNDS}
    return {
        "sex": usual.sex,
        "from_months": usual.from_months,
        "to_months": usual.to_months,
        **{name: None if value is None else Decimal(plain(value)) for name, value in said.items()},
    }


def _usual(record: Record, unit: str) -> Usual:
    return Usual(
        Bounds(*(record[name] for name in _BOUNDS)),
        unit=unit,
        sex=record["sex"],
        from_months=record["from_months"],
        to_months=record["to_months"],
    )


def read_laboratory(state: State) -> None:
    """What is in force, in three statements. Needs the hospital's transaction."""
    state["laboratory"][""] = {"verify_results": results_are_verified()}
    rows = TestDefinition.objects.filter(service__is_active=True).select_related("service")
    definitions = list(rows.order_by("service__code"))
    ranges = ranges_in_force([row.service_id for row in definitions])
    for row in definitions:
        state["tests"][row.service.code] = {
            "specimen": row.specimen,
            "instructions": row.instructions,
            "parameters": {
                one["code"]: {
                    "name": one["name"],
                    "unit": one["unit"],
                    "ranges": {
                        _people(usual): _range_record(usual)
                        for usual in ranges.get((row.service_id, one["code"]), [])
                        if not usual.bounds.are_none
                    },
                }
                for one in row.parameters
            },
        }


def store_settings(plan: Plan) -> None:
    """Write how the laboratory works."""
    LaboratorySettings.objects.update_or_create(
        hospital_id=require_transaction(), defaults=plan.new["laboratory"][""]
    )


def store_tests(plan: Plan, services: dict[str, UUID], *, actor: Actor, at: datetime) -> None:
    """Write the tests that changed; a range that is gone gets a further row without bounds."""
    hospital_id = require_transaction()
    TestDefinition.objects.filter(service__code__in=plan.of("tests", REMOVED)).delete()
    for code in sorted(str(key) for key in plan.of("tests", ADDED, CHANGED)):
        record, service_id = plan.new["tests"][code], services[code]
        TestDefinition.objects.update_or_create(
            hospital_id=hospital_id,
            service_id=service_id,
            defaults={
                "specimen": record["specimen"],
                "instructions": record["instructions"],
                "parameters": [
                    {"code": name, "name": parameter["name"], "unit": parameter["unit"]}
                    for name, parameter in record["parameters"].items()
                ],
            },
        )
        _store_ranges(hospital_id, service_id, record, actor, at)


def _store_ranges(hospital_id: UUID, service_id: UUID, record: Record, actor: Actor, at: datetime) -> None:
    standing = ranges_in_force([service_id])
    for code, parameter in record["parameters"].items():
        known = {_people(usual): usual for usual in standing.get((service_id, code), [])}
        wanted = {
            people: _usual(one, parameter["unit"]) for people, one in sorted(parameter["ranges"].items())
        }
        gone = {
            people: Usual(Bounds(), usual.unit, usual.sex, usual.from_months, usual.to_months)
            for people, usual in known.items()
            if people not in wanted and not usual.bounds.are_none
        }
        for people, usual in {**gone, **wanted}.items():
            if known.get(people) != usual:
                write_range(hospital_id, service_id, code, usual, actor=actor, at=at)


def draw_laboratory(state: State) -> Record:
    """The section in the file's words; nothing when it says nothing."""
    block: Record = {}
    if state["laboratory"].get("", {}).get("verify_results"):
        block["verify_results"] = True
    tests = {str(code): _draw_test(record) for code, record in state["tests"].items()}
    return block | ({"tests": tests} if tests else {})


def _draw_test(record: Record) -> Record:
    block: Record = {name: record[name] for name in ("specimen", "instructions") if record[name]}
    parameters = {}
    for code, parameter in record["parameters"].items():
        drawn: Record = {"name": parameter["name"]}
        if parameter["unit"]:
            drawn["unit"] = parameter["unit"]
        if parameter["ranges"]:
            drawn["ranges"] = [_draw_range(one) for one in parameter["ranges"].values()]
        parameters[code] = drawn
    return block | ({"parameters": parameters} if parameters else {})


def _draw_range(record: Record) -> Record:
    drawn: dict[str, Any] = {}
    if record["sex"]:
        drawn["sex"] = record["sex"]
    if record["from_months"]:
        drawn["from_age"] = age_text(record["from_months"])
    if record["to_months"] is not None:
        drawn["below_age"] = age_text(record["to_months"])
    return drawn | {name: record[name] for name in _BOUNDS if record[name] is not None}
