"""The files into temporary tables: every value and every reference is checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from django.db import connection

from almoner.interop.synthea.files import METHODS, BadFile, export_files, read

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read: the number of records of every file."""

    records: dict[str, int]

    @property
    def rows(self) -> int:
        """Rows of claims_transactions, charge lines included."""
        return self.records["claims_transactions"]


def derived(hospital_id: UUID, *parts: str) -> UUID:
    """The id that this hospital gives to something of the files: always the same for the same source id."""
    return uuid5(hospital_id, "/".join(("synthea", *parts)))


def run_sql(name: str) -> None:
    """Run ``sql/name`` of this adapter."""
    text = resources.files(__package__).joinpath("sql", name).read_text(encoding="utf-8")
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        for statement in text.split(";\n"):
            if statement.strip():
                cursor.execute(statement.encode())


def pages(table: str) -> Iterator[list[dict[str, Any]]]:
    """The staged records of ``table`` in the order of their lines, a thousand at a time."""
    line = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE line > %s ORDER BY line LIMIT %s", [line, PAGE])
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if not rows:
            return
        yield rows
        line = rows[-1]["line"]


def stage(
    folder: Path, hospital_id: UUID, currency: str, *, at: datetime, advance: Callable[[str, int], None]
) -> Staged:
    """Read every file of ``folder`` into temporary tables and check how they refer to each other.

    Writes nothing of the hospital's. ``advance`` is told (file, records) as reading goes on. Raises
    ``BadFile`` naming file, line and column.
    """
    run_sql("staging.sql")
    files = export_files(currency)
    records = {}
    for name, (table, convert) in _tables(hospital_id, at).items():
        count = 0
        connection.ensure_connection()
        with connection.connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for line, values in read(folder, files[name]):
                copy.write_row(convert(line, values))
                count += 1
                if count % PAGE == 0:
                    advance(name, PAGE)
        advance(name, count % PAGE)
        records[name] = count
    _check_references()
    run_sql("derive.sql")
    _check_charge_lines()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE synthea_step")
    return Staged(records)


def _tables(hospital_id: UUID, at: datetime) -> dict[str, tuple[str, Callable[[int, list[Any]], list[Any]]]]:
    def plain(line: int, values: list[Any]) -> list[Any]:
        return [line, *values]

    def identified(kind: str, *more: str) -> Callable[[int, list[Any]], list[Any]]:
        def convert(line: int, values: list[Any]) -> list[Any]:
            return [line, *values, *(derived(hospital_id, word, values[0]) for word in (kind, *more))]

        return convert

    def service(file: str) -> Callable[[int, list[Any]], list[Any]]:
        return lambda line, values: [file, line, *values]

    encounter = identified("encounter")
    transaction = identified("row", "entry", "handover")

    def checked_encounter(line: int, values: list[Any]) -> list[Any]:
        _not_in_future("encounters.csv", line, "START", values[1], at)
        if values[2] is not None and values[2] < values[1]:
            raise BadFile("the encounter stops before it starts", "encounters.csv", line, "STOP")
        return encounter(line, values)

    def checked_transaction(line: int, values: list[Any]) -> list[Any]:
        file = "claims_transactions.csv"
        kind, method, transfer_type = values[3], values[5], values[11]
        if kind == "PAYMENT" and method not in METHODS:
            raise BadFile(f"a PAYMENT has one of the methods {', '.join(METHODS)}", file, line, "METHOD")
        if kind in ("CHARGE", "TRANSFERIN") and not transfer_type:
            raise BadFile(f"a {kind} names who owes it: 1, 2 or p", file, line, "TRANSFERTYPE")
        _not_in_future(file, line, "FROMDATE", values[6], at)
        return transaction(line, values)

    return {
        "organizations": ("synthea_organization", identified("organization")),
        "payers": ("synthea_payer", identified("payer")),
        "patients": ("synthea_patient", identified("patient", "account")),
        "payer_transitions": ("synthea_coverage", plain),
        "encounters": ("synthea_encounter", checked_encounter),
        "procedures": ("synthea_service", service("procedures")),
        "medications": ("synthea_service", service("medications")),
        "immunizations": ("synthea_service", service("immunizations")),
        "claims": ("synthea_claim", plain),
        "claims_transactions": ("synthea_row", checked_transaction),
    }


