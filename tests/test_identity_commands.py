"""``almoner user`` and ``almoner api-key`` as operators type them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from almoner.identity.models import ApiKey
from almoner.kernel.errors import DomainError
from almoner.kernel.ids import new_id
from almoner.shell.commands import api_key, user
from tests.support.hospital import TestHospital, make_hospital


@pytest.fixture
def hospital(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHospital]:
    """A hospital; the commands use the test's connection instead of connecting by themselves."""
    monkeypatch.setattr("almoner.shell.database.setup_django", lambda: None)
    yield make_hospital(f"made-{new_id().hex[-8:]}")


def run(command: Any, *arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=text)


def test_a_user_is_made_listed_and_disabled(hospital: TestHospital) -> None:
    email = f"{hospital.slug}@example.org"
    made = run(
        user.command,
        *("create", email, "--name", "Ada", "--hospital", hospital.slug),
        *("--role", "cashier", "--password-stdin"),
        text="a long sentence nobody guesses\n",
    )
    assert made.exit_code == 0, made.output
    assert "as Cashier" in made.output
    assert run(user.command, "disable", email).exit_code == 0
    listed = orjson.loads(run(user.command, "list", "--hospital", hospital.slug, "--json").stdout)
    assert listed == [
        {"email": email, "name": "Ada", "is_active": False, "roles": {hospital.slug: ["cashier"]}}
    ]
    assert run(user.command, "enable", email).exit_code == 0
    assert (
        run(user.command, "set-role", email, "--hospital", hospital.slug, "--role", "doctor").exit_code == 0
    )
    assert "doctor" in run(user.command, "list", "--hospital", hospital.slug).output


def test_a_key_is_made_listed_and_revoked(hospital: TestHospital) -> None:
    made = run(
        api_key.command,
        *("create", "--hospital", hospital.slug, "--name", "feed"),
        *("--scope", "charging.capture", "--expires-in", "30", "--json"),
    )
    assert made.exit_code == 0, made.output
    secret = orjson.loads(made.stdout)["key"]
    listed = run(api_key.command, "list", "--hospital", hospital.slug, "--json")
    assert [row["status"] for row in orjson.loads(listed.stdout)] == ["in use"]
    assert secret not in listed.output
    assert run(api_key.command, "revoke", secret).exit_code == 0
    assert ApiKey.objects.get(hospital_id=hospital.id).revoked_at is not None
    again = run(api_key.command, "revoke", secret)
    assert isinstance(again.exception, DomainError)


def test_unknown_names_are_refused_with_the_known_ones(hospital: TestHospital) -> None:
    for arguments, field in (
        (("create", "--hospital", "nowhere", "--name", "x", "--scope", "billing.read"), "--hospital"),
        (("create", "--hospital", hospital.slug, "--name", "x", "--scope", "all"), "--scope"),
    ):
        refused = run(api_key.command, *arguments).exception
        assert isinstance(refused, DomainError)
        assert refused.field == field
        assert "Known" in refused.message
    assert not ApiKey.objects.filter(hospital_id=hospital.id).exists()


def test_the_scopes_and_roles_are_listed() -> None:
    scopes = orjson.loads(run(api_key.command, "scopes", "--json").stdout)
    assert scopes["payments.record"] == ["record_payment", "apply_deposits", "request_void"]
    assert "get_billing_status" in scopes["enforcement.read_blocked_services"]
