"""Whatever is typed into a form or an address: never a defect (500), and what is wrong is said at its field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpResponse
from django.template import Context
from django.test import Client
from django.urls import URLPattern, reverse

from almoner.charging.models import ClinicalEvent
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import grant_override
from almoner.identity.roles import ROLES
from almoner.orders.models import TestOrder
from tests.access.table import TABLE
from tests.access.test_every_page import ADDRESSES, arguments, make_staffed_day
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, typed

HOSTILE = (
    "",
    "x" * 10_000,
    "a\x00b",
    "\U0001f600" * 300,
    "-1",
    "NaN",
    "1e400",
    "9" * 25,
    "0.0001",
    "<script>alert(1)</script>",
    "2026-13-45",
    "00000000-0000-0000-0000-000000000000",
    "' OR 1=1 --",
    "\u0661\u0662",
)
PARAMETERS = (
    "q",
    "day",
    "show",
    "days",
    "point",
    "back",
    "page",
    "hour",
    "department",
    "seen",
    "name",
    "birth_date",
)
UNSHOWN = ("idempotency_key", "items", "reason", "bed_id", "exception", "key")
"""Fields that a page may send from a form that no answer shows again."""
POSTS = sorted(name for name in set(TABLE) & set(ADDRESSES) if TABLE[name][0] == "POST")
GETS = sorted(name for name in set(TABLE) & set(ADDRESSES) if TABLE[name][0] == "GET")


@pytest.fixture(scope="module")
def world(django_db_blocker: Any) -> Iterator[BusyDay]:
    from django.db import connections

    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        world = make_staffed_day()
        _add_what_forms_ask_for(world)
        yield world
        connections.close_all()


def _add_what_forms_ask_for(world: BusyDay) -> None:
    """An override to review, an event after discharge, a test without its charge."""
    hospital, visit = world.hospital, world.visits["Maria Silva"]
    grant_override(
        hospital.id,
        step="consultation.start",
        subject=Subject(visit.id),
        reason="Cannot wait",
        expires_at=AT + timedelta(hours=4),
        idempotency_key="fuzz-override",
        actor=hospital.actor,
        at=AT,
    )
    hospital.capture("service.provided", "bandage", encounter=world.visits["Wei Chen"], at=AT)


def _wanted(world: BusyDay, name: str) -> dict[str, object]:
    """Ids with which the address has a form to fill in."""
    with world.hospital.transaction():
        if name.startswith("laboratory:"):
            order = TestOrder.objects.get(encounter=world.visits["Jane Smith"])
            return {"order_id": order.id, "order_line_id": order.lines.order_by("line")[0].id}
        if name == "work_lists:late-review":
            return {"event_id": ClinicalEvent.objects.get(after_discharge=True).id}
    return {}


@pytest.fixture(scope="module")
def clients(world: BusyDay) -> dict[str, Client]:
    return {role: member_client(world.hospital.id, role) for role in ROLES}


def undone(client: Client, method: str, url: str, data: object = None) -> HttpResponse:
    """The answer to a request of which nothing stays."""
    with transaction.atomic():
        answer = client.get(url, headers=HTMX) if method == "GET" else client.post(url, data, headers=HTMX)
        transaction.set_rollback(True)
    return answer


def form_of(answer: HttpResponse) -> BaseForm | None:
    """The form that the answer shows."""
    contexts = answer.context if isinstance(answer.context, list) else [answer.context or Context()]
    values = (value for context in contexts for value in context.flatten().values())
    return next((value for value in values if isinstance(value, BaseForm)), None)


def sent_form(client: Client, url: str) -> tuple[dict[str, object], list[str]]:
    """What a browser would send from the page at ``url``, and the names of its fields."""
    for method in ("GET", "POST"):
        form = form_of(undone(client, method, url, {}))
        if form is not None:
            form.is_bound = False
            return typed(form), list(form.fields)
    return {}, [*UNSHOWN]


def _role(name: str) -> str:
    return min(TABLE[name][1] - {"administrator"} or TABLE[name][1])


@pytest.mark.parametrize("name", POSTS)
def test_no_value_in_any_field_is_a_defect(world: BusyDay, clients: dict[str, Client], name: str) -> None:
    pattern: URLPattern = ADDRESSES[name]
    url = reverse(name, kwargs=arguments(world, pattern, **_wanted(world, name)))
    client = clients[_role(name)]
    usual, fields = sent_form(client, url)
    attempts: list[dict[str, object]] = [{}, usual]
    for place, field in enumerate(fields):
        # Every kind of value is met by some field of every form; each takes a third of them.
        attempts += [{**usual, field: value} for value in HOSTILE[place % 3 :: 3]]
        attempts.append({key: value for key, value in usual.items() if key != field})
    attempts += [dict.fromkeys(fields, value) for value in HOSTILE]
    for sent in attempts:
        answer = undone(client, "POST", url, sent)
        changed = {key: value for key, value in sent.items() if usual.get(key) != value}
        assert answer.status_code in (200, 204, 302, 404, 409, 422), (answer.status_code, str(changed)[:300])
        form = form_of(answer)
        if answer.status_code == 422 and form is not None and sent:
            assert form.errors, ("refused without saying why", str(changed)[:300])


@pytest.mark.parametrize("name", GETS)
def test_no_value_in_an_address_is_a_defect(world: BusyDay, clients: dict[str, Client], name: str) -> None:
    url = reverse(name, kwargs=arguments(world, ADDRESSES[name]))
    client = clients[_role(name)]
    for value in HOSTILE:
        query = urlencode(dict.fromkeys(PARAMETERS, value))
        answer = undone(client, "GET", f"{url}?{query}")
        assert answer.status_code in (200, 204, 302, 404, 409, 422), (answer.status_code, value[:50])
