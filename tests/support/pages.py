"""Pages in tests: members who are logged in, the clock of 2 March 2026, templates that may ask for nothing unknown.

A plug-in of pytest (see ``conftest.py``): nothing here imports a model at the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from tests.support.day import BusyDay

HTMX = {"HX-Request": "true"}


class UndefinedVariable(str):
    """What Django puts where a template asks for something it was not given: here, an error."""

    def __contains__(self, item: object) -> bool:
        return True

    def __mod__(self, name: object) -> str:
        raise AssertionError(f"A template asks for {name}, which it was not given.")


@pytest.fixture
def strict_templates(settings: Any) -> None:
    """A template that asks for what it was not given fails the test."""
    options = {**settings.TEMPLATES[0]["OPTIONS"], "string_if_invalid": UndefinedVariable("%s")}
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]


@pytest.fixture
def rendered() -> Iterator[set[str]]:
    """Names of the templates that were rendered since the test began."""
    from django.test.signals import template_rendered

    names: set[str] = set()

    def remember(template: Any, **_: object) -> None:
        names.add(template.origin.template_name)

    template_rendered.connect(remember)
    yield names
    template_rendered.disconnect(remember)


@pytest.fixture
def day(db: None, strict_templates: None, monkeypatch: pytest.MonkeyPatch) -> BusyDay:
    """The busy hospital at 15:20 on 2 March 2026, with strict templates; pages think it is that time."""
    from tests.support.day import AT, make_busy_day

    monkeypatch.setattr("almoner.pages.staff.now", lambda: AT)
    return make_busy_day()


def templates_of(room: Any) -> set[str]:
    """The names of the templates that the package ``room`` has."""
    root = Path(room.__file__).parent / "templates"
    return {path.relative_to(root).as_posix() for path in root.glob("**/*.html")}


def member_client(hospital_id: UUID, role: str) -> Client:
    """A browser in which a member of staff with ``role`` is logged in; the same person every time."""
    from django.test import Client

    from almoner.identity.models import User
    from tests.support.day import make_member

    user = User.objects.filter(memberships__hospital_id=hospital_id, memberships__role=role).first()
    client = Client(raise_request_exception=False)
    client.force_login(user or make_member(hospital_id, role))
    return client


def typed(form: Any, **fields: object) -> dict[str, object]:
    """What a browser sends of ``form`` as it was opened, with ``fields`` typed over it."""
    values = {name: form[name].field.prepare_value(form[name].value()) for name in form.fields}
    for name, field in form.fields.items():
        if not values[name] and getattr(field.widget, "input_type", "") == "select" and field.widget.choices:
            values[name] = next(iter(field.widget.choices))[0]
    return {name: value for name, value in {**values, **fields}.items() if value not in (None, False, "")}


def text_of(response: HttpResponse) -> str:
    """What a page says, without its markup."""
    import re

    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def said(response: HttpResponse) -> str:
    """What the answer to a form says was done, or why it was refused; empty when it says nothing."""
    import json

    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    return next((event["message"] for event in events.values() if event), "")
