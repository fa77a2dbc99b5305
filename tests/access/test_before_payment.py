"""Before payment no answer to a laboratory technician names a test (section 1.3), wherever they look.

A crawler is logged in as technician, follows every link, fills every address and every operation of the API with
the ids of the order, searches, and sends the laboratory's forms. Every body, header and address that comes back is
searched for whatever would tell a test. After payment the same crawler must find them all.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import quote, unquote_plus, urljoin, urlsplit

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.urls.converters import IntConverter, UUIDConverter
from django.urls.resolvers import RegexPattern

from almoner.catalog.models import Service, TariffLine
from almoner.charging.models import ChargeItem
from almoner.kernel.ids import new_id
from almoner.kernel.service_points import steps
from almoner.kernel.tenancy import TenantModel
from almoner.orders.models import TestOrder
from almoner.orders.operations import order_tests
from almoner.pages.cashier.tickets import receipt_ticket
from almoner.payments.operations import refund_payment, void_payment
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.laboratory.models import TestDefinition
from tests.access.test_every_page import ADDRESSES
from tests.support.api import LABORATORY_SCOPES, ApiClient, document
from tests.support.day import AT, BusyDay
from tests.support.hospital import PRICES_START, change_configuration
from tests.support.pages import HTMX, member_client

TESTS = {
    "qzx_ferritinase-77": 'Zyxwort "β-Ferritín" <free> & 100% +bound',
    "vlogrin_panel": "Vlögrin/Panel; früh",
}
CODES = list(TESTS)
SECRETS = {
    *TESTS,
    *TESTS.values(),
    "Zyxwort",
    "Ferritín",
    "Vlögrin",
    # What the laboratory's catalogue says about them
    "Quillenium tube",
    "Vexogen",
    "vexo_gen",
    "Store on dry glimmer",
}
MOST_PAGES = 400
MOST_QUERIES_OF_A_PATH = 12
"""A calendar leads to every day there ever was."""


def disclosed(text: str) -> set[str]:
    """Which secrets ``text`` tells: as they are, escaped for HTML, URLs or JSON, in capitals or small letters."""
    readings = {text, html.unescape(text), unquote_plus(text), html.unescape(unquote_plus(text))}
    everything = "\n".join(readings).casefold()
    found = set()
    for secret in SECRETS:
        spellings = {
            secret,
            html.escape(secret),
            quote(secret),
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            secret.encode("ascii", "xmlcharrefreplace").decode(),
        }
        if any(spelling.casefold() in everything for spelling in spellings):
            found.add(secret)
    return found


@dataclass
class Waiting:
    """A hospital in which one order waits for payment, with everything around it that might tell."""

    day: BusyDay
    order: TestOrder
    ids: dict[str, list[Any]] = field(default_factory=dict)


def make_secrets(day: BusyDay) -> None:
    """Two tests that nobody would name by chance."""
    hospital = day.hospital
    with hospital.transaction():
        for code, name in TESTS.items():
            service = Service.objects.create(
                hospital_id=hospital.id,
                code=code,
                name=name,
                kind=Service.Kind.LABORATORY,
                department_id=hospital.departments["laboratory"],
            )
            TariffLine.objects.create(
                hospital_id=hospital.id, service=service, price_minor=4000, starts_on=PRICES_START
            )
            TestDefinition.objects.create(
                hospital_id=hospital.id,
                service=service,
                specimen="Quillenium tube",
                instructions="Store on dry glimmer",
                parameters=[{"code": "vexo_gen", "name": "Vexogen", "unit": "mg/dL"}],
            )
        change_configuration(hospital)


@pytest.fixture
def world(day: BusyDay) -> Waiting:
    """Two tests ordered, one of them paid in part; a payment voided, one refunded, an override, held decisions."""
    make_secrets(day)
    hospital, told = day.hospital, {"actor": day.hospital.actor, "at": AT}
    visit, patient = day.visits["Priya Raman"], day.patients["Priya Raman"]
    placed = order_tests(
        hospital.id, encounter_id=visit.id, services=CODES, idempotency_key="secret order", **told
    )
    with hospital.transaction():
        items = list(ChargeItem.objects.filter(order_id=placed.order.id))
    paid = hospital.pay(patient, 1000, shares=[(items[0].id, 1000)], at=AT)
    voided = hospital.pay(patient, 500, shares=[(items[1].id, 500)], at=AT)
    void_payment(hospital.id, voided.payment_id, reason="mistyped", idempotency_key="void it", **told)
    refunded = hospital.pay(patient, 300, shares=[(items[1].id, 300)], at=AT)
    refund_payment(
        hospital.id,
        refunded.payment_id,
        amount_minor=300,
        reason="wrong patient",
        idempotency_key="refund it",
        **told,
    )
    laboratory.process(hospital.id, placed.order.id, **told)
    return Waiting(
        day,
        placed.order,
        {
            "hospital_id": [hospital.id],
            "patient_id": [patient.id],
            "encounter_id": [visit.id],
            "order_id": [placed.order.id],
            "payment_id": [paid.payment_id, voided.payment_id],
            "charge_item_id": [item.id for item in items],
            "event_id": [items[0].event_id],
            "step": ["laboratory.process", "consultation.start", "ward.discharge"],
            "kind": ["tests"],
            "paper": ["a4"],
            "ticket": [receipt_ticket(hospital.id, paid.payment_id)],
        },
    )


def values_of(world: Waiting, part: str) -> list[Any]:
    """What stands for this part of an address: the order's own, or else any row of the model it names."""
    if part in world.ids:
        return world.ids[part]
    wanted = part.removesuffix("_id").replace("_", "")
    models = [
        model
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model.__name__.lower().endswith(wanted)
    ]
    with world.day.hospital.transaction():
        if part == "order_line_id":
            return list(world.order.lines.values_list("id", flat=True))
        rows = [model._default_manager.order_by("-id").values_list("pk", flat=True)[:2] for model in models]
        return [pk for found in rows for pk in found] or [new_id() if part.endswith("_id") else 1]


