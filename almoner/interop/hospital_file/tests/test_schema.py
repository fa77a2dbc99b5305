"""The JSON Schema that editors use says what the check says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from almoner.interop.hospital_file.operations import check
from almoner.interop.hospital_file.render import SCHEMA_COMMENT
from almoner.interop.hospital_file.schema import FILE_NAME, make_schema, published_text, schema_text
from almoner.interop.hospital_file.tests.files import CURRENCIES, documents
from almoner.interop.hospital_file.tests.samples import (
    LATE_FEE,
    SECTION_1_2,
    SECTION_2_1,
    SECTION_3_1,
    SECTION_4_1,
    SECTION_4_2,
    VALUES_4_1,
    VALUES_4_2,
    first_values,
    small,
)

DEMO = Path(__file__).resolve().parents[1] / "demo.yaml"
VALIDATOR = Draft202012Validator(make_schema())


class _EditorLoader(yaml.SafeLoader):
    """YAML as editors read it: dates stay text."""


_EditorLoader.yaml_implicit_resolvers = {
    first: [entry for entry in resolvers if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _errors(text: str) -> list[str]:
    data = yaml.load(text, Loader=_EditorLoader)
    return [error.json_path for error in VALIDATOR.iter_errors(data)]


def _plain(value: Any) -> Any:
    """A generated file as an editor sees it: dates are text."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | str) else value.isoformat()


def test_the_schema_is_a_valid_json_schema() -> None:
    Draft202012Validator.check_schema(make_schema())


def test_the_published_schema_is_the_one_made_from_the_structure() -> None:
    assert published_text() == schema_text(), "almoner config schema > the published file"


def test_the_demo_file_names_the_schema_and_follows_it() -> None:
    text = DEMO.read_text(encoding="utf-8")
    assert text.startswith(SCHEMA_COMMENT) and f"$schema={FILE_NAME}" in SCHEMA_COMMENT
    assert (DEMO.parent / FILE_NAME).exists()
    assert _errors(text) == []
    assert check(text) == []


def test_the_blocks_of_the_specification_follow_the_schema() -> None:
    departments = "departments:\n" + "".join(f"  {line}\n" for line in SECTION_1_2.splitlines())
    text = (
        small().split("departments:")[0]
        + "services:\n"
        + LATE_FEE
        + departments
        + SECTION_2_1
        + SECTION_3_1
        + SECTION_4_1.format(**first_values(VALUES_4_1))
        + SECTION_4_2.format(**first_values(VALUES_4_2))
    )
    assert _errors(text) == []
    assert check(text) == []


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.sampled_from(CURRENCIES).flatmap(documents))
def test_every_right_file_follows_the_schema(document: dict[str, Any]) -> None:
    assert [error.json_path for error in VALIDATOR.iter_errors(_plain(document))] == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("consultation_fee: $75", "consultation_fee: free", "$.departments.cardiology.consultation_fee"),
        ("consultation_fee: $75", "consultation_fees: $75", "$.departments.cardiology"),
        ("kind: diagnostic", "kind: diagnostics", "$.departments.laboratory.kind"),
        ("price: $40", "price: -40", "$.services.cbc.price"),
        ("price: $40", "prize: $40", "$.services.cbc"),
        ("  currency: USD\n", "", "$.hospital"),
        ("services:", "servces:", "$"),
        (
            "    price: $40",
            "    billing_rules: {payment_required: maybe}",
            "$.services.cbc.billing_rules.payment_required",
        ),
        (
            "    price: $40",
            "    billing_rules: {grace_period: 31}",
            "$.services.cbc.billing_rules.grace_period",
        ),
    ],
)
def test_schema_and_check_refuse_the_same_mistake(old: str, new: str, path: str) -> None:
    text = small().replace(old, new)
    assert path in _errors(text)
    assert check(text) != []
