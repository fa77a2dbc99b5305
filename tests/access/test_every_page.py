"""Every address × every role, as the hand-written table says; refused means that nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from almoner.identity.roles import ROLES
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import TenantModel
from tests.access.table import PUBLIC, STAFF, TABLE
from tests.support.day import AT, BusyDay, make_busy_day, make_member
from tests.support.pages import HTMX, member_client


def addresses(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every named address of the pages (not of the API, which has its own table) with its pattern."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "ninja" and not str(pattern.pattern).startswith("api/"):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from addresses(pattern, inner)
        elif pattern.name is not None:
            yield f"{namespace}{pattern.name}", pattern
        else:
            yield f"{namespace}(unnamed {pattern.pattern})", pattern


ADDRESSES = dict(addresses(get_resolver()))
NAMING_ROWS = sorted(name for name in set(TABLE) & set(ADDRESSES) if ADDRESSES[name].pattern.converters)


def test_every_address_is_in_the_table_and_nothing_else() -> None:
    assert set(ADDRESSES) - PUBLIC == set(TABLE)
    assert len(ADDRESSES) > 25


def test_the_table_knows_every_role() -> None:
    assert set(ROLES) == STAFF
    assert all(roles <= STAFF for _, roles in TABLE.values())


@pytest.fixture(scope="module")
def world(django_db_blocker: Any) -> Iterator[BusyDay]:
    """One busy hospital for the module, committed: refusals must not be told from rollbacks."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        world = make_busy_day()
        world.colleague_id = make_member(world.hospital.id, "porter").id
        yield world


@pytest.fixture(scope="module")
def clients(world: BusyDay) -> dict[str, Client]:
    return {role: member_client(world.hospital.id, role) for role in ROLES}


def _arguments(world: BusyDay, pattern: URLPattern) -> dict[str, object]:
    """Something that exists for every part of an address."""
    visit = world.visits["Maria Silva"]
    known: dict[str, object] = {
        "patient_id": world.patients["Maria Silva"].id,
        "duplicate_id": world.patients["Samuel Osei"].id,
        "encounter_id": visit.id,
        "step": "consultation.start",
        "user_id": world.colleague_id,
        "role_code": "cashier",
    }
    return {part: known.get(part) or _some(world, part) for part in pattern.pattern.converters}


def _some(world: BusyDay, part: str) -> UUID | int:
    """The id of some row that this part of an address may mean; a number is 0."""
    if not part.endswith("_id"):
        return 0
    models = {
        "order_id": "orders.TestOrder",
        "prescription_id": "orders.Prescription",
        "admission_id": "orders.Admission",
        "payment_id": "payments.Payment",
        "override_id": "enforcement.Override",
        "charge_item_id": "charging.ChargeItem",
        "event_id": "charging.ClinicalEvent",
        "decision_id": "enforcement.GateDecision",
        "order_line_id": "orders.TestOrderLine",
        "sample_id": "laboratory.Sample",
        "result_id": "laboratory.TestResult",
        "bed_id": "hospitals.Bed",
        "dispensing_id": "pharmacy.Dispensing",
        "stock_item_id": "pharmacy.StockItem",
        "batch_id": "pharmacy.Batch",
        "invitation_id": "identity.Invitation",
    }
    with world.hospital.transaction():
        row = apps.get_model(models[part]).objects.order_by("id").first()
    return row.pk if row else new_id()


def _rows() -> dict[str, int]:
    """How many rows every tenant's table has."""
    counts = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if issubclass(model, TenantModel):
                cursor.execute(f'SELECT count(*), max(xmin::text::bigint) FROM "{model._meta.db_table}"')
                counts[model._meta.db_table] = cursor.fetchone()
    return counts


@pytest.mark.parametrize("name", sorted(set(TABLE) & set(ADDRESSES)))
def test_an_address_lets_in_those_of_the_table_and_nobody_else(
    world: BusyDay, clients: dict[str, Client], name: str
) -> None:
    method, allowed = TABLE[name]
    address = reverse(name, kwargs=_arguments(world, ADDRESSES[name]))
    with world.hospital.transaction():
        before = _rows()
    for role in sorted(STAFF - allowed):
        for headers in ({}, HTMX):
            answer = clients[role].generic(method, address, headers=headers)
            assert answer.status_code == 403, (role, answer.status_code)
    with world.hospital.transaction():
        assert _rows() == before, "a refused request changed something"
    for role in sorted(allowed):
        answer = clients[role].generic(method, address)
        assert answer.status_code < 500 and answer.status_code not in (401, 403, 405), (role, answer)


@pytest.mark.parametrize("name", sorted(set(TABLE) & set(ADDRESSES)))
def test_a_stranger_is_sent_to_log_in(world: BusyDay, name: str) -> None:
    method, _ = TABLE[name]
    address = reverse(name, kwargs=_arguments(world, ADDRESSES[name]))
    assert Client().generic(method, address)["Location"].startswith("/login/")
    assert Client().generic(method, address, headers=HTMX).status_code == 401


@pytest.mark.parametrize("name", NAMING_ROWS)
def test_another_hospitals_rows_are_not_there(world: BusyDay, clients: dict[str, Client], name: str) -> None:
    """What belongs to another hospital is as unknown as what never was."""
    others = {"step": "consultation.start", "seen": 0, "role_code": "nobodys_role"}
    parts = ADDRESSES[name].pattern.converters
    elsewhere = {part: others.get(part) or (new_id() if part.endswith("_id") else 0) for part in parts}
    method, allowed = TABLE[name]
    answer = clients[min(allowed)].generic(method, reverse(name, kwargs=elsewhere), headers=HTMX)
    assert answer.status_code in (404, 422), answer.status_code