def pages(world: Waiting) -> Iterator[str]:
    """Every address of the pages, filled with what there is; the code of a letter to one's own address is left out."""
    for name, pattern in ADDRESSES.items():
        if isinstance(pattern.pattern, RegexPattern) and pattern.pattern.regex.groups:
            continue
        yield from pages_of(world, name)


def pages_of(world: Waiting, name: str) -> list[str]:
    """An address with every row that its parts may name; a number is 1, a word without meaning is x."""
    parts = ADDRESSES[name].pattern.converters
    choices = [
        [1]
        if isinstance(converter, IntConverter)
        else values_of(world, part)[:2]
        if isinstance(converter, UUIDConverter)
        else world.ids.get(part, ["x"])
        for part, converter in parts.items()
    ]
    return [reverse(name, kwargs=dict(zip(parts, chosen, strict=True))) for chosen in product(*choices)]


def operations(world: Waiting) -> Iterator[tuple[str, dict[str, object]]]:
    """Every reading operation of the API: its path, filled, and parameters that ask for this order."""
    for path, methods in document()["paths"].items():
        if "get" not in methods:
            continue
        asked = path.removeprefix("/api/v1")
        parts = re.findall(r"{(\w+)}", asked)
        known = {one["name"]: one for one in methods["get"].get("parameters", []) if one["in"] == "query"}
        parameters = {name: world.ids[name][0] for name in known if name in world.ids}
        needed = {name: value for name, value in parameters.items() if known[name].get("required")}
        for chosen in product(*(values_of(world, part)[:3] for part in parts)):
            filled = asked.format(**dict(zip(parts, chosen, strict=True)))
            yield filled, needed
            if parameters != needed:
                yield filled, parameters


def links_in(body: str) -> set[str]:
    """Where a page leads: links, forms that ask, and what htmx loads."""
    found = re.findall(r'\b(?:href|src|hx-get)="([^"#]*)', body)
    found += re.findall(r'<form[^>]*method="get"[^>]*action="([^"]*)"', body)
    return {html.unescape(address) for address in found if address.startswith(("/", "?"))}


