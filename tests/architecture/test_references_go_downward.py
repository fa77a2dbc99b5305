"""What the import linter cannot see: references between models, and registrations by import."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

ROOT = Path(__file__).resolve().parents[2]


def _ranks() -> dict[str, int]:
    """The height of every room, as the import contract lists them (the highest first)."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {
        room.strip(): len(layers) - index for index, layer in enumerate(layers) for room in layer.split("|")
    }


def _room(model: type[models.Model]) -> str:
    return model.__module__.split(".")[1]


REFERENCES = [
    (model, field)
    for model in apps.get_models()
    if model.__module__.startswith("almoner.")
    for field in model._meta.local_fields
    if isinstance(field, models.ForeignKey)
]


@pytest.mark.parametrize(("model", "field"), REFERENCES, ids=str)
def test_a_model_refers_to_its_own_room_or_a_lower_one(
    model: type[models.Model], field: models.ForeignKey
) -> None:
    target = field.related_model
    ranks = _ranks()
    if _room(model) == _room(target):
        points = ("service_points", model._meta.app_label, target._meta.app_label)
        assert _room(model) != points[0] or points[1] == points[2]
    else:
        assert ranks[_room(target)] < ranks[_room(model)]


def test_only_the_declared_registries_fill_up_by_import() -> None:
    """Guards register where their operation is defined; nothing else may depend on import order."""
    from almoner.enforcement import gate

    assert all(module.startswith(("almoner.service_points.", "tests.")) for module in gate.GUARDS.values())


def test_references_are_found() -> None:
    assert len(REFERENCES) > 30
