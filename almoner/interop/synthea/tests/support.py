"""Copies of the sample population: changed in one place, or many times as large."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import connection

from almoner.hospitals.models import Hospital
from almoner.interop.synthea.operations import import_population
from almoner.interop.synthea.report import Reconciliation
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction

SAMPLE = Path(__file__).parent / "sample"
TRANSACTIONS = "claims_transactions.csv"
Row = dict[str, str]

# What in the export is an id of its own or of another record, and so differs in every copy.
_IDS = {
    "patients.csv": {"Id"},
    "payer_transitions.csv": {"PATIENT"},
    "encounters.csv": {"Id", "PATIENT"},
    "procedures.csv": {"PATIENT", "ENCOUNTER"},
    "medications.csv": {"PATIENT", "ENCOUNTER"},
    "immunizations.csv": {"PATIENT", "ENCOUNTER"},
    "claims.csv": {"Id", "PATIENTID", "APPOINTMENTID"},
    TRANSACTIONS: {"ID", "CLAIMID", "PATIENTID", "APPOINTMENTID"},
}


def bring_in(
    folder: Path, slug: str | None = None, *, analyse: Callable[[], None] | None = None
) -> Reconciliation:
    """Import ``folder`` into the hospital ``slug``, or into a new one."""
    return import_population(
        folder,
        slug=slug or f"synthea-{new_id()}",
        name="A population",
        currency="USD",
        time_zone="America/New_York",
        actor=system("import"),
        at=now(),
        analyse=analyse or (lambda: None),
    )


def read_rows(folder: Path, file: str = TRANSACTIONS) -> list[Row]:
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(folder: Path, rows: list[Row], file: str = TRANSACTIONS) -> None:
    with (folder / file).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def copy_population(source: Path, target: Path) -> Path:
    """A copy of the files that an import reads, in the new folder ``target``."""
    target.mkdir(parents=True)
    for path in source.glob("*.csv"):
        shutil.copyfile(path, target / path.name)
    return target


def changed(target: Path, change: Callable[[list[Row]], None], source: Path = SAMPLE) -> Path:
    """A copy of ``source`` whose claim transactions ``change`` has altered."""
    folder = copy_population(source, target)
    rows = read_rows(folder)
    change(rows)
    write_rows(folder, rows)
    return folder


def multiplied(target: Path, copies: int, source: Path = SAMPLE) -> Path:
    """``copies`` times the patients of ``source``, each with ids, visits and claims of their own."""
    folder = copy_population(source, target)
    for name, columns in _IDS.items():
        rows = read_rows(source, name)
        with (folder / name).open("a", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            for copy in range(1, copies):
                for row in rows:
                    ids = {column: str(uuid5(NAMESPACE_URL, f"{copy}/{row[column]}")) for column in columns}
                    writer.writerow({**row, **ids})
    return folder


_DIGEST = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT concat_ws('|', entry.kind, entry.occurred_at, posting.account_code, posting.amount_minor,
                     event.idempotency_key, payment.idempotency_key, payment.receipt_series,
                     payment.receipt_year, payment.receipt_number, payer.code, patient.mrn) AS line
    FROM ledger_posting AS posting
    JOIN ledger_journalentry AS entry ON entry.hospital_id = posting.hospital_id AND entry.id = posting.entry_id
    JOIN patients_patientaccount AS account
        ON account.hospital_id = posting.hospital_id AND account.id = posting.patient_account_id
    JOIN patients_patient AS patient
        ON patient.hospital_id = account.hospital_id AND patient.id = account.patient_id
    LEFT JOIN charging_chargeitem AS item
        ON item.hospital_id = posting.hospital_id AND item.id = posting.charge_item_id
    LEFT JOIN charging_clinicalevent AS event
        ON event.hospital_id = item.hospital_id AND event.id = item.event_id
    LEFT JOIN payments_payment AS payment
        ON payment.hospital_id = posting.hospital_id AND payment.id = posting.payment_id
    LEFT JOIN patients_payer AS payer
        ON payer.hospital_id = posting.hospital_id AND payer.id = posting.payer_id
) AS lines
"""


def hospital_id(slug: str) -> UUID:
    return Hospital.objects.get(slug=slug).id


def ledger_digest(slug: str) -> str:
    """One value for all that the ledger of ``slug`` says, in terms of the file's ids."""
    with transaction(hospital_id(slug)), connection.cursor() as cursor:
        cursor.execute(_DIGEST)
        return str(cursor.fetchone()[0])


def count(slug: str, table: str) -> int:
    """Rows of ``table`` that the hospital has."""
    with transaction(hospital_id(slug)), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])
