"""Whatever is sent, nothing is a 500 and every answer is what the document says: schemathesis asks.

Half of what it sends is valid by the document, half is not. Ids and codes in it are exchanged for real
ones of a hospital (a UUID for a UUID, so that valid stays valid), so that the requests reach the books.
Cases are derived from the document alone: the same document gives the same cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from almoner.kernel.ids import new_id
from tests.api.world import World
from tests.support.api import document

EXAMPLES = 8
KEY_PATTERN = re.compile(r"[!-~]{1,128}", re.ASCII)
CODE_PATTERN = re.compile(r"[a-z0-9_.]{1,60}|[A-Z]{3}", re.ASCII)
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _schema() -> Any:
    config = SchemathesisConfig()
    generation = config.projects.default.generation
    generation.deterministic = True
    # The key stands in every request; parameters that nobody knows have a test of their own, since some
    # that are made up here (an empty list) vanish on their way into the address.
    generation.with_security_parameters = False
    generation.allow_extra_parameters = False
    schema = schemathesis.openapi.from_dict(document(), config=config)
    schema.app = get_wsgi_application()
    return schema


schema = _schema()


@pytest.fixture(scope="module")
def world(django_db_blocker: Any) -> Iterator[World]:
    """A hospital whose rows are really committed, with something of everything."""
    from django.db import connections

    with django_db_blocker.unblock():
        world = World(strict=True)
        real_ids(world)
        yield world
        connections.close_all()


def real_ids(world: World) -> dict[str, UUID]:
    """An id of every kind, by the field or parameter that holds it."""
    return {
        "hospital_id": world.hospital.id,
        "patient_id": world.patient.id,
        "duplicate_id": world.duplicate.id,
        "encounter_id": world.encounter.id,
        "patient_account_id": world.patient.account_id,
        "charge_item_id": world.item_id,
        "charge_item_ids": world.item_id,
        "event_id": world.charged.event_id,
        "payment_id": world.deposit_id,
        "payer_id": world.hospital.payer_id,
        "order_id": world.test_order.id,
        "prescription_id": world.prescription.id,
        "admission_id": world.admission.id,
        "bed_id": world.bed_id,
        "appointment_id": world.appointment.id,
        "decision_id": world.decision_id,
        "held_decision_id": world.decision_id,
        "override_id": world.override.id,
    }


REAL_CODES = {
    "service": "bandage",
    "services": "blood_count",
    "department": "cardiology",
    "ward": "general_ward",
    "payer": "acme",
    "cash_point": "main",
    "currency": "USD",
    "step": "laboratory.process",
}


BODY_CODES = {**REAL_CODES, "kind": "service.provided"}


def with_real_values(
    value: Any, ids: dict[str, UUID], codes: dict[str, str] = REAL_CODES, name: str = ""
) -> Any:
    """``value`` with its UUIDs (by the name of their field) and codes exchanged for real ones."""
    if isinstance(value, dict):
        return {key: with_real_values(inner, ids, codes, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_real_values(inner, ids, codes, name) for inner in value]
    if isinstance(value, str) and name in ids and UUID_PATTERN.fullmatch(value):
        return str(ids[name])
    if isinstance(value, str) and name in codes and CODE_PATTERN.fullmatch(value):
        return codes[name]
    return value


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_input_breaks_the_api(case: Any, world: World) -> None:
    ids = real_ids(world)
    case.path_parameters = with_real_values(case.path_parameters, ids)
    case.query = with_real_values(case.query, ids)
    case.body = with_real_values(case.body, ids, BODY_CODES)
    if KEY_PATTERN.fullmatch((case.headers or {}).get("Idempotency-Key", "")):
        case.headers["Idempotency-Key"] = f"any-{new_id()}"
    headers = {"Authorization": f"Bearer {world.owner.secret}"}
    # A schema cannot say that a patient exists: valid input may be refused, by a rule, with 4xx.
    case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])
