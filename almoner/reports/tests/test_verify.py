"""Every promise of the books is checked: each sabotage is seen by exactly its check, on exactly its row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from almoner.identity import audit
from almoner.identity.models import AuditBlock, AuditRecord
from almoner.kernel.ids import new_id
from almoner.reports.tests.busy import busy_hospital
from almoner.reports.tests.sabotage import SABOTAGES, Sabotage
from almoner.reports.verify import CHECKS, check_books
from almoner.reports.verify.snapshot import snapshot
from tests.support.hospital import TestHospital


@pytest.fixture(scope="module")
def busy(django_db_blocker: Any) -> Iterator[tuple[TestHospital, dict[str, Any]]]:
    from django.db import connections

    with django_db_blocker.unblock():
        yield busy_hospital()
        connections.close_all()


@pytest.fixture
def vandal(busy: tuple[TestHospital, dict[str, Any]]) -> Iterator[psycopg.Cursor[Any]]:
    """A superuser's cursor without triggers; what it does is rolled back."""
    with psycopg.connect(os.environ["ALMONER_TEST_SUPERUSER_URL"]) as connection:
        cursor = connection.cursor()
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        connection.rollback()


def broken(cursor: psycopg.Cursor[Any], hospital: TestHospital) -> dict[str, set[str]]:
    """What verification says in the vandal's transaction, as the application's role: rows by check."""
    cursor.execute("SET LOCAL ROLE almoner_app")
    cursor.execute("SELECT set_config('almoner.hospital_id', %s, true)", [str(hospital.id)])
    results = check_books(cursor)
    assert all(len(result.findings) <= result.wrong for result in results)
    return {result.check.code: {found.row for found in result.findings} for result in results if result.wrong}


def test_a_busy_day_keeps_every_promise(busy: tuple[TestHospital, dict[str, Any]]) -> None:
    hospital, _ = busy
    with snapshot(hospital.id) as cursor:
        results = check_books(cursor)
    assert [found for result in results for found in result.findings] == []
    assert [result.check.code for result in results if not result.examined] == []


def test_every_check_has_a_sabotage() -> None:
    in_a_table = {sabotage.check for sabotage in SABOTAGES}
    assert in_a_table | {"audit_record_sealed_once"} == {check.code for check in CHECKS}


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: f"{sabotage.check}: {sabotage.name}")
def test_sabotage_is_named(
    sabotage: Sabotage, busy: tuple[TestHospital, dict[str, Any]], vandal: psycopg.Cursor[Any]
) -> None:
    hospital, ids = busy
    for statement in sabotage.statements:
        vandal.execute(statement.format(**ids))
        assert vandal.rowcount > 0, statement
    assert broken(vandal, hospital) == {sabotage.check: {sabotage.row.format(**ids)}}


def _seal_again(
    cursor: psycopg.Cursor[Any], hospital: TestHospital, previous: str, record: AuditRecord
) -> None:
    cursor.execute(
        "INSERT INTO identity_auditblock (hospital_id, id, number, sealed_at, record_ids, previous_hash, hash)"
        " VALUES (%s, %s, 3, now(), %s, %s, %s)",
        [hospital.id, new_id(), [record.id], previous, audit.block_hash(previous, [record])],
    )


def test_a_record_under_two_seals_is_named(
    busy: tuple[TestHospital, dict[str, Any]], vandal: psycopg.Cursor[Any]
) -> None:
    hospital, _ = busy
    with hospital.transaction():
        record = AuditRecord.objects.get(id=AuditBlock.objects.get(number=1).record_ids[0])
        last = AuditBlock.objects.get(number=2)
    _seal_again(vandal, hospital, last.hash, record)
    assert broken(vandal, hospital) == {"audit_record_sealed_once": {f"audit record {record.id}"}}


def test_a_seal_that_follows_another_one_is_named(
    busy: tuple[TestHospital, dict[str, Any]], vandal: psycopg.Cursor[Any]
) -> None:
    hospital, _ = busy
    with hospital.transaction():
        fresh = AuditRecord(
            id=new_id(),
            at=AuditBlock.objects.get(number=1).sealed_at,
            actor="x",
            action="x",
            subject_kind="x",
        )
    vandal.execute(
        "INSERT INTO identity_auditrecord (hospital_id, id, at, actor, action, subject_kind, data)"
        " VALUES (%s, %s, %s, 'x', 'x', 'x', '{}')",
        [hospital.id, fresh.id, fresh.at],
    )
    _seal_again(vandal, hospital, "f" * 64, fresh)
    assert broken(vandal, hospital) == {"audit_chain": {"audit block 3"}}


def test_a_sealed_record_that_is_gone_is_named(
    busy: tuple[TestHospital, dict[str, Any]], vandal: psycopg.Cursor[Any]
) -> None:
    hospital, _ = busy
    with hospital.transaction():
        record_id = AuditBlock.objects.get(number=1).record_ids[0]
    vandal.execute("DELETE FROM identity_auditrecord WHERE id = %s", [record_id])
    assert broken(vandal, hospital) == {
        "audit_record_sealed_once": {f"audit record {record_id}"},
        "audit_hash": {"audit block 1"},
    }


def test_findings_are_limited_and_counted(
    busy: tuple[TestHospital, dict[str, Any]], vandal: psycopg.Cursor[Any]
) -> None:
    hospital, _ = busy
    vandal.execute(
        "UPDATE ledger_openitem SET payer_minor = payer_minor + 1 WHERE hospital_id = %s", [hospital.id]
    )
    touched = vandal.rowcount
    vandal.execute("SET LOCAL ROLE almoner_app")
    vandal.execute("SELECT set_config('almoner.hospital_id', %s, true)", [str(hospital.id)])
    [result] = [result for result in check_books(vandal, limit=2) if result.wrong]
    assert (result.check.code, result.wrong, len(result.findings)) == ("open_item", touched, 2)
