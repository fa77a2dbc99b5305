"""Roles as data: what a member of a hospital's staff may do, by permission code.

``ROLES`` is what every hospital starts with; each changes it for itself (``RoleChange``).

A permission is a code of the room that asks for it (``payments.record``). The codes that operations ask
for are constants there; a test holds that every one of them is in some role.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from almoner.identity.models import User
from almoner.kernel.actor import Actor, Role

_SERVICE = frozenset({"hospitals.read", "charging.capture"})
_FINANCE = frozenset({"hospitals.read", "enforcement.read_blocked_services"})

ROLES: dict[str, Role] = {
    "administrator": Role(_("Administrator"), everything=True),
    "hospital_manager": Role(
        _("Hospital manager"),
        _FINANCE
        | {
            "payments.plan",
            "enforcement.override",
            "enforcement.revoke_override",
            "enforcement.review_override",
            "enforcement.set_policy",
            "charging.define",
            "estimates.make",
            "payments.supervise_drawers",
            "messaging.manage",
            "messaging.configure",
        },
    ),
    "receptionist": Role(
        _("Receptionist"),
        _SERVICE
        | {
            "patients.register",
            "estimates.make",
            "payments.record",
            "charging.dispute",
            "enforcement.read_blocked_services",
            "scheduling.call_token",
            "scheduling.book",
            "messaging.contact",
        },
    ),
    "doctor": Role(
        _("Doctor"),
        _SERVICE
        | {
            "consultation.start",
            "patients.diagnose",
            "patients.read_diagnoses",
            "estimates.make",
            "scheduling.call_token",
            "orders.write",
            "enforcement.override",
            "enforcement.read_blocked_services",
        },
    ),
    # Sees that services are blocked, not which: a name would tell what was ordered before it is released.
    "laboratory_technician": Role(
        _("Laboratory technician"), _SERVICE | {"laboratory.process", "laboratory.verify"}
    ),
    "pharmacist": Role(
        _("Pharmacist"),
        _SERVICE
        | {
            "pharmacy.dispense",
            "pharmacy.manage_stock",
            "pharmacy.take_back",
            "patients.read_diagnoses",
            "enforcement.read_blocked_services",
        },
    ),
    "ward_nurse": Role(
        _("Ward nurse"),
        _SERVICE
        | {
            "ward.assign_bed",
            "ward.backdate_transfer",
            "ward.correct_stay",
            "patients.read_diagnoses",
            "estimates.make",
            "enforcement.read_blocked_services",
        },
    ),
    "cashier": Role(_("Cashier"), _FINANCE | {"charging.dispute", "payments.record", "messaging.contact"}),
    "billing_staff": Role(
        _("Billing staff"),
        _FINANCE
        | {
            "charging.capture",
            "charging.correct",
            "charging.dispute",
            "estimates.make",
            "payments.record",
            "payments.void",
            "payments.refund",
            "payments.supervise_drawers",
            "payments.plan",
            "enforcement.revoke_override",
            "enforcement.review_override",
            "messaging.manage",
            "messaging.configure",
            "messaging.contact",
        },
    ),
    "insurance_specialist": Role(_("Insurance specialist"), _FINANCE | {"payments.record"}),
}
"""Every standard role by the code that ``Membership.role`` holds. Loading configuration, importing and managing users
are left to administrators."""


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What a hospital changed about a standard role, or a role of its own (then all of it).

    ``granted`` and ``withdrawn`` are differences from the standard, so that a permission that a new version
    brings reaches the hospitals that changed something else. An empty ``title`` keeps the standard's.
    """

    code: str
    title: str = ""
    granted: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()


def hospital_roles(changes: Iterable[RoleChange]) -> dict[str, Role]:
    """The roles of a hospital by code: the standard ones first, as ``changes`` made them, then its own.

    A role that may everything stays as it is: somebody must be able to put the others right.
    """
    roles = dict(ROLES)
    for change in sorted(changes, key=lambda one: (one.code not in ROLES, one.title.lower())):
        standard = ROLES.get(change.code, Role(change.code))
        if not standard.everything:
            permissions = (standard.permissions | change.granted) - change.withdrawn
            roles[change.code] = Role(change.title or standard.title, permissions)
    return roles


def actor_for(user: User, held: Iterable[str], roles: Mapping[str, Role] = ROLES) -> Actor:
    """``user`` acting with the permissions of all roles they ``held`` at a hospital that has ``roles``.

    A role that the hospital does not have gives nothing.
    """
    mine = [roles[code] for code in held if code in roles]
    return Actor(
        name=f"user:{user.email}",
        permissions=frozenset().union(*(role.permissions for role in mine)),
        user_id=user.id,
        everything=any(role.everything for role in mine),
        roles=tuple(roles.values()),
    )
