"""The same content has the same hash, another content another one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.kernel.errors import DomainError
from almoner.kernel.idempotency import MAXIMUM_KEY_LENGTH, check_key, content_hash

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
PATIENT = UUID("01900000-0000-7000-8000-000000000001")
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_hash_of_a_content_never_changes() -> None:
    content = {
        "kind": "lab_test.ordered",
        "at": AT,
        "patient": PATIENT,
        "lines": [["blood_count", "1", None]],
    }
    canonical = (
        b'{"at":"2026-03-02T12:00:00Z","kind":"lab_test.ordered","lines":[["blood_count","1",null]],'
        b'"patient":"01900000-0000-7000-8000-000000000001"}'
    )
    assert content_hash(content) == hashlib.sha256(canonical).hexdigest()


@given(st.dictionaries(st.text("abcdef", max_size=4), JSON, max_size=6))
def test_the_order_of_keys_does_not_matter(content: dict[str, Any]) -> None:
    assert content_hash(content) == content_hash(dict(reversed(content.items())))


@given(JSON, JSON)
def test_other_content_has_another_hash(one: Any, other: Any) -> None:
    assert (content_hash(one) == content_hash(other)) is (repr(one) == repr(other) or _same(one, other))


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: ``True`` is not 1, and the order of keys does not count."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("key", ["", "x" * (MAXIMUM_KEY_LENGTH + 1), "a\nb", "a\0b", "\ud800"])
def test_a_key_that_cannot_be_kept_is_refused(key: str) -> None:
    with pytest.raises(DomainError) as refusal:
        check_key(key)
    assert refusal.value.field == "idempotency_key"


@pytest.mark.parametrize("key", ["a", "x" * MAXIMUM_KEY_LENGTH, "visit 7/line 2", "ключ"])
def test_a_printable_key_is_kept_as_it_is(key: str) -> None:
    assert check_key(key) == key
