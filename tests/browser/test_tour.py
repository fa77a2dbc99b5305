"""The tour: every page of the demo hospital, on a desk in light colours and on a phone in dark ones.

No barrier, nothing that scrolls sideways, no complaint of the browser. ``make tour`` keeps the pictures for
``docs/tour.md``, which shows every one of these pages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Encounter, Patient
from almoner.portal.models import PatientLogin
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
SHOWN = {
    "charge_code": "icu_monitoring",
    "template_code": "intensive_care",
    "scope": "department",
    "subject": "cardiology",
    "kind": "balance.overdue",
    "channel": "sms",
    "locale": "es",
}
"""What the pages are about that are named by a code."""
APART = {"policies:hospital": {"scope": "hospital"}}
OF_PATIENTS = ("portal:me", "portal:reminders")
PATIENT_EMAIL = "lucia.ferrari@demo.example"
PARTS = frozenset({"cashier:find", "checkin:find", "session-renewed"})
"""Shown within other pages, or for a moment."""
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
            address = reverse(
                name, kwargs=arguments(world, ADDRESSES[name], **{**SHOWN, **APART.get(name, {})})
            )
            answer = client.get(address)
            if answer.status_code == 200 and b"<html" in answer.content[:2000]:
                found[name] = address
    return found


@pytest.fixture(scope="module")
def patients_page(hospital: Hospital) -> str:
    """The email of a patient with a plan, who may see their own page."""
    user = User.objects.create_user(PATIENT_EMAIL, PASSWORD, name="Lucia Ferrari")
    with transaction(hospital.id):
        patient = Patient.objects.get(name="Lucia Ferrari")
        PatientLogin.objects.create(hospital_id=hospital.id, patient_id=patient.id, user=user, created_at=AT)
    return PATIENT_EMAIL


@pytest.mark.parametrize(
    ("size", "width", "height", "colours"), [("desktop", 1280, 720, "light"), ("phone", 390, 844, "dark")]
)
def test_every_page_can_be_read_by_everyone(
    visit: Visit,
    addresses: dict[str, str],
    patients_page: str,
    size: str,
    width: int,
    height: int,
    colours: str,
) -> None:
    wrong = {}
    for email, places in (
        (demo.email_of("administrator"), addresses),
        (patients_page, {name: reverse(name) for name in OF_PATIENTS}),
    ):
        visitor = visit(width=width, height=height, colour_scheme=colours)
        page = visitor.log_in(email)
        for name, address in places.items():
            visitor.open(address)
            wrong[name] = barriers(page)
            if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
                wrong[name].append("scrolls sideways")
            if PICTURES and name not in PARTS:
                take_picture(page, f"{picture_of(name)}-{size}")
                page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
    assert {name: found for name, found in wrong.items() if found} == {}


def take_picture(page: Page, name: str) -> None:
    path = Path(PICTURES) / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.emulate_media(color_scheme="light")
    page.screenshot(path=path, type="jpeg", quality=60)


def picture_of(name: str) -> str:
    return name.replace(":", "-").replace("_", "-")


def test_the_tour_shows_every_page(addresses: dict[str, str]) -> None:
    tour = (Path(__file__).resolve().parents[2] / "docs" / "tour.md").read_text(encoding="utf-8")
    shown = re.findall(r'src="images/tour/(\S+)-desktop\.jpg"', tour)
    assert len(shown) == len(set(shown))
    assert set(shown) == {picture_of(name) for name in {*addresses, *OF_PATIENTS} - PARTS}


def test_every_page_of_the_tour_is_measured(addresses: dict[str, str]) -> None:
    assert set(addresses) <= set(PAGES)
