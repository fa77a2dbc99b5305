"""Records that may be of one person, and what each of two records has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.kernel.tenancy import require_transaction
from almoner.pages.search import words_of
from almoner.patients.models import Coverage

LATEST = 500
MAXIMUM_PAIRS = 40
MAXIMUM_VISITS = 4


@dataclass(frozen=True, slots=True)
class Alike:
    """A record as a pair shows it."""

    patient_id: UUID
    mrn: str
    name: str
    birth_date: date | None
    phone: str

    @property
    def digits(self) -> str:
        """The last nine digits of the phone; "" when it has fewer than seven."""
        digits = re.sub(r"\D", "", self.phone)
        return digits[-9:] if len(digits) >= 7 else ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be of one person, the earlier one first, and what they have in common."""

    first: Alike
    second: Alike
    same_birth_date: bool
    same_phone: bool


_LATEST = """
SELECT id, mrn, name, birth_date, phone FROM patients_patient
WHERE hospital_id = %(hospital)s AND merged_into_id IS NULL ORDER BY id DESC LIMIT %(latest)s
"""
_OTHERS = """
SELECT id, mrn, name, birth_date, phone FROM patients_patient
WHERE hospital_id = %(hospital)s AND merged_into_id IS NULL AND birth_date = ANY (%(born)s::date[])
UNION
SELECT patient.id, patient.mrn, patient.name, patient.birth_date, patient.phone
FROM pages_patientsearchkey AS key
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = key.patient_id
WHERE key.hospital_id = %(hospital)s AND key.word = ANY (%(phones)s::varchar[])
  AND patient.merged_into_id IS NULL
"""


def possible_duplicates(*, limit: int = MAXIMUM_PAIRS) -> list[Pair]:
    """Pairs of records that may be of one person, the likeliest first; two statements.

    The latest ``LATEST`` records are held against all others.
    """
    parameters: dict[str, Any] = {"hospital": require_transaction(), "latest": LATEST}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, parameters)
        latest = [Alike(*row) for row in cursor.fetchall()]
        parameters["born"] = list({one.birth_date for one in latest if one.birth_date})
        parameters["phones"] = list({one.digits for one in latest if one.digits})
        cursor.execute(_OTHERS, parameters)
        others = [Alike(*row) for row in cursor.fetchall()]
    return pairs_of(latest, others)[:limit]


def pairs_of(latest: Sequence[Alike], others: Iterable[Alike]) -> list[Pair]:
    """Which of ``latest`` may be who of ``others``, the likeliest first. Pure.

    The same birth date with the phone or a word of the name in common, or the same phone with two words of
    the name (one, when a birth date is missing).
    """
    by_birth_date: dict[date, list[Alike]] = {}
    by_phone: dict[str, list[Alike]] = {}
    for other in others:
        if other.birth_date:
            by_birth_date.setdefault(other.birth_date, []).append(other)
        if other.digits:
            by_phone.setdefault(other.digits, []).append(other)
    found: dict[tuple[UUID, UUID], tuple[int, Pair]] = {}
    for second in latest:
        born = by_birth_date.get(second.birth_date, []) if second.birth_date else []
        for first in (*born, *by_phone.get(second.digits, [])):
            likeness = _likeness(first, second)
            if first.patient_id < second.patient_id and likeness:
                same = first.birth_date is not None and first.birth_date == second.birth_date
                pair = Pair(first, second, same, bool(first.digits) and first.digits == second.digits)
                found[first.patient_id, second.patient_id] = (likeness, pair)
    return [pair for _, pair in sorted(found.values(), key=lambda one: -one[0])]


def _likeness(first: Alike, second: Alike) -> int:
    """How much two records are alike; 0: not enough to be one person."""
    words = len(set(words_of(first.name)) & set(words_of(second.name)))
    same_phone = bool(first.digits) and first.digits == second.digits
    missing = first.birth_date is None or second.birth_date is None
    same_birth_date = not missing and first.birth_date == second.birth_date
    if not (same_birth_date and (words or same_phone)) and not (
        same_phone and words >= (1 if missing else 2)
    ):
        return 0
    return 2 * same_birth_date + 2 * same_phone + min(words, 3)


@dataclass(frozen=True, slots=True)
class Visits:
    """How many visits a record has, and the latest of them: day and department."""

    count: int
    latest: tuple[tuple[datetime, str], ...]


_VISITS = """
SELECT encounter.patient_id, encounter.started_at, department.name,
       count(*) OVER (PARTITION BY encounter.patient_id)
FROM patients_encounter AS encounter
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
WHERE encounter.hospital_id = %(hospital)s AND encounter.patient_id = ANY (%(patients)s::uuid[])
ORDER BY encounter.started_at DESC, encounter.id DESC
"""


def visits_of(patient_ids: Sequence[UUID]) -> dict[UUID, Visits]:
    """The visits of each of ``patient_ids``; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_VISITS, {"hospital": require_transaction(), "patients": list(patient_ids)})
        rows = cursor.fetchall()
    return {
        patient_id: Visits(
            next((count for owner, _, _, count in rows if owner == patient_id), 0),
            tuple((at, name) for owner, at, name, _ in rows if owner == patient_id)[:MAXIMUM_VISITS],
        )
        for patient_id in patient_ids
    }


def coverages_of(patient_ids: Sequence[UUID]) -> dict[UUID, list[Coverage]]:
    """Who covers each of ``patient_ids``, the first to pay first; one statement."""
    found: dict[UUID, list[Coverage]] = {patient_id: [] for patient_id in patient_ids}
    rows = Coverage.objects.select_related("payer").filter(patient__in=patient_ids)
    for row in rows.order_by("priority", "starts_on", "id"):
        found[row.patient_id].append(row)
    return found
