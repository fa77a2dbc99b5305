"""Export and load are inverse: what was exported changes nothing when it is loaded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from almoner.charging.models import ChargeRule
from almoner.enforcement.models import PaymentPolicy
from almoner.interop.hospital_file.compile import compile_document
from almoner.interop.hospital_file.fragment import arrange
from almoner.interop.hospital_file.operations import export, load, plan
from almoner.interop.hospital_file.plan import compare
from almoner.interop.hospital_file.problems import HospitalFileInvalid
from almoner.interop.hospital_file.reading import read
from almoner.interop.hospital_file.render import render
from almoner.interop.hospital_file.state import State
from almoner.interop.hospital_file.tests.files import CURRENCIES, as_text, documents
from almoner.interop.hospital_file.tests.samples import SECTION_1_2, SECTION_2_1, SECTION_3_1, small
from almoner.kernel.actor import system
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DEMO = Path(__file__).resolve().parents[1] / "demo.yaml"
SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


def _compile(text: str) -> State:
    document = read(text, "generated.yaml")
    arrange(document)
    state = compile_document(document)
    if document.problems:
        raise HospitalFileInvalid(document.problems)
    return state


def _right(document: dict[str, Any]) -> State:
    """The state of a generated file; a file in which two names meet by chance is passed over, nothing else."""
    try:
        return _compile(as_text(document))
    except HospitalFileInvalid as refusal:
        assert all("already" in problem.message for problem in refusal.problems), refusal
        assume(False)
        raise


@SLOW
@given(st.sampled_from(CURRENCIES).flatmap(documents))
def test_a_rendered_state_compiles_to_the_same_state(document: dict[str, Any]) -> None:
    state = _right(document)
    event(f"services: {len(state['services'])}")
    text = render(state)
    again = _compile(text)
    assert compare(state, again) == []
    assert render(again) == text


@pytest.mark.django_db
@settings(SLOW, max_examples=8)
@given(documents("INR"), documents("INR"))
def test_any_file_over_any_other_leaves_what_it_says(one: dict[str, Any], other: dict[str, Any]) -> None:
    slug = f"h{new_id().hex}"
    for document in (one, other):
        document["hospital"]["slug"] = slug
    other_text, one_text = as_text(other), as_text(one)
    try:
        _compile(one_text), _compile(other_text)
    except HospitalFileInvalid:
        assume(False)
    for text in (one_text, other_text, one_text):
        load(text, actor=system("test"), at=AT)
        assert plan(text).changes == []
        exported = export(slug)
        assert plan(exported).changes == []
        load(exported, actor=system("test"), at=AT)
        assert export(slug) == exported


@pytest.mark.django_db
def test_the_demo_hospital_is_exported_and_loaded_without_a_change() -> None:
    text = DEMO.read_text(encoding="utf-8").replace("slug: riverside", "slug: demo_round_trip")
    load(text, actor=system("test"), at=AT)
    assert plan(text).changes == []
    exported = export("demo_round_trip")
    assert plan(exported).changes == []
    assert load(exported, actor=system("test"), at=AT).version == 1


@pytest.mark.django_db
def test_the_document_of_a_part_describes_the_whole_hospital() -> None:
    load(small("part_of") + SECTION_2_1 + SECTION_3_1, actor=system("test"), at=AT)
    loaded = load(SECTION_1_2, actor=system("test"), at=AT, hospital="part_of")
    assert plan(loaded.plan.document).changes == []
    assert export("part_of") == loaded.plan.document


@pytest.mark.django_db
def test_a_fee_that_was_changed_beside_the_file_is_exported_as_what_it_is() -> None:
    loaded = load(small("beside"), actor=system("test"), at=AT)
    with transaction(loaded.hospital_id):
        ChargeRule.objects.filter(code="cardiology.consultation_fee").update(once_per="encounter")
        PaymentPolicy.objects.create(
            hospital_id=loaded.hospital_id, scope="department", subject="cardiology", settings={}
        )
    exported = export("beside")
    assert "consultation_fee: 75.00" not in exported and "once_per: encounter" in exported
    changes = plan(exported).changes
    assert [(change.section, list(change.fields)) for change in changes] == [("charge_rules", ["fee"])]
