"""The audit chain: seals numbered without a gap, each over records that are still what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from almoner.identity.audit import GENESIS, block_hash
from almoner.identity.models import AuditRecord
from almoner.reports.verify.probe import Check, Cursor, Finding, Found, SqlProbe

_BLOCKS = "SELECT count(*) FROM identity_auditblock"
_SEALED = "SELECT coalesce(sum(cardinality(record_ids)), 0) FROM identity_auditblock"
_BLOCKS_AT_A_TIME = 200

_RECORDS = SqlProbe(
    checks=(
        Check("audit_chain", "Seals are numbered without a gap, each after the one before", _BLOCKS),
        Check("audit_record_sealed_once", "No audit record stands under two seals, none is missing", _SEALED),
    ),
    problems=f"""
    WITH block AS (
        SELECT number, previous_hash, lag(hash, 1, '{GENESIS}') OVER (ORDER BY number) AS hash_before,
               lag(number, 1, 0::bigint) OVER (ORDER BY number) AS number_before
        FROM identity_auditblock
    ), sealed AS (
        SELECT unnest(record_ids) AS id FROM identity_auditblock
    )
    SELECT 'audit_chain', 'audit block ' || number,
           CASE WHEN number <> number_before + 1 THEN 'it follows block ' || number_before
                ELSE 'it does not name the hash of the block before' END
    FROM block WHERE number <> number_before + 1 OR previous_hash <> hash_before
    UNION ALL
    SELECT 'audit_record_sealed_once', 'audit record ' || s.id, 'sealed ' || count(*) || ' times'
    FROM sealed AS s GROUP BY s.id HAVING count(*) > 1
    UNION ALL
    SELECT 'audit_record_sealed_once', 'audit record ' || s.id, 'sealed, but there is no such record'
    FROM sealed AS s WHERE NOT EXISTS (SELECT FROM identity_auditrecord AS r WHERE r.id = s.id)
    """,
)


class _Hashes:
    """Recomputes the hash of every seal from its records. In Python, since that is where seals are made."""

    checks = (Check("audit_hash", "Sealed records are what they were when they were sealed", _SEALED),)

    def run(self, cursor: Cursor, limit: int) -> dict[str, Found]:
        found = Found(0, [])
        wrong = 0
        for number, expected, stored in self._blocks(cursor):
            if expected != stored:
                wrong += 1
                if wrong <= limit:
                    found.findings.append(
                        Finding(
                            "audit_hash",
                            f"audit block {number}",
                            f"hash {stored}, its records give {expected}",
                        )
                    )
        return {"audit_hash": Found(wrong, found.findings)} if wrong else {}

    def _blocks(self, cursor: Cursor) -> Iterator[tuple[int, str, str]]:
        """Number, recomputed hash and stored hash of each seal."""
        after = 0
        while True:
            cursor.execute(
                "SELECT b.number, b.previous_hash, b.hash, r.id, r.at, r.actor, r.action, r.subject_kind,"
                " r.subject_id, r.data::text"
                f" FROM (SELECT * FROM identity_auditblock WHERE number > {after:d}"
                f" ORDER BY number LIMIT {_BLOCKS_AT_A_TIME:d}) AS b"
                " LEFT JOIN identity_auditrecord AS r ON r.id = ANY (b.record_ids)"
                " ORDER BY b.number"
            )
            rows = cursor.fetchall()
            if not rows:
                return
            for (number, previous, stored), members in groupby(rows, key=lambda row: tuple(row[:3])):
                records = [_record(row[3:]) for row in members if row[3] is not None]
                yield number, block_hash(previous, records), stored
                after = number


def _record(columns: Any) -> AuditRecord:
    identity, at, actor, action, subject_kind, subject_id, data = columns
    return AuditRecord(
        id=identity,
        at=at,
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        data=json.loads(data),
    )


AUDIT = (_RECORDS, _Hashes())
