"""Finding a patient by whatever is at hand: name, MRN, phone, visit, order or receipt. One statement."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.kernel.tenancy import require_transaction

MAXIMUM_LENGTH = 100
MAXIMUM_FOUND = 12
SHORTEST_WORD = 2
MAXIMUM_WORDS = 5
_SEPARATORS = re.compile(r"[\s,.;:/()'\"’-]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_RECEIPT = re.compile(r"^([a-z0-9_-]+)-(\d{4})-(\d+)$", re.IGNORECASE)
_TOKEN = re.compile(r"^#?(\d{1,4})$", re.ASCII)
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Found:
    """A patient, and the number that led to them (``LAB-12``) when it was not their own words."""

    patient_id: UUID
    name: str
    mrn: str
    birth_date: date | None
    phone: str
    by: str


def words_of(text: str) -> list[str]:
    """``text`` as the search keys are written: lower case, without accents, cut into words."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", text)).lower()
    return [word for word in dict.fromkeys(_SEPARATORS.split(plain)) if word]


def _numbers(text: str) -> list[str]:
    """The visit, order and record numbers that ``text`` may stand for; a bare number for any of them."""
    number = text.strip().upper().lstrip("#")
    if number.isascii() and number.isdigit() and len(number) <= 12:
        value = int(number)
        return [f"LAB-{value}", f"RX-{value}", f"ADM-{value}", f"V{value:08d}", f"MRN{value:07d}"]
    return [number] if number else []


def receipt_number(text: str) -> tuple[str, int, int] | None:
    """Series, year and number when ``text`` is the number of a receipt (``MAIN-2026-000123``)."""
    match = _RECEIPT.match(text.strip())
    if match is None or len(match[3]) > 12:
        return None
    return match[1].upper(), int(match[2]), int(match[3])


# One search by its first letters; the words of a text are intersected, each found by index on its own.
_BY_WORD = """
    SELECT patient_id FROM pages_patientsearchkey
    WHERE hospital_id = %(hospital)s AND word ~>=~ %(word_{n})s AND word ~<~ %(word_{n}_end)s
"""
_FIND = """
WITH named AS (
    ({words} LIMIT 200)
    UNION
    SELECT patient_id FROM pages_patientsearchkey
    WHERE hospital_id = %(hospital)s AND word = ANY (%(phones)s::varchar[])
), numbered AS (
    SELECT p.id AS patient_id, p.mrn AS by FROM patients_patient AS p
    WHERE p.hospital_id = %(hospital)s AND p.mrn = ANY (%(numbers)s::varchar[])
    UNION ALL
    SELECT e.patient_id, e.number FROM patients_encounter AS e
    WHERE e.hospital_id = %(hospital)s AND e.number = ANY (%(numbers)s::varchar[])
    UNION ALL
    SELECT o.patient_id, o.number FROM orders_testorder AS o
    WHERE o.hospital_id = %(hospital)s AND o.number = ANY (%(numbers)s::varchar[])
    UNION ALL
    SELECT o.patient_id, o.number FROM orders_prescription AS o
    WHERE o.hospital_id = %(hospital)s AND o.number = ANY (%(numbers)s::varchar[])
    UNION ALL
    SELECT o.patient_id, o.number FROM orders_admission AS o
    WHERE o.hospital_id = %(hospital)s AND o.number = ANY (%(numbers)s::varchar[])
    UNION ALL
    SELECT a.patient_id, p.receipt_series || '-' || p.receipt_year || '-' || lpad(p.receipt_number::text, 6, '0')
    FROM payments_payment AS p
    JOIN patients_patientaccount AS a ON a.hospital_id = %(hospital)s AND a.id = p.patient_account_id
    WHERE p.hospital_id = %(hospital)s AND p.receipt_series = %(series)s::varchar
      AND p.receipt_year = %(year)s AND p.receipt_number = %(receipt)s
), waiting AS (
    SELECT e.patient_id, department.name || ' #' || token.number AS by
    FROM scheduling_queuetoken AS token
    JOIN patients_encounter AS e ON e.hospital_id = %(hospital)s AND e.id = token.encounter_id
    JOIN hospitals_department AS department
        ON department.hospital_id = %(hospital)s AND department.id = token.department_id
    WHERE token.hospital_id = %(hospital)s AND token.day = %(today)s::date AND token.number = %(token)s
), found AS (
    SELECT patient_id, '' AS by, 3 AS rank FROM named
    UNION ALL SELECT patient_id, by, 2 FROM numbered
    UNION ALL SELECT patient_id, by, 1 FROM waiting
)
SELECT id, name, mrn, birth_date, phone, by FROM (
    SELECT DISTINCT ON (patient.id)
           patient.id, patient.name, patient.mrn, patient.birth_date, patient.phone, found.by, found.rank
    FROM found
    JOIN patients_patient AS known ON known.hospital_id = %(hospital)s AND known.id = found.patient_id
    JOIN patients_patient AS patient
        ON patient.hospital_id = %(hospital)s
       AND patient.id = CASE WHEN known.merged_into_id IS NULL THEN known.id ELSE known.merged_into_id END
    ORDER BY patient.id, found.rank, found.by DESC
) AS known
ORDER BY known.rank, known.name, known.id
LIMIT %(limit)s
"""


