"""Where a simulation is played: a hospital that exists, or a new one like the demo hospital."""

from __future__ import annotations

import re
from datetime import datetime
from importlib import resources

from almoner.hospitals.models import Hospital
from almoner.interop.hospital_file.operations import load
from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound

NEW_SLUG = "simulation"


def demo_file() -> str:
    """The text of the demo hospital's file."""
    return resources.files("almoner.interop.hospital_file").joinpath("demo.yaml").read_text(encoding="utf-8")


def find_hospital(slug: str) -> Hospital:
    """The hospital ``slug``. Raises ``NotFound`` naming the option."""
    hospital = Hospital.objects.filter(slug=slug).first()
    if hospital is None:
        known = ", ".join(Hospital.objects.order_by("slug").values_list("slug", flat=True)) or "none"
        raise NotFound(
            f"There is no hospital {slug!r}. Known: {known}.", field="--hospital", code="unknown_hospital"
        )
    return hospital


def new_hospital(*, actor: Actor, at: datetime, slug: str = "") -> Hospital:
    """A hospital like the demo hospital, with empty books; ``slug`` by default is the next free one."""
    taken = set(Hospital.objects.filter(slug__startswith=NEW_SLUG).values_list("slug", flat=True))
    number = next(number for number in range(1, len(taken) + 2) if f"{NEW_SLUG}-{number}" not in taken)
    chosen = slug or f"{NEW_SLUG}-{number}"
    text = re.sub(r"(?m)^(  slug:) .*$", rf"\1 {chosen}", demo_file(), count=1)
    text = re.sub(r"(?m)^(  name:) (.*)$", rf"\1 \2, {chosen}", text, count=1)
    return Hospital.objects.get(id=load(text, actor=actor, at=at).hospital_id)
