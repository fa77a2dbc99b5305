"""The files of a Synthea export, read line by line: every value checked, every error with its place."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from almoner.kernel.errors import DomainError
from almoner.kernel.money import exponent

MAXIMUM_IDENTIFIER_LENGTH = 64
MAXIMUM_AMOUNT_MINOR = 10**13
MAXIMUM_UNITS = 100_000

_AMOUNT = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,10}))?", re.ASCII)


class BadFile(DomainError):
    """A file that cannot be imported; ``field`` is ``file:line:COLUMN`` as far as it is known."""

    code = "bad_file"

    def __init__(self, message: str, file: str, line: int | None = None, column: str = "") -> None:
        place = ":".join(str(part) for part in (file, line, column) if part)
        super().__init__(message, field=place, detail={"file": file, "line": line, "column": column})


class _Refused(ValueError):
    """What a value should have been."""


Parser = Callable[[str], Any]


def _identifier(text: str) -> str:
    if not text:
        raise _Refused("expected an identifier, got nothing")
    return _optional_identifier(text)


def _optional_identifier(text: str) -> str:
    if len(text) > MAXIMUM_IDENTIFIER_LENGTH or not text.isprintable() or text != text.strip():
        raise _Refused(
            f"expected an identifier of at most {MAXIMUM_IDENTIFIER_LENGTH} characters, got {text[:80]!r}"
        )
    return text


def _text(text: str) -> str:
    return " ".join(text.split())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Refused(f"expected a date such as 2014-05-06, got {text[:80]!r}") from None


def _instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None or value.year < 1000:
        raise _Refused(f"expected a time such as 2014-05-06T08:34:30Z, got {text[:80]!r}")
    return value


def _optional_instant(text: str) -> datetime | None:
    return _instant(text) if text else None


def _units(text: str) -> Decimal:
    try:
        value = Decimal(text or "1")
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and 0 < value <= MAXIMUM_UNITS and value == round(value, 3)):
        raise _Refused(f"expected a quantity above 0 and at most {MAXIMUM_UNITS:,}, got {text[:80]!r}")
    return value


def _one_of(*words: str) -> Parser:
    def parse(text: str) -> str:
        if text not in words:
            raise _Refused(f"expected one of {', '.join(repr(word) for word in words)}, got {text[:80]!r}")
        return text

    return parse


def _amount(currency: str, *, signed: bool = False) -> Parser:
    """Minor units of ``currency``; nothing written counts as 0."""
    digits = exponent(currency)

    def parse(text: str) -> int:
        if not text:
            return 0
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise _Refused(f"expected an amount such as 136.80, got {text[:80]!r}")
        fraction = (match[3] or "").rstrip("0")
        if len(fraction) > digits:
            raise _Refused(f"{currency} has {digits} decimal places, got {text!r}")
        value = int(match[2] + fraction.ljust(digits, "0"))
        if value > MAXIMUM_AMOUNT_MINOR:
            raise _Refused(f"the amount is too large: {text!r}")
        if match[1] and value and not signed:
            raise _Refused(f"an amount here is not negative, got {text!r}")
        return -value if match[1] else value

    return parse


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One file of the export: its name and the columns that are read, each with its parser."""

    name: str
    columns: dict[str, Parser]


KINDS = ("CHARGE", "PAYMENT", "ADJUSTMENT", "TRANSFEROUT", "TRANSFERIN")
METHODS = ("CASH", "CC", "CHECK", "ECHECK", "COPAY")


