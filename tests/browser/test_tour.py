"""The tour: every page that staff can open, in the demo hospital, at both sizes and in both colours.

Nothing that axe finds serious, nothing that scrolls sideways, no complaint of the browser. ``make tour`` keeps
the pictures for ``docs/tour.md``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.patients.models import Encounter
from almoner.shell.simulation import demo
from benchmarks.tour import PAGES
from tests.access.table import TABLE
from tests.access.test_every_page import ADDRESSES, arguments
from tests.browser.accessibility import barriers
from tests.browser.conftest import Visitor
from tests.support.day import PASSWORD, BusyDay
from tests.support.hospital import TestHospital, TestPatient

Visit = Callable[..., Visitor]
AT = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
"""14:00 at the demo hospital."""
PICTURES = os.environ.get("ALMONER_TOUR", "")


@pytest.fixture(scope="module")
def server(database: None) -> Iterator[LiveServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        server = LiveServer("localhost")
        yield server
        server.stop()


@pytest.fixture(scope="module")
def hospital(database: None) -> Hospital:
    return demo.seed(password=PASSWORD, at=AT)[0]


@pytest.fixture(scope="module")
def addresses(hospital: Hospital) -> dict[str, str]:
    """Where every page is that a browser shows as a whole, by its name."""
    world = BusyDay(TestHospital(hospital.id, hospital.slug))
    with world.hospital.transaction():
        here = Encounter.objects.filter(ended_at=None).select_related("patient").order_by("-started_at")
        [first, second] = here.filter(encounter_class="ambulatory")[:2]
        for name, visit in (("Maria Silva", first), ("Samuel Osei", second)):
            world.visits[name] = visit
            world.patients[name] = TestPatient(visit.patient_id, visit.id)
    world.colleague_id = User.objects.get(email=demo.email_of("cashier")).id
    client = Client()
    client.force_login(User.objects.get(email=demo.email_of("administrator")))
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        for name in sorted(set(TABLE) & set(ADDRESSES)):
            address = reverse(name, kwargs=arguments(world, ADDRESSES[name]))
            answer = client.get(address)
            if answer.status_code == 200 and b"<html" in answer.content[:2000]:
                found[name] = address
    return found


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize(("size", "width", "height"), [("desktop", 1280, 720), ("phone", 390, 844)])
def test_every_page_can_be_read_by_everyone(
    visit: Visit, addresses: dict[str, str], size: str, width: int, height: int, colours: str
) -> None:
    visitor = visit(width=width, height=height, colour_scheme=colours)
    page = visitor.log_in(demo.email_of("administrator"))
    wrong = {}
    for name, address in addresses.items():
        visitor.open(address)
        wrong[name] = barriers(page)
        if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
            wrong[name].append("scrolls sideways")
        if PICTURES and colours == "light":
            picture = Path(PICTURES) / f"{name.replace(':', '-').replace('_', '-')}-{size}.jpg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=picture, type="jpeg", quality=60)
    assert {name: found for name, found in wrong.items() if found} == {}


def test_the_tour_goes_to_most_pages_of_the_table(addresses: dict[str, str]) -> None:
    assert len(addresses) > 40


def test_every_page_of_the_tour_is_measured(addresses: dict[str, str]) -> None:
    assert set(addresses) <= set(PAGES)
