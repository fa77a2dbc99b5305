"""The ledger of a run in business terms, so that two runs can be compared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from django.db import connection

from almoner.kernel.tenancy import transaction
from almoner.shell.simulation.world import World

_BATCH = 2000
_POSTINGS = """
SELECT entry.id, entry.kind, entry.occurred_at, entry.posted_at, patient.source_id, posting.account_code,
       posting.amount_minor, posting.currency, coalesce(department.code, ''), coalesce(service.code, ''),
       coalesce(payer.code, '')
FROM patients_patient AS patient
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.patient_id = patient.id
JOIN ledger_posting AS posting
    ON posting.hospital_id = %(hospital)s AND posting.patient_account_id = account.id
JOIN ledger_journalentry AS entry ON entry.hospital_id = %(hospital)s AND entry.id = posting.entry_id
LEFT JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = posting.department_id
LEFT JOIN catalog_service AS service
    ON service.hospital_id = %(hospital)s AND service.id = posting.service_id
LEFT JOIN patients_payer AS payer
    ON payer.hospital_id = %(hospital)s AND payer.id = posting.payer_id
WHERE patient.hospital_id = %(hospital)s AND starts_with(patient.source_id, %(run)s)
ORDER BY entry.posted_at, entry.id, posting.account_code, posting.amount_minor, department.code,
         service.code, payer.code
"""


@dataclass(frozen=True, slots=True)
class Books:
    """``digest`` is the SHA-256 over every posting of the run, in order; ``balances`` are minor units."""

    digest: str
    entries: int
    postings: int
    balances: Mapping[str, int]


def read_books(world: World) -> Books:
    """The postings of the run's patients. Ids play no part in the digest: they differ from run to run."""
    digest, balances = hashlib.sha256(), Counter[str]()
    entries = postings = 0
    last_entry = None
    with transaction(world.id), connection.cursor() as cursor:
        # Tables that were filled just now have no statistics yet, and a nested loop over them takes minutes.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_POSTINGS, {"hospital": world.id, "run": f"{world.run}:"})
        while rows := cursor.fetchmany(_BATCH):
            for entry, *terms in rows:
                postings += 1
                entries += entry != last_entry
                last_entry = entry
                balances[terms[4]] += terms[5]
                digest.update(orjson.dumps(terms, option=orjson.OPT_UTC_Z))
        cursor.execute("SET LOCAL enable_nestloop = on")
    return Books(digest.hexdigest(), entries, postings, dict(sorted(balances.items())))