def _not_in_future(file: str, line: int, column: str, value: datetime, at: datetime) -> None:
    if value > at:
        raise BadFile(f"{value.isoformat()} lies in the future", file, line, column)


_UNIQUE = [
    ("organizations.csv", "synthea_organization", "Id"),
    ("payers.csv", "synthea_payer", "Id"),
    ("patients.csv", "synthea_patient", "Id"),
    ("encounters.csv", "synthea_encounter", "Id"),
    ("claims.csv", "synthea_claim", "Id"),
    ("claims_transactions.csv", "synthea_row", "ID"),
]

# file, staged table, its column, the column's name in the file, what it refers to, that file
_REFERENCES = [
    ("payer_transitions.csv", "synthea_coverage", "patient", "PATIENT", "synthea_patient", "patients.csv"),
    ("payer_transitions.csv", "synthea_coverage", "payer", "PAYER", "synthea_payer", "payers.csv"),
    (
        "payer_transitions.csv",
        "synthea_coverage",
        "secondary",
        "SECONDARY_PAYER",
        "synthea_payer",
        "payers.csv",
    ),
    ("encounters.csv", "synthea_encounter", "patient", "PATIENT", "synthea_patient", "patients.csv"),
    (
        "encounters.csv",
        "synthea_encounter",
        "organization",
        "ORGANIZATION",
        "synthea_organization",
        "organizations.csv",
    ),
    ("claims.csv", "synthea_claim", "patient", "PATIENTID", "synthea_patient", "patients.csv"),
    ("claims.csv", "synthea_claim", "payer", "PRIMARYPATIENTINSURANCEID", "synthea_payer", "payers.csv"),
    (
        "claims.csv",
        "synthea_claim",
        "secondary",
        "SECONDARYPATIENTINSURANCEID",
        "synthea_payer",
        "payers.csv",
    ),
    ("claims_transactions.csv", "synthea_row", "patient", "PATIENTID", "synthea_patient", "patients.csv"),
    ("claims_transactions.csv", "synthea_row", "claim", "CLAIMID", "synthea_claim", "claims.csv"),
    (
        "claims_transactions.csv",
        "synthea_row",
        "encounter",
        "APPOINTMENTID",
        "synthea_encounter",
        "encounters.csv",
    ),
    ("procedures.csv", "synthea_service", "encounter", "ENCOUNTER", "synthea_encounter", "encounters.csv"),
]


def _first(statement: str) -> tuple[Any, ...] | None:
    """The row of ``statement`` (whose first column is ``line``) that comes first in the file, if any.

    The inner query is planned for all its rows: looking for the first of none would try them one by one.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"WITH wrong AS MATERIALIZED ({statement}) SELECT * FROM wrong ORDER BY line LIMIT 1")
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def _check_references() -> None:
    with connection.cursor() as cursor:
        for table in ("organization", "payer", "patient", "encounter", "service", "claim", "row"):
            cursor.execute(f"ANALYZE synthea_{table}")
    for file, table, column in _UNIQUE:
        row = _first(
            f"SELECT max(line) AS line, min(line), source FROM {table} GROUP BY source HAVING count(*) > 1"
        )
        if row is not None:
            raise BadFile(f"the id {row[2]} stands on line {row[1]} already", file, row[0], column)
    for file, table, column, name, target, target_file in _REFERENCES:
        place = "c.file || '.csv'" if table == "synthea_service" else f"'{file}'"
        row = _first(
            f"SELECT c.line, {place}, c.{column} FROM {table} AS c WHERE c.{column} <> ''"
            f" AND NOT EXISTS (SELECT FROM {target} AS t WHERE t.source = c.{column})"
        )
        if row is not None:
            raise BadFile(f"{row[2]} is not in {target_file}", row[1], row[0], name)
    row = _first(
        "SELECT r.line FROM synthea_row AS r JOIN synthea_encounter AS e ON e.source = r.encounter"
        " WHERE e.patient <> r.patient"
    )
    if row is not None:
        raise BadFile(
            "the encounter belongs to another patient", "claims_transactions.csv", row[0], "APPOINTMENTID"
        )


def _check_charge_lines() -> None:
    row = _first("SELECT line, kind FROM synthea_step WHERE charge_line IS NULL")
    if row is not None:
        raise BadFile(
            f"a {row[1]} without a CHARGE before it in its claim and with its procedure code",
            "claims_transactions.csv",
            row[0],
            "PROCEDURECODE",
        )
