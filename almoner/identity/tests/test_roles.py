"""Roles and the permissions that operations ask for."""

from __future__ import annotations

import re
from pathlib import Path

import almoner
from almoner.identity.models import User
from almoner.identity.roles import ROLES, actor_for, titles_with

ROOT = Path(almoner.__file__).parent
ADMINISTRATOR_ONLY = {"configuration.load", "identity.manage", "interop.import"}


def asked_for() -> set[str]:
    """Codes of every ``PERMISSION_...`` constant in the rooms."""
    found: set[str] = set()
    for path in ROOT.glob("**/*.py"):
        if "tests" not in path.parts:
            found |= set(re.findall(r'^PERMISSION_\w+ = "([a-z_.]+)"', path.read_text(), re.MULTILINE))
    return found


def test_somebody_besides_the_administrator_has_every_permission_that_is_asked_for() -> None:
    granted = frozenset().union(*(role.permissions for role in ROLES.values()))
    assert len(asked_for()) >= 8
    assert asked_for() - granted - ADMINISTRATOR_ONLY == set()


def test_a_member_has_the_permissions_of_all_their_roles_and_no_others() -> None:
    actor = actor_for(User(email="ada@example.org"), ["cashier", "receptionist", "a role of yesterday"])
    assert actor.name == "user:ada@example.org"
    assert actor.may("payments.record") and actor.may("patients.register")
    assert not actor.may("payments.refund") and not actor.everything


def test_an_administrator_may_everything() -> None:
    assert actor_for(User(email="root@example.org"), ["administrator"]).may("anything.at_all")


def test_who_has_no_role_may_nothing() -> None:
    actor = actor_for(User(email="guest@example.org"), [])
    assert not any(actor.may(code) for code in asked_for())


def test_titles_name_who_may_the_administrator_last() -> None:
    assert titles_with("payments.refund") == ["Billing staff", "Administrator"]


def test_nobody_both_corrects_charges_and_treats_patients() -> None:
    for name, role in ROLES.items():
        both = {"charging.correct", "orders.write"}
        assert not both <= role.permissions, name