def find_patients(text: str, *, limit: int = MAXIMUM_FOUND, today: date | None = None) -> list[Found]:
    """Patients that ``text`` may mean, at most ``limit``: those of a token and a number first, then by name.

    Every word must be the beginning of a word of the name, of the MRN or of the phone's digits; words of one
    letter are too short to ask for. With ``today``, a short number is also a queue token of that day. What
    finds a merged record finds the one it was merged into. Needs the hospital's transaction.
    """
    hospital_id = require_transaction()
    text = text.replace("\x00", "")[:MAXIMUM_LENGTH]
    words = sorted(words_of(text), key=lambda word: (-len(word), word))
    digits = re.sub(r"\D", "", text)
    phones = []
    if len(digits) >= 5 and not re.search(r"[^\d\s+()./-]", text):
        words = [digits]
        phones = [digits[-9:]] if len(digits) > 9 else []
    words = [word for word in words if len(word) >= SHORTEST_WORD]
    series, year, receipt = receipt_number(text) or ("", 0, 0)
    parameters: dict[str, Any] = {
        "hospital": hospital_id,
        "phones": phones,
        "numbers": _numbers(text),
        "series": series,
        "year": year,
        "receipt": receipt,
        "today": today,
        "token": int(token[1]) if (token := _TOKEN.match(text.strip())) else 0,
        "limit": limit,
    }
    wanted = words[:MAXIMUM_WORDS] or [_LAST]
    for number, word in enumerate(wanted):
        parameters |= {f"word_{number}": word, f"word_{number}_end": word + _LAST}
    by_words = " INTERSECT ".join(_BY_WORD.format(n=number) for number in range(len(wanted)))
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format(words=by_words), parameters)
        return [Found(*row) for row in cursor.fetchall()]


def find_duplicates(name: str, birth_date: date | None, phone: str, *, limit: int = 6) -> list[Found]:
    """Patients who may be the one about to be registered, the likeliest first; one statement.

    Likely: the same words in the name and no other birth date; the same phone; or the same birth date and
    a word of the name in common.
    """
    hospital_id = require_transaction()
    words = words_of(name[:200].replace("\x00", ""))
    digits = re.sub(r"\D", "", phone)
    with connection.cursor() as cursor:
        cursor.execute(
            _DUPLICATES,
            {
                "hospital": hospital_id,
                "words": words,
                "phones": [digits[-9:]] if len(digits) >= 7 else [],
                "born": birth_date,
                "limit": limit,
            },
        )
        return [Found(*row) for row in cursor.fetchall()]


_DUPLICATES = """
WITH hit AS (
    SELECT key.patient_id,
           count(*) FILTER (WHERE key.word = ANY (%(words)s::varchar[])) AS words,
           count(*) FILTER (WHERE key.word = ANY (%(phones)s::varchar[])) AS phones
    FROM pages_patientsearchkey AS key
    WHERE key.hospital_id = %(hospital)s
      AND key.word = ANY (%(words)s::varchar[] || %(phones)s::varchar[])
    GROUP BY key.patient_id
), likely AS (
    SELECT patient.*, hit.phones, hit.words,
           patient.birth_date = %(born)s::date AS same_birth_date
    FROM hit
    JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = hit.patient_id
    WHERE patient.merged_into_id IS NULL
      AND (hit.phones > 0
           OR (hit.words = cardinality(%(words)s::varchar[])
               AND (patient.birth_date IS NULL OR %(born)s::date IS NULL OR patient.birth_date = %(born)s::date))
           OR (hit.words > 0 AND patient.birth_date = %(born)s::date))
)
SELECT id, name, mrn, birth_date, phone, '' FROM likely
ORDER BY (same_birth_date IS TRUE)::int + (phones > 0)::int + (words > 1)::int DESC, name, id
LIMIT %(limit)s
"""
