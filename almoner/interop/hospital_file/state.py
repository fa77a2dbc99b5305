"""What a hospital file comes to: the same shape whether it was compiled from text or read from the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

Record = dict[str, Any]
Key = str | tuple[str, ...]

SECTIONS = (
    "hospital",
    "taxes",
    "departments",
    "wards",
    "beds",
    "payers",
    "cash_points",
    "services",
    "tests",
    "prices",
    "discounts",
    "packages",
    "charge_rules",
    "ward_billing_templates",
    "charge_definitions",
    "policies",
    "laboratory",
    "messaging",
    "wordings",
)
BEGINNING = date(2000, 1, 1)
"""From when a price holds unless the file says otherwise."""


class PriceKey(NamedTuple):
    """The conditions of a price and the day it begins (ISO 8601); empty conditions fit everybody."""

    service: str
    payer: str = ""
    patient_category: str = ""
    ward_type: str = ""
    department: str = ""
    starts_on: str = BEGINNING.isoformat()

    @property
    def for_everybody(self) -> bool:
        return not (self.payer or self.patient_category or self.ward_type or self.department)


@dataclass(slots=True)
class State:
    """A hospital's configuration: section, then key, then a flat record of plain values.

    Amounts are minor units (their field ends in ``_minor``), dates are ``date``, references are codes.
    Keys: the code; (ward, bed) for beds; ``PriceKey`` for prices; (code, first day in ISO 8601) for charge
    definitions; (scope, subject) for policies; (kind, channel, locale, first day) for wordings; the hospital itself,
    how its laboratory works and how it writes to patients have the key ``""``.
    """

    sections: dict[str, dict[Key, Record]] = field(
        default_factory=lambda: {section: {} for section in SECTIONS}
    )

    def __getitem__(self, section: str) -> dict[Key, Record]:
        return self.sections[section]

    @property
    def hospital(self) -> Record:
        return self.sections["hospital"][""]

    @property
    def currency(self) -> str:
        return str(self.hospital["currency"])
