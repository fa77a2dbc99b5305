"""Roles as data: what a member of a hospital's staff may do, by permission code.

A permission is a code of the room that asks for it (``payments.record``). The codes that operations ask
for are constants there; a test holds that every one of them is in some role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from almoner.identity.models import User
from almoner.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Role:
    """``title`` is what people read; ``everything``: may do whatever any operation asks for."""

    title: str
    permissions: frozenset[str] = frozenset()
    everything: bool = False


_SERVICE = frozenset({"hospitals.read", "charging.capture"})
_FINANCE = frozenset({"hospitals.read", "enforcement.read_blocked_services"})

ROLES: dict[str, Role] = {
    "administrator": Role("Administrator", everything=True),
    "hospital_manager": Role(
        "Hospital manager",
        _FINANCE
        | {
            "payments.plan",
            "enforcement.override",
            "enforcement.revoke_override",
            "enforcement.review_override",
        },
    ),
    "receptionist": Role(
        "Receptionist",
        _SERVICE
        | {
            "patients.register",
            "payments.record",
            "enforcement.read_blocked_services",
            "scheduling.call_token",
        },
    ),
    "doctor": Role(
        "Doctor",
        _SERVICE
        | {
            "consultation.start",
            "scheduling.call_token",
            "orders.write",
            "enforcement.override",
            "enforcement.read_blocked_services",
        },
    ),
    # Sees that services are blocked, not which: a name would tell what was ordered before it is released.
    "laboratory_technician": Role(
        "Laboratory technician", _SERVICE | {"laboratory.process", "laboratory.verify"}
    ),
    "pharmacist": Role(
        "Pharmacist",
        _SERVICE
        | {
            "pharmacy.dispense",
            "pharmacy.manage_stock",
            "pharmacy.take_back",
            "enforcement.read_blocked_services",
        },
    ),
    "ward_nurse": Role(
        "Ward nurse",
        _SERVICE | {"ward.assign_bed", "ward.backdate_transfer", "enforcement.read_blocked_services"},
    ),
    "cashier": Role("Cashier", _FINANCE | {"payments.record"}),
    "billing_staff": Role(
        "Billing staff",
        _FINANCE
        | {
            "charging.capture",
            "charging.correct",
            "charging.define",
            "payments.record",
            "payments.void",
            "payments.refund",
            "payments.plan",
            "enforcement.revoke_override",
            "enforcement.review_override",
        },
    ),
    "insurance_specialist": Role("Insurance specialist", _FINANCE | {"payments.record"}),
}
"""Every role by the code that ``Membership.role`` holds. Loading configuration, importing and managing users
are left to administrators."""


def titles_with(permission: str) -> list[str]:
    """Titles of the roles that have ``permission``, the administrator last."""
    named = [role.title for role in ROLES.values() if permission in role.permissions]
    return [*named, *(role.title for role in ROLES.values() if role.everything)]


def actor_for(user: User, roles: Iterable[str]) -> Actor:
    """``user`` acting with the permissions of all their ``roles`` at one hospital; unknown roles give none."""
    held = [ROLES[role] for role in roles if role in ROLES]
    return Actor(
        name=f"user:{user.email}",
        permissions=frozenset().union(*(role.permissions for role in held)),
        user_id=user.id,
        everything=any(role.everything for role in held),
    )
