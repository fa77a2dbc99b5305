"""A desk that opens pages: server time and statements of each, beside an empty page of the same frame.

In one process, without a network: what is timed is the request from the first middleware to the last byte. Which pages
there are, says ``tour``.
"""

from __future__ import annotations

import time
from functools import cached_property
from unittest import mock

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.kernel.tenancy import transaction
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.portal.models import PatientLogin
from benchmarks import busy, tour

Block = tuple[list[float], float]
FLOOR = "empty"


@hospital_view()
def empty(request: HospitalRequest) -> HttpResponse:
    """The frame that every page has, and nothing in it."""
    return render(request, "base.html")


urlpatterns = [path("empty/", empty, name=FLOOR), path("", include("almoner.shell.urls"))]


class Desk:
    """The administrator of the busy hospital, who may open every page, and a patient who opens their own."""

    def __init__(self, number: int) -> None:
        self.number = number
        override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"]).enable()
        mock.patch("almoner.pages.staff.now", lambda: busy.AT).start()

    @cached_property
    def hospital(self) -> Hospital:
        return Hospital.objects.get()

    @cached_property
    def staff(self) -> User:
        return User.objects.get(email=busy.EMAIL)

    @cached_property
    def browser(self) -> Client:
        """The administrator's."""
        return _logged_in(self.staff)

    @cached_property
    def patients_browser(self) -> Client:
        with transaction(self.hospital.id):
            patient_id = tour.patient_here()
        user = User.objects.create_user("patient@almoner.example", "", name="Patient")
        PatientLogin.objects.create(
            hospital_id=self.hospital.id, patient_id=patient_id, user=user, created_at=busy.AT
        )
        return _logged_in(user)

    @cached_property
    def addresses(self) -> dict[str, str]:
        """The address of every measured page by its name."""
        with transaction(self.hospital.id):
            return {FLOOR: reverse(FLOOR), **{name: tour.address_of(name) for name in tour.PAGES}}

    def open(self, name: str) -> HttpResponse:
        """Raises ``RuntimeError`` when the page is not there."""
        browser = self.patients_browser if name in tour.OF_PATIENTS else self.browser
        response = browser.get(self.addresses[name])
        if response.status_code != 200:
            raise RuntimeError(
                f"GET {self.addresses[name]}: {response.status_code} {response.content[:300]!r}"
            )
        return response  # type: ignore[return-value]


def _logged_in(user: User) -> Client:
    browser = Client(raise_request_exception=True)
    browser.force_login(user)
    return browser


def names(desk: Desk) -> list[str]:
    """The measured pages, the floor not among them."""
    return list(tour.PAGES)


def look(desk: Desk, name: str) -> tuple[int, int]:
    """Open the page once more than needed, counting its statements and bytes; it is warm afterwards."""
    desk.open(name)
    with CaptureQueriesContext(connection) as counted:
        response = desk.open(name)
    statements = [query for query in counted if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    return len(statements), len(response.content)


def open_page(desk: Desk, name: str, times: int) -> Block:
    """Open the page ``times`` times; seconds of each, and of all together."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        desk.open(name)
        seconds.append(time.perf_counter() - start)
    return seconds, sum(seconds)


def make_hospital(desk: Desk) -> str:
    """Not a measurement: the busy hospital, without its years. See ``busy``."""
    return busy.make_hospital()


def load_history(desk: Desk, slug: str, share: int, shares: int) -> None:
    """Not a measurement: a part of its years."""
    busy.load_history(slug, share, shares)