def export_files(currency: str) -> dict[str, CsvFile]:
    """The files that an import reads, by name without ``.csv``; amounts in minor units of ``currency``."""
    amount, signed = _amount(currency), _amount(currency, signed=True)
    service = {"PATIENT": _identifier, "ENCOUNTER": _identifier, "CODE": _identifier, "DESCRIPTION": _text}
    columns: dict[str, dict[str, Parser]] = {
        "organizations": {"Id": _identifier, "NAME": _text},
        "payers": {"Id": _identifier, "NAME": _text},
        "patients": {
            "Id": _identifier,
            "BIRTHDATE": _day,
            "FIRST": _text,
            "LAST": _text,
            "GENDER": _text,
        },
        "payer_transitions": {
            "PATIENT": _identifier,
            "MEMBERID": _optional_identifier,
            "START_DATE": _instant,
            "END_DATE": _optional_instant,
            "PAYER": _identifier,
            "SECONDARY_PAYER": _optional_identifier,
        },
        "encounters": {
            "Id": _identifier,
            "START": _instant,
            "STOP": _optional_instant,
            "PATIENT": _identifier,
            "ORGANIZATION": _identifier,
            "ENCOUNTERCLASS": _text,
            "CODE": _identifier,
            "DESCRIPTION": _text,
            "BASE_ENCOUNTER_COST": amount,
            "REASONDESCRIPTION": _text,
        },
        "procedures": {**service, "START": _instant, "BASE_COST": amount},
        "medications": {**service, "START": _instant, "BASE_COST": amount},
        "immunizations": {**service, "DATE": _instant, "BASE_COST": amount},
        "claims": {
            "Id": _identifier,
            "PATIENTID": _identifier,
            "PRIMARYPATIENTINSURANCEID": _optional_identifier,
            "SECONDARYPATIENTINSURANCEID": _optional_identifier,
        },
        "claims_transactions": {
            "ID": _identifier,
            "CLAIMID": _identifier,
            "PATIENTID": _identifier,
            "TYPE": _one_of(*KINDS),
            "AMOUNT": amount,
            "METHOD": _one_of("", "SYSTEM", *METHODS),
            "FROMDATE": _instant,
            "PROCEDURECODE": _identifier,
            "UNITS": _units,
            "NOTES": _text,
            "UNITAMOUNT": amount,
            "TRANSFERTYPE": _one_of("", "p", "1", "2"),
            "PAYMENTS": amount,
            "ADJUSTMENTS": amount,
            "TRANSFERS": amount,
            "OUTSTANDING": signed,
            "APPOINTMENTID": _identifier,
        },
    }
    return {name: CsvFile(f"{name}.csv", parsers) for name, parsers in columns.items()}


def _lines(path: Path) -> Iterator[str]:
    """Decoded lines; a byte that is not UTF-8 is reported with its line."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise BadFile(
                    f"the file is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1} of the line",
                    path.name,
                    number,
                ) from None
            if "\0" in text:
                raise BadFile("the line contains a NUL character", path.name, number)
            yield text


def read(folder: Path, file: CsvFile) -> Iterator[tuple[int, list[Any]]]:
    """The records of ``file`` in ``folder``: line number, and the values in the order of its columns.

    Nothing but the current line is kept in memory. Raises ``BadFile`` for a missing file or column, a
    truncated line, a wrong encoding, a value that is not what its column holds.
    """
    path = folder / file.name
    if not path.is_file():
        raise BadFile(f"there is no such file in {folder}", file.name)
    reader = csv.reader(_lines(path), strict=True)
    header: list[str] | None = None
    places: list[tuple[str, int, Parser]] = []
    while True:
        first_line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise BadFile(f"not a CSV record: {error}", file.name, first_line) from None
        if not record:
            continue
        if header is None:
            header = record
            places = _find_columns(file, header, first_line)
            continue
        if len(record) != len(header):
            what = "truncated" if len(record) < len(header) else "too long"
            last = header[len(record) - 1] if len(record) <= len(header) else header[-1]
            raise BadFile(
                f"the line is {what}: {len(record)} values for {len(header)} columns",
                file.name,
                first_line,
                last,
            )
        yield first_line, _parse(file, record, places, first_line)
    if header is None:
        raise BadFile("the file is empty: expected a header line", file.name, 1)


def _find_columns(file: CsvFile, header: list[str], line: int) -> list[tuple[str, int, Parser]]:
    places = []
    for name, parser in file.columns.items():
        if header.count(name) != 1:
            problem = "is missing" if name not in header else "stands there twice"
            raise BadFile(f"the column {problem} in the header", file.name, line, name)
        places.append((name, header.index(name), parser))
    return places


def _parse(file: CsvFile, record: list[str], places: list[tuple[str, int, Parser]], line: int) -> list[Any]:
    values = []
    for name, place, parser in places:
        try:
            values.append(parser(record[place]))
        except _Refused as error:
            raise BadFile(str(error), file.name, line, name) from None
    return values
