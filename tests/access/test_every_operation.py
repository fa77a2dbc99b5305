"""Every operation of the API × every role, as the hand-written table says; refused means that nothing changed."""

from __future__ import annotations

import pytest
from django.db import transaction

from almoner.identity.roles import ROLES
from tests.access.api_table import API_TABLE
from tests.access.table import STAFF
from tests.api.test_endpoints import BY_OPERATION, operations, send
from tests.api.world import World
from tests.support.api import ApiClient, all_scopes
from tests.support.digest import rows_of_every_table


def key_of(world: World, role: str) -> ApiClient:
    """A program with the permissions that the role has."""
    scopes = all_scopes() if ROLES[role].everything else sorted(ROLES[role].permissions)
    return ApiClient(world.hospital.id, scopes=list(scopes))


def test_every_operation_is_in_the_table_and_nothing_else() -> None:
    assert set(API_TABLE) == set(operations())
    assert all(roles <= STAFF for roles in API_TABLE.values())


@pytest.mark.parametrize("operation", sorted(set(API_TABLE) & set(BY_OPERATION)))
def test_an_operation_lets_in_those_of_the_table_and_nobody_else(db: None, operation: str) -> None:
    """What is sent would succeed: nobody is refused for another reason."""
    world = World()
    call, allowed = BY_OPERATION[operation], API_TABLE[operation]
    call.path(world)
    if call.body:
        call.body(world)
    with world.hospital.transaction():
        before = rows_of_every_table()
    for role in sorted(STAFF - allowed):
        answer = send(key_of(world, role), call, world)
        assert answer.status_code == 403, (role, answer.status_code)
    with world.hospital.transaction():
        assert rows_of_every_table() == before, "a refused request changed something"
    for role in sorted(allowed):
        with transaction.atomic():
            answer = send(key_of(world, role), call, world)
            transaction.set_rollback(True)
        assert answer.status_code == call.status, (role, answer.content)
