"""The JSON Schema of the hospital file, for editors: completion, explanations, mistakes underlined."""

from __future__ import annotations

from importlib import resources
from typing import Any

import orjson

from almoner.interop.hospital_file.structure import FEE_KEY, HospitalFile
from almoner.interop.hospital_file.values import Amount

FILE_NAME = "hospital-file.schema.json"
_PRINTED_TITLES = {
    "System Configuration": "system_configuration",
    "Payment Enforcement Levels": "payment_enforcement_levels",
    "Ward Billing Types": "ward_billing_types",
    "Per Service Configuration": "per_service_configuration",
}


def make_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a whole file, made from ``structure``."""
    schema = HospitalFile.model_json_schema()
    _tidy(schema)
    department = schema["$defs"]["Department"]
    department["patternProperties"] = {f"^{FEE_KEY.pattern}$": {"$ref": "#/$defs/Amount"}}
    department["additionalProperties"] = False
    schema["$defs"]["Amount"] = {"description": "An amount: 75, 75.50 or $75.", **_amount()}
    properties = schema["properties"]
    rules = properties["per_service_configuration"]
    rules["anyOf"] = [{"type": "array", "items": rules.pop("items")}, {"$ref": "#/$defs/ServiceRules"}]
    del rules["type"]
    for title, section in _PRINTED_TITLES.items():
        properties[title] = properties[section]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Hospital file",
    }


def schema_text() -> str:
    """The schema as the published file has it."""
    text = orjson.dumps(make_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return text.decode()


def published_text() -> str:
    """The file that stands beside the demo hospital."""
    return resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8")


def _amount() -> dict[str, Any]:
    reads = Amount.__metadata__[0]  # type: ignore[attr-defined]
    return dict(reads.schema)


def _tidy(node: Any) -> None:
    """Leave out what says nothing to an editor: made-up titles, and null beside the real type."""
    if isinstance(node, list):
        for entry in node:
            _tidy(entry)
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        choices.remove({"type": "null"})
        if node.get("default", 0) is None:
            del node["default"]
        if len(choices) == 1:
            del node["anyOf"]
            node.update(choices[0])
    for value in node.values():
        _tidy(value)
