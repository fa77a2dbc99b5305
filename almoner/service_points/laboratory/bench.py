"""The tests of released orders as the bench sees them: values, ranges for the patient, what came before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from almoner.kernel.tenancy import require_transaction
from almoner.orders.models import TestOrder
from almoner.service_points.laboratory.catalogue import Whose, make_definition, ranges_in_force
from almoner.service_points.laboratory.rules import Flag, Parameter, Usual


@dataclass(frozen=True, slots=True)
class Entered:
    """The latest version of a value: whether it is released, and who was told when it is critical."""

    result_id: UUID
    version: int
    value: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    flag: Flag
    entered_at: datetime
    entered_by: str
    is_released: bool
    verified_by: str
    told_to: str

    @property
    def is_to_tell(self) -> bool:
        """Whether it is critical and nobody was told yet."""
        return self.flag.is_critical and not self.told_to


@dataclass(frozen=True, slots=True)
class Earlier:
    """The patient's last released value of the same parameter from another order."""

    value: str
    unit: str
    flag: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter of a test: what was entered, what is usual for the patient, and what came before."""

    parameter: Parameter
    usual: Usual | None = None
    entered: Entered | None = None
    earlier: Earlier | None = None

    @property
    def unit(self) -> str:
        """The unit it was entered in, or else the one to enter it in."""
        if self.entered is not None:
            return self.entered.unit
        return self.parameter.unit or (self.usual.unit if self.usual else "")

    @property
    def low(self) -> Decimal | None:
        """The lower bound that was valid when it was entered; before that, the one valid now."""
        return self._bounds()[0]

    @property
    def high(self) -> Decimal | None:
        return self._bounds()[1]

    def _bounds(self) -> tuple[Decimal | None, Decimal | None]:
        if self.entered is not None:
            return self.entered.low, self.entered.high
        return (self.usual.bounds.low, self.usual.bounds.high) if self.usual else (None, None)


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a released order with its values, at least one."""

    order_line_id: UUID
    service_id: UUID
    code: str
    name: str
    specimen: str
    instructions: str
    values: tuple[Value, ...] = field(default_factory=tuple)


def tests_of(orders: Collection[TestOrder]) -> dict[UUID, tuple[Test, ...]]:
    """The tests of ``orders`` with what was entered, by order; one statement. For lists: without ranges."""
    if not orders:
        return {}
    found: dict[UUID, tuple[Test, ...]] = {order.id: () for order in orders}
    with connection.cursor() as cursor:
        cursor.execute(_TESTS, {"hospital": require_transaction(), "orders": list(found)})
        rows = cursor.fetchall()
    for (order_id, line_id), group in groupby(rows, key=itemgetter(0, 1)):
        found[order_id] += (_test(line_id, list(group)),)
    return found


_TESTS = """
SELECT line.order_id, line.id, service.id, service.code, service.name,
       definition.specimen, definition.instructions, definition.parameters,
       entered.*
FROM orders_testorderline AS line
JOIN catalog_service AS service
    ON service.hospital_id = %(hospital)s AND service.id = line.service_id
LEFT JOIN laboratory_testdefinition AS definition
    ON definition.hospital_id = %(hospital)s AND definition.service_id = line.service_id
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (result.parameter)
           result.parameter,
           result.id, result.version, result.value, result.unit, result.low, result.high, result.flag,
           result.entered_at, result.entered_by, finding.id IS NOT NULL, coalesce(finding.verified_by, ''),
           coalesce(notice.told_to, '')
    FROM laboratory_testresult AS result
    LEFT JOIN orders_testfinding AS finding
        ON finding.hospital_id = %(hospital)s AND finding.id = result.id
    LEFT JOIN laboratory_criticalnotice AS notice
        ON notice.hospital_id = %(hospital)s AND notice.result_id = result.id
    WHERE result.hospital_id = %(hospital)s AND result.order_line_id = line.id
    ORDER BY result.parameter, result.version DESC
) AS entered ON true
WHERE line.hospital_id = %(hospital)s AND line.order_id = ANY (%(orders)s)
ORDER BY line.order_id, line.line
"""
_PARAMETER = 8


def _test(line_id: UUID, rows: list[tuple[Any, ...]]) -> Test:
    """A test from its rows, one for each value that was entered (or one without any)."""
    _, _, service_id, code, name, specimen, instructions, parameters, *_ = rows[0]
    known = make_definition(name, specimen, instructions, orjson.loads(parameters or "[]"))
    entered = {
        row[_PARAMETER]: _entered(row[_PARAMETER + 1 :]) for row in rows if row[_PARAMETER] is not None
    }
    return Test(
        order_line_id=line_id,
        service_id=service_id,
        code=code,
        name=name,
        specimen=known.specimen,
        instructions=known.instructions,
        values=tuple(Value(one, entered=entered.get(one.code)) for one in known.parameters),
    )


_FLAG = [column.name for column in fields(Entered)].index("flag")


def _entered(columns: tuple[Any, ...]) -> Entered:
    values = list(columns)
    values[_FLAG] = Flag(values[_FLAG])
    return Entered(*values)


def with_ranges(order: TestOrder, tests: tuple[Test, ...], *, today: date) -> tuple[Test, ...]:
    """``tests`` of one order with what is usual for its patient and what came before; two statements."""
    services = [test.service_id for test in tests]
    ranges = ranges_in_force(services)
    whose = Whose(order.patient.sex, order.patient.birth_date)
    earlier = _earlier(order, services)
    return tuple(
        replace(
            test,
            values=tuple(
                Value(
                    value.parameter,
                    whose.usual(ranges.get((test.service_id, value.parameter.code), []), today),
                    value.entered,
                    earlier.get((test.service_id, value.parameter.code)),
                )
                for value in test.values
            ),
        )
        for test in tests
    )


_EARLIER = """
SELECT DISTINCT ON (finding.service_id, finding.parameter)
       finding.service_id, finding.parameter, finding.value, finding.unit, finding.flag, finding.released_at
FROM orders_testfinding AS finding
JOIN orders_testorderline AS line
    ON line.hospital_id = %(hospital)s AND line.id = finding.order_line_id
WHERE finding.hospital_id = %(hospital)s AND finding.patient_id = %(patient)s
  AND finding.service_id = ANY (%(services)s) AND line.order_id <> %(order)s
ORDER BY finding.service_id, finding.parameter, finding.released_at DESC, finding.version DESC
"""


def _earlier(order: TestOrder, services: list[UUID]) -> dict[tuple[UUID, str], Earlier]:
    parameters: dict[str, Any] = {
        "hospital": require_transaction(),
        "patient": order.patient_id,
        "services": services,
        "order": order.id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, parameters)
        return {(row[0], row[1]): Earlier(*row[2:]) for row in cursor.fetchall()}
