"""The audit trail: a record with the deed, in the same transaction; seals over the records afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from almoner.identity.models import AuditBlock, AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import require_transaction, transaction

GENESIS = "0" * 64


def record(
    action: str, *, actor: Actor, at: datetime, subject_kind: str, subject_id: UUID | None = None, **data: Any
) -> AuditRecord:
    """Write down that ``actor`` did ``action`` (a dotted name) to the subject."""
    return AuditRecord.objects.create(
        hospital_id=require_transaction(),
        at=at,
        actor=actor.name,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        data=data,
    )


def block_hash(previous_hash: str, records: Iterable[AuditRecord]) -> str:
    """SHA-256 over the hash before and the canonical JSON of the records, in the order of their ids."""
    digest = hashlib.sha256(previous_hash.encode())
    for entry in sorted(records, key=lambda row: row.id):
        digest.update(
            orjson.dumps(
                [
                    entry.id,
                    entry.at.astimezone(UTC),
                    entry.actor,
                    entry.action,
                    entry.subject_kind,
                    entry.subject_id,
                    entry.data,
                ],
                option=orjson.OPT_SORT_KEYS,
            )
        )
    return digest.hexdigest()


def seal(hospital_id: UUID, *, at: datetime, limit: int = 1000) -> int:
    """Seal the records that no block holds yet, oldest first; returns how many were sealed.

    One sealer per hospital at a time (an advisory lock); writers never wait for it.
    """
    with transaction(hospital_id):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"almoner.audit.{hospital_id}"]
            )
            cursor.execute(
                "SELECT id FROM identity_auditrecord"
                " EXCEPT SELECT unnest(record_ids) FROM identity_auditblock ORDER BY id LIMIT %s",
                [limit],
            )
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return 0
        last = AuditBlock.objects.order_by("-number").first()
        previous = last.hash if last else GENESIS
        AuditBlock.objects.create(
            hospital_id=hospital_id,
            number=last.number + 1 if last else 1,
            sealed_at=at,
            record_ids=ids,
            previous_hash=previous,
            hash=block_hash(previous, AuditRecord.objects.filter(id__in=ids)),
        )
        return len(ids)
