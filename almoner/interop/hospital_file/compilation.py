"""What compiling needs whatever the section: amounts, places, prices, and noting what cannot be."""

from __future__ import annotations

from datetime import date
from typing import Any

from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.explain import Content
from almoner.interop.hospital_file.problems import Path
from almoner.interop.hospital_file.reading import Document
from almoner.interop.hospital_file.references import Names
from almoner.interop.hospital_file.state import BEGINNING, Key, PriceKey, Record, State
from almoner.kernel.money import InvalidAmount, parse_minor

_MAXIMUM_SERVICE_CODE = 80
_NOUNS = {
    "taxes": "tax",
    "departments": "department",
    "wards": "ward",
    "beds": "bed",
    "payers": "payer",
    "cash_points": "cash point",
    "services": "service",
    "tests": "laboratory test",
    "discounts": "discount",
    "packages": "package",
    "charge_rules": "charge rule",
    "ward_billing_templates": "ward billing template",
    "charge_definitions": "charge definition",
    "policies": "billing rule of the",
    "wordings": "wording",
}


class Compilation:
    """The state that grows while a file is compiled; problems go to its document."""

    def __init__(self, document: Document, content: Content) -> None:
        self.document = document
        self.content = content
        self.file = content.file
        self.names = Names(document)
        self.state = State()
        self.places: dict[tuple[str, Key], Path] = {}
        self.lines: list[tuple[PriceKey, Record, Path]] = []

    def amount(self, text: str, *path: str | int) -> int:
        """Minor units of ``text``; a problem at ``path`` when it is not an amount of zero or more."""
        if not self.content.currency_known:
            if not any(character.isdigit() for character in text):
                self.document.refuse(path, f"Expected an amount such as 75 or $75.00, got {text!r}.")
            return 1
        try:
            minor = parse_minor(text, self.file.hospital.currency)
        except InvalidAmount as error:
            self.document.refuse(path, error.message)
            return 0
        if minor < 0:
            self.document.refuse(path, f"Expected an amount of zero or more, got {text!r}.")
            return 0
        return minor

    def add(self, section: str, key: Key, record: Record, path: Path) -> None:
        """Put ``record`` into the state; a problem when the file already has something of that key."""
        earlier = self.places.get((section, key))
        if earlier is not None:
            line = self.document.locate(earlier, key=True)[0]
            what = " ".join((_NOUNS[section], *([key] if isinstance(key, str) else key)))
            self.document.refuse(path, f"The {what} stands in line {line} already.", key=True)
            return
        self.places[section, key] = path
        self.state[section][key] = record

    def add_service(self, code: str, record: Record, path: Path) -> None:
        if len(code) > _MAXIMUM_SERVICE_CODE:
            self.document.refuse(
                path, f"The service code {code!r} has more than {_MAXIMUM_SERVICE_CODE} characters.", key=True
            )
        self.add("services", code, record, path)

    def place(self, path: Path, index: int) -> Path:
        """The path in the file of entry ``index`` of the list at ``path``."""
        kept = self.content.kept.get(path)
        return (*path, kept[index] if kept is not None else index)

    def unsaid(self, block: structure.Block, key: str, path: Path) -> bool:
        """Whether ``block`` says nothing about ``key``; a mistake there says something."""
        return getattr(block, key) is None and not self.document.has((*path, key))

    def line(self, key: PriceKey, price_minor: int, ends_on: date | None, tariff: str, path: Path) -> None:
        self.lines.append((key, {"price_minor": price_minor, "ends_on": ends_on, "tariff": tariff}, path))

    def prices(self) -> None:
        """Put the lines into the state; of two that hold at once for the same conditions, refuse the later one."""
        latest: dict[tuple[str, ...], tuple[date, Path]] = {}
        for key, record, path in sorted(
            self.lines, key=lambda line: (line[0], self.document.locate(line[2]))
        ):
            before = latest.get(key[:-1])
            if before is not None and date.fromisoformat(key.starts_on) <= before[0]:
                line = self.document.locate(before[1])[0]
                self.document.refuse(
                    path,
                    f"This price of {key.service!r} from {key.starts_on} overlaps the one in line {line}, which "
                    f"has the same conditions: expected at most one in force on any day.",
                )
                continue
            latest[key[:-1]] = (record["ends_on"] or date.max, path)
            self.state["prices"][key] = record

    def period(self, starts_on: date | None, ends_on: date | None, path: Path) -> dict[str, Any]:
        start = starts_on or BEGINNING
        if ends_on is not None and ends_on < start:
            self.document.refuse(
                (*path, "ends_on"), f"Expected a date not before {start}, the day it begins, got {ends_on}."
            )
        return {"starts_on": start, "ends_on": ends_on}
