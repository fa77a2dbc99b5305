"""What every page's frame shows; no query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A place to go. ``key`` is pressed to go there."""

    title: Any
    url_name: str
    icon: str
    key: str


NAVIGATION = (NavigationEntry(_("Today"), "day", icon="layout-dashboard", key="t"),)


def page(request: HttpRequest) -> dict[str, Any]:
    """Values for ``base.html``: the hospital (None outside of one), its name, where one can go."""
    hospital = getattr(request, "hospital", None)
    workplaces = getattr(request, "workplaces", [])
    match = request.resolver_match
    return {
        "current_hospital": hospital,
        "workplaces": workplaces,
        "my_roles": next((p.role_titles for p in workplaces if p.hospital == hospital), ""),
        "navigation": NAVIGATION if hospital else (),
        "current_url_name": match.url_name if match else "",
        "right_to_left": get_language_bidi(),
    }
