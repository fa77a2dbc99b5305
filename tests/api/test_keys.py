"""API keys: found by one indexed statement, refused as soon as they are revoked or expired."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from almoner.hospitals.callers import REMEMBERED, caller_of
from almoner.identity.models import ApiKey
from almoner.kernel.clock import now
from tests.api.world import World
from tests.support.api import ApiClient
from tests.support.hospital import make_hospital


@pytest.fixture
def client(db: None) -> ApiClient:
    return ApiClient(make_hospital().id, scopes=["hospitals.read"])


def test_a_key_costs_one_statement_and_is_remembered_for_seconds(client: ApiClient) -> None:
    at = now()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        first = caller_of(client.secret, at=at)
        again = caller_of(client.secret, at=at + REMEMBERED / 2)
    assert len(queries) == 1
    assert first is not None and again is not None
    assert first.actor.permissions == {"hospitals.read"}
    assert timedelta(seconds=1) <= REMEMBERED <= timedelta(seconds=3)


def test_a_revoked_key_is_refused_once_it_is_no_longer_remembered(client: ApiClient) -> None:
    at = now()
    assert caller_of(client.secret, at=at) is not None
    ApiKey.objects.filter(id=client.key.id).update(revoked_at=at)
    assert caller_of(client.secret, at=at + REMEMBERED) is None
    assert caller_of(client.secret, at=at) is None, "a refused key is not remembered"


def test_an_expired_key_is_refused_at_once(client: ApiClient) -> None:
    at = now()
    ApiKey.objects.filter(id=client.key.id).update(expires_at=at + timedelta(milliseconds=1))
    assert caller_of(client.secret, at=at) is not None
    assert caller_of(client.secret, at=at + timedelta(milliseconds=1)) is None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "bearer alm_x", "Bearer \x00", "é"])
def test_whatever_is_no_key_is_unauthorized(header: str, client: ApiClient) -> None:
    response = client.client.get("/api/v1/hospitals", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json()["detail"].startswith("Send a valid API key")


def test_the_scheme_is_read_in_any_case(client: ApiClient) -> None:
    response = client.client.get("/api/v1/hospitals", headers={"Authorization": f"bearer {client.secret}"})
    assert response.status_code == 200


def test_only_the_hash_of_a_secret_is_kept(client: ApiClient) -> None:
    stored = ApiKey.objects.filter(id=client.key.id).values().get()
    assert client.secret not in str(stored)
    assert client.secret.startswith("alm_")


def test_a_key_of_a_session_is_of_no_use_here(db: None) -> None:
    world = World()
    response = world.owner.client.get("/api/v1/hospitals", headers={"Cookie": "sessionid=abc"})
    assert response.status_code == 401
