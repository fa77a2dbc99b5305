"""Roles and the permissions that operations ask for."""

from __future__ import annotations

import re
from pathlib import Path

import almoner
from almoner.identity.models import User
from almoner.identity.permissions import PERMISSIONS, grouped, needs_second_factor
from almoner.identity.roles import ROLES, RoleChange, actor_for, hospital_roles

ROOT = Path(almoner.__file__).parent
ADMINISTRATOR_ONLY = {"configuration.load", "enforcement.set_policy", "identity.manage", "interop.import"}


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
    actor = actor_for(User(email="ada@example.org"), ["cashier"])
    assert actor.who_may("payments.refund") == ["Billing staff", "Administrator"]


def test_who_may_is_told_by_the_hospitals_own_roles() -> None:
    roles = hospital_roles(
        [
            RoleChange("billing_staff", withdrawn=frozenset({"payments.refund"})),
            RoleChange("till_lead", "Till lead", granted=frozenset({"payments.refund"})),
        ]
    )
    actor = actor_for(User(email="ada@example.org"), ["till_lead"], roles)
    assert actor.who_may("payments.refund") == ["Till lead", "Administrator"]
    assert actor.may("payments.refund") and not actor.may("payments.record")
    assert not actor_for(User(email="bo@example.org"), ["billing_staff"], roles).may("payments.refund")


def test_a_changed_role_keeps_the_rest_of_the_standard_and_the_administrator_cannot_be_changed() -> None:
    roles = hospital_roles(
        [
            RoleChange("cashier", "Till", granted=frozenset({"payments.void"})),
            RoleChange("administrator", "Nobody", withdrawn=frozenset({"identity.manage"})),
        ]
    )
    assert roles["cashier"].title == "Till"
    assert roles["cashier"].permissions == ROLES["cashier"].permissions | {"payments.void"}
    assert roles["administrator"] == ROLES["administrator"]


def test_every_permission_has_plain_words_under_a_heading() -> None:
    in_roles = frozenset().union(*(role.permissions for role in ROLES.values()))
    assert set(PERMISSIONS) == asked_for() | in_roles
    shown = [code for group in grouped(in_roles) for code, _ in group.permissions]
    assert sorted(shown) == sorted(PERMISSIONS)
    assert [group.title for group in grouped(["drones.fly"])][-1] == "drones"


def test_a_second_factor_is_for_those_who_move_money_override_or_give_access() -> None:
    needing = {code for code in ROLES if needs_second_factor(actor_for(User(email="a@b.org"), [code]))}
    assert needing == set(ROLES) - {"laboratory_technician", "ward_nurse"}


def test_nobody_both_corrects_charges_and_treats_patients() -> None:
    for name, role in ROLES.items():
        both = {"charging.correct", "orders.write"}
        assert not both <= role.permissions, name
