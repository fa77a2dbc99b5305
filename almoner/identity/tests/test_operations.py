"""Users and keys from the command line: made, listed, closed, audited."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate

from almoner.identity import operations
from almoner.identity.models import ApiKey, AuditRecord, Membership, User
from almoner.kernel.actor import Actor, system
from almoner.kernel.clock import now
from almoner.kernel.errors import DomainError, PermissionRefused
from tests.support.hospital import TestHospital, make_hospital

ROOT = system("test")
PASSWORD = "a long sentence nobody guesses"


@pytest.fixture
def hospital(db: None) -> TestHospital:
    return make_hospital()


def create(hospital: TestHospital, **changes: object) -> User:
    given = {
        "email": "Ada@Example.org",
        "name": "Ada",
        "password": PASSWORD,
        "roles": ["cashier"],
        "actor": ROOT,
        "at": now(),
    }
    return operations.create_user(hospital.id, **{**given, **changes})  # type: ignore[arg-type]


def actions(hospital: TestHospital) -> list[str]:
    with hospital.transaction():
        return list(AuditRecord.objects.order_by("id").values_list("action", flat=True))


def test_a_created_user_logs_in_and_has_the_roles_named(hospital: TestHospital) -> None:
    user = create(hospital, roles=["cashier", "receptionist", "cashier"])
    assert authenticate(username="ada@example.org", password=PASSWORD) == user
    assert set(user.memberships.values_list("role", flat=True)) == {"cashier", "receptionist"}
    assert actions(hospital) == ["user.created"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("password", "short"),
        ("password", "password123"),
        ("roles", ["king"]),
        ("name", " "),
    ],
)
def test_what_makes_no_user_is_refused_by_its_field(
    field: str, value: object, hospital: TestHospital
) -> None:
    with pytest.raises(DomainError) as refusal:
        create(hospital, **{field: value})
    assert refusal.value.field == field.removesuffix("s") if field == "roles" else field
    assert not User.objects.filter(email="ada@example.org").exists()
    assert actions(hospital) == []


def test_an_address_has_one_user(hospital: TestHospital) -> None:
    create(hospital)
    with pytest.raises(DomainError, match="has a user already"):
        create(hospital, email="ada@EXAMPLE.org")


def test_roles_are_set_exactly_and_only_at_the_hospital(hospital: TestHospital) -> None:
    user = create(hospital, roles=["cashier", "receptionist"])
    elsewhere = make_hospital()
    Membership.objects.create(hospital_id=elsewhere.id, user=user, role="doctor")
    operations.set_roles(hospital.id, user.email, roles=["receptionist", "doctor"], actor=ROOT, at=now())
    here = user.memberships.filter(hospital_id=hospital.id)
    assert set(here.values_list("role", flat=True)) == {"receptionist", "doctor"}
    operations.set_roles(hospital.id, user.email, roles=[], actor=ROOT, at=now())
    assert not here.exists()
    assert list(user.memberships.values_list("role", flat=True)) == ["doctor"]
    assert actions(hospital) == ["user.created", "user.roles_set", "user.roles_set"]


def test_a_disabled_user_no_longer_logs_in(hospital: TestHospital) -> None:
    user = create(hospital)
    operations.set_active(user.email, active=False, actor=ROOT, at=now())
    assert authenticate(username=user.email, password=PASSWORD) is None
    operations.set_active(user.email, active=True, actor=ROOT, at=now())
    assert authenticate(username=user.email, password=PASSWORD) == user
    assert actions(hospital) == ["user.created", "user.disabled", "user.enabled"]


def test_a_key_is_issued_with_its_scopes_and_revoked_once(hospital: TestHospital) -> None:
    at = now()
    key, secret = operations.issue_key(
        hospital.id,
        name="feed",
        scopes=["charging.capture", "billing.read", "billing.read"],
        expires_at=at + timedelta(days=1),
        actor=ROOT,
        at=at,
    )
    stored = ApiKey.objects.get(secret_hash=ApiKey.hash_secret(secret))
    assert stored == key
    assert stored.scopes == ["billing.read", "charging.capture"]
    assert stored.expires_at == at + timedelta(days=1)
    assert operations.revoke_key(key.id, actor=ROOT, at=at).revoked_at == at
    with pytest.raises(DomainError, match="revoked already"):
        operations.revoke_key(key.id, actor=ROOT, at=at)
    assert actions(hospital) == ["api_key.issued", "api_key.revoked"]


def test_only_who_may_manage_identities_does(hospital: TestHospital) -> None:
    clerk = Actor("user:clerk", frozenset({"payments.record"}))
    user = create(hospital)
    with pytest.raises(PermissionRefused):
        create(hospital, email="eve@example.org", actor=clerk)
    with pytest.raises(PermissionRefused):
        operations.set_roles(hospital.id, user.email, roles=["administrator"], actor=clerk, at=now())
    with pytest.raises(PermissionRefused):
        operations.set_active(user.email, active=False, actor=clerk, at=now())
    with pytest.raises(PermissionRefused):
        operations.issue_key(hospital.id, name="x", scopes=["billing.read"], actor=clerk, at=now())
    assert actions(hospital) == ["user.created"]
