"""``almoner verify`` says what it checked, names what is wrong, and tells programs by its exit code."""

from __future__ import annotations

import json
import os
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner

from almoner.kernel.errors import NotFound
from almoner.shell.commands.verify import command
from tests.support.hospital import TEST_ORDERED, TestHospital, make_hospital


@pytest.fixture
def hospital(committed: None) -> TestHospital:
    return make_hospital()


@pytest.fixture
def charge(hospital: TestHospital) -> UUID:
    item_id: UUID = hospital.capture(TEST_ORDERED, "blood_count", patient=hospital.patient()).items[0]["id"]
    return item_id


def add_to_open_item(charge: UUID, amount_minor: int) -> None:
    with psycopg.connect(os.environ["ALMONER_TEST_SUPERUSER_URL"]) as connection:
        connection.execute(
            "UPDATE ledger_openitem SET patient_minor = patient_minor + %s WHERE id = %s",
            [amount_minor, charge],
        )


def test_clean_books_end_with_0(hospital: TestHospital, charge: UUID) -> None:
    result = CliRunner().invoke(command, ["--hospital", hospital.slug])
    assert result.exit_code == 0
    assert "the books are clean" in result.output


def test_a_wrong_row_is_named_and_ends_with_1(hospital: TestHospital, charge: UUID) -> None:
    add_to_open_item(charge, 5)
    try:
        words = CliRunner().invoke(command, ["--hospital", hospital.slug])
        data = CliRunner().invoke(command, ["--hospital", hospital.slug, "--json"])
    finally:
        add_to_open_item(charge, -5)
    assert (words.exit_code, data.exit_code) == (1, 1)
    assert f"charge item {charge}: patient 3005 (postings: 3000)" in words.output
    document = json.loads(data.stdout)
    assert document["clean"] is False
    [hospital_document] = document["hospitals"]
    wrong = [check for check in hospital_document["checks"] if check["wrong"]]
    assert [(check["check"], check["wrong"]) for check in wrong] == [("open_item", 1)]
    assert wrong[0]["rows"][0]["row"] == f"charge item {charge}"


def test_an_unknown_hospital_is_refused(committed: None) -> None:
    result = CliRunner().invoke(command, ["--hospital", "nowhere"])
    assert isinstance(result.exception, NotFound)
