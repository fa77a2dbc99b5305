"""What every page's frame shows; no query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext_lazy as _

from almoner.charging.definitions import PERMISSION_DEFINE
from almoner.enforcement.policy import PERMISSION_SET_POLICY
from almoner.estimates.operations import PERMISSION_ESTIMATE
from almoner.identity.operations import PERMISSION_MANAGE
from almoner.kernel.actor import Actor
from almoner.kernel.service_points import NavigationEntry, installed
from almoner.messaging.operations import PERMISSION_MANAGE as PERMISSION_MANAGE_MESSAGES
from almoner.pages.live import changes_url
from almoner.payments.operations import PERMISSION_PLAN

TODAY = NavigationEntry(_("Today"), "day", icon="layout-dashboard", key="t")

CASHIER = NavigationEntry(
    _("Cashier"), "cashier:desk", icon="cash-register", key="k", permissions=("payments.record",)
)

OFFICE = (
    NavigationEntry(
        _("Work lists"),
        "work_lists:unpriced",
        icon="clipboard-check",
        key="o",
        permissions=("charging.correct", "enforcement.review_override"),
    ),
    NavigationEntry(
        _("Payment plans"), "plans:plans", icon="calendar-dollar", key="j", permissions=(PERMISSION_PLAN,)
    ),
    NavigationEntry(
        _("Messages to patients"),
        "patient_messages:messages",
        icon="mail",
        permissions=(PERMISSION_MANAGE_MESSAGES,),
    ),
    NavigationEntry(
        _("Drawers"),
        "cashier:sessions",
        icon="building-bank",
        permissions=("payments.supervise_drawers",),
    ),
    NavigationEntry(
        _("Policies"), "policies:overview", icon="adjustments", key="y", permissions=(PERMISSION_SET_POLICY,)
    ),
    NavigationEntry(
        _("Estimates"), "estimates:overview", icon="file-dollar", permissions=(PERMISSION_ESTIMATE,)
    ),
    NavigationEntry(
        _("Ward charges"), "ward_charges:overview", icon="receipt", permissions=(PERMISSION_DEFINE,)
    ),
    NavigationEntry(
        _("Staff and roles"), "people:staff", icon="users", key="u", permissions=(PERMISSION_MANAGE,)
    ),
)
"""Where the hospital is run, not its patients' care: they share one menu at the end of the bar."""


def _allowed(entries: Iterable[NavigationEntry], actor: Actor) -> tuple[NavigationEntry, ...]:
    return tuple(
        entry
        for entry in entries
        if not entry.permissions or any(actor.may(code) for code in entry.permissions)
    )


def navigation_of(actor: Actor) -> tuple[NavigationEntry, ...]:
    """Where ``actor`` may go: the day, the places of the service points, the cashier."""
    return _allowed([TODAY, *(entry for point in installed() for entry in point.navigation), CASHIER], actor)


def page(request: HttpRequest) -> dict[str, Any]:
    """Values for ``base.html``: the hospital (None outside of one), its name, where one can go."""
    hospital = getattr(request, "hospital", None)
    actor = getattr(request, "actor", None)
    workplaces = getattr(request, "workplaces", [])
    match = request.resolver_match
    return {
        "current_hospital": hospital,
        "workplaces": workplaces,
        "my_roles": next((p.role_titles for p in workplaces if p.hospital == hospital), ""),
        "navigation": navigation_of(actor) if hospital and actor else (),
        "office": _allowed(OFFICE, actor) if hospital and actor else (),
        "current_place": match.view_name if match else "",
        "changes_url": changes_url(hospital) if hospital else "",
        "right_to_left": get_language_bidi(),
    }
