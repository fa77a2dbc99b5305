"""Many entries in one statement keep the same promises as one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from almoner.kernel.ids import new_id
from almoner.ledger.batches import post_many
from almoner.ledger.models import JournalEntry, Posting
from tests.support.hospital import NOON, make_hospital

pytestmark = pytest.mark.django_db


def _entry(amounts: list[tuple[str, int]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    entry_id = new_id()
    entry = {
        "id": entry_id,
        "kind": "test.posted",
        "source_id": new_id(),
        "occurred_at": NOON,
        "posted_at": NOON,
        "actor": "test",
    }
    lines = [
        {"entry_id": entry_id, "account_code": code, "amount_minor": amount, "currency": "USD"}
        for code, amount in amounts
    ]
    return entry, lines


def test_every_entry_is_posted_with_lines_of_its_own() -> None:
    hospital = make_hospital()
    one, first = _entry([("bank", 500), ("revenue", -300), ("tax_payable", -200)])
    other, second = _entry([("cash_drawer", 70), ("revenue", -70)])
    with hospital.transaction():
        post_many([one, other], [*first, *second])
        assert JournalEntry.objects.count() == 2
        rows = Posting.objects.order_by("entry_id", "line").values_list(
            "line", "account_code", "amount_minor"
        )
        assert sorted(rows.filter(entry_id=one["id"])) == [
            (1, "bank", 500),
            (2, "revenue", -300),
            (3, "tax_payable", -200),
        ]
        assert sorted(rows.filter(entry_id=other["id"])) == [(1, "cash_drawer", 70), (2, "revenue", -70)]


def test_nothing_is_posted_when_one_entry_does_not_balance() -> None:
    hospital = make_hospital()
    one, first = _entry([("bank", 500), ("revenue", -500)])
    other, second = _entry([("bank", 500), ("revenue", -499)])
    with hospital.transaction():
        with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
            post_many([one, other], [*first, *second])
        assert not JournalEntry.objects.exists()


def test_an_entry_is_not_posted_a_second_time() -> None:
    hospital = make_hospital()
    one, first = _entry([("bank", 500), ("revenue", -500)])
    with hospital.transaction():
        post_many([one], first)
        with pytest.raises(IntegrityError), transaction.atomic():
            post_many([one], first)
        assert Posting.objects.count() == 2


def test_no_entries_are_no_statement() -> None:
    hospital = make_hospital()
    with hospital.transaction():
        post_many([], [])
        assert not JournalEntry.objects.exists()


def test_it_needs_the_transaction_of_a_hospital() -> None:
    one, first = _entry([("bank", 500), ("revenue", -500)])
    with pytest.raises(RuntimeError):
        post_many([one], first)
