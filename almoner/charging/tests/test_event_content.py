"""What makes two events the same request: their content, hashed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from almoner.charging.rules import Event, EventLine
from almoner.kernel.idempotency import content_hash

PATIENT = UUID("01900000-0000-7000-8000-000000000001")
ORDER = UUID("01900000-0000-7000-8000-000000000002")
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def event(**changes: Any) -> Event:
    fields: dict[str, Any] = {
        "kind": "lab_test.ordered",
        "idempotency_key": "key",
        "patient_id": PATIENT,
        "lines": (EventLine("blood_count"),),
    }
    return Event(**fields | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "service.provided"},
        {"occurred_at": AT},
        {"patient_id": ORDER},
        {"encounter_id": PATIENT},
        {"order_id": ORDER},
        {"lines": ()},
        {"lines": (EventLine("lipid_panel"),)},
        {"lines": (EventLine("blood_count", Decimal(2)),)},
        {"lines": (EventLine("blood_count", price_minor=0),)},
        {"lines": (EventLine("blood_count"), EventLine("blood_count"))},
        {"priority": "stat"},
        {"request_type": "follow_up"},
        {"body": {"room": "3"}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_every_part_of_an_event_counts(changes: dict[str, Any]) -> None:
    assert content_hash(event(**changes).content()) != content_hash(event().content())


def test_neither_the_key_nor_the_writing_of_a_quantity_counts() -> None:
    same = event(idempotency_key="other", lines=(EventLine("blood_count", Decimal("1.000")),))
    assert content_hash(same.content()) == content_hash(event().content())