@dataclass
class Crawler:
    """What was told, by the address that told it."""

    client: Client
    told: dict[str, set[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    queries: Counter[str] = field(default_factory=Counter)
    reached: int = 0

    def note(self, address: str, answer: HttpResponse) -> None:
        if answer.status_code < 400:
            self.reached += 1
        found = disclosed(f"{answer.content.decode(errors='replace')}\n{answer.headers}\n{answer.cookies}")
        if found:
            self.told.setdefault(address, set()).update(found)

    def crawl(self, starts: Iterable[str]) -> None:
        """Open ``starts`` and whatever they lead to; a dialog is asked for as htmx does, too."""
        waiting = list(dict.fromkeys(starts))
        while waiting:
            address = waiting.pop(0)
            path = urlsplit(address).path
            if address in self.seen or path.startswith(("/static/", "/logout")):
                continue
            if self.queries[path] == MOST_QUERIES_OF_A_PATH:
                continue
            self.seen.add(address)
            self.queries[path] += 1
            assert len(self.seen) < MOST_PAGES, "the crawler went astray"
            if disclosed(address):
                self.told.setdefault(address, set()).update(disclosed(address))
            for headers in ({}, HTMX):
                answer = self.client.get(address, headers=headers)
                self.note(address, answer)
                assert answer.status_code < 500, address
                if answer.status_code in (403, 404, 405):
                    break
                body = answer.content.decode(errors="replace")
                target = answer.headers.get("Location") or answer.headers.get("HX-Redirect")
                leads = links_in(body) | ({target} if target else set())
                waiting += sorted(urljoin(address, one) for one in leads if not urlsplit(one).netloc)


def look_everywhere(world: Waiting) -> Crawler:
    """As a technician: every page, search, operation and form of the laboratory."""
    hospital = world.day.hospital
    crawler = Crawler(member_client(hospital.id, "laboratory_technician"))
    words = ["Priya", "Raman", world.order.number, "zyx", "qzx", "vlo", "ferr", "S26-000001"]
    with hospital.transaction():
        words += [world.order.patient.mrn, world.order.encounter.number]
    searches = [f"{path}?q={word}" for path in ("/search/", "/cashier/find/") for word in words]
    crawler.crawl(["/", *pages(world), *searches, *(f"/laboratory/scan/?number={word}" for word in words)])
    for name in ADDRESSES:
        if name.startswith("laboratory:"):
            for address in pages_of(world, name):
                for headers in ({}, HTMX):
                    crawler.note(f"POST {address}", crawler.client.post(address, {}, headers=headers))
    api = ApiClient(hospital.id, scopes=LABORATORY_SCOPES)
    for path, parameters in operations(world):
        crawler.note(f"api {path} {sorted(parameters)}", api.get(path, **parameters))
    for step in steps():
        for order_id in (None, world.order.id):
            body = {"step": step, "encounter_id": world.order.encounter_id, "order_id": order_id}
            crawler.note(f"api decision {step}", api.post("/gate-decisions", body))
    return crawler


def test_before_payment_a_technician_finds_no_test_anywhere(world: Waiting) -> None:
    crawler = look_everywhere(world)
    assert crawler.told == {}
    assert crawler.reached > 60, "the crawler saw too little to be believed"
    assert f"/laboratory/orders/{world.order.id}/" in crawler.seen


def test_after_payment_the_same_crawler_finds_them_all(world: Waiting) -> None:
    day, hospital = world.day, world.day.hospital
    with hospital.transaction():
        items = list(ChargeItem.objects.filter(order_id=world.order.id))
    shares = [(item.id, hospital.open_minor(item.id)) for item in items]
    hospital.pay(day.patients["Priya Raman"], sum(minor for _, minor in shares), shares=shares, at=AT)
    crawler = look_everywhere(world)
    found = set().union(*crawler.told.values())
    assert found == SECRETS
    assert any(address.startswith("api /laboratory/") for address in crawler.told)
    assert "/laboratory/" in crawler.told


@pytest.mark.parametrize(
    "text",
    [
        "ZYXWORT &quot;Β-FERRITÍN&quot; &lt;FREE&gt; &amp; 100% +BOUND",
        "q=Vl%C3%B6grin%2FPanel",
        json.dumps({"name": "Vlögrin"}),
        "Location: /tests/QZX_ferritinase-77/",
    ],
)
def test_the_crawler_reads_every_spelling(text: str) -> None:
    assert disclosed(text)
