"""A desk that opens pages: server time and statements of each, beside an empty page of the same frame.

In one process, without a network: what is timed is the request from the first middleware to the last byte.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from functools import cached_property
from html import unescape
from random import Random
from unittest import mock
from uuid import UUID

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.kernel.clock import now
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import PatientBalance
from almoner.orders.models import Admission, Prescription, TestOrder
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.models import Encounter, PatientAccount
from almoner.payments.models import Payment
from almoner.payments.operations import record_payment
from benchmarks import busy, loading
from benchmarks.web import PAGE_ASKS_SECONDS

Block = tuple[list[float], float]
FLOOR = "empty"


@hospital_view()
def empty(request: HospitalRequest) -> HttpResponse:
    """The frame that every page has, and nothing in it."""
    return render(request, "base.html")


urlpatterns = [path("empty/", empty, name=FLOOR), path("", include("almoner.shell.urls"))]


class Desk:
    """The administrator of the busy hospital, who may open every page."""

    def __init__(self, number: int) -> None:
        self.number = number
        override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"]).enable()
        mock.patch("almoner.pages.staff.now", lambda: busy.AT).start()

    @cached_property
    def hospital(self) -> Hospital:
        return Hospital.objects.get()

    @cached_property
    def browser(self) -> Client:
        browser = Client(raise_request_exception=True)
        browser.force_login(User.objects.get(email=busy.EMAIL))
        return browser

    @cached_property
    def addresses(self) -> dict[str, str]:
        """The address of every measured page by its name."""
        with transaction(self.hospital.id):
            return {name: address() for name, address in PAGES.items()}

    def open(self, address: str) -> HttpResponse:
        """Raises ``RuntimeError`` when the page is not there."""
        response = self.browser.get(address)
        if response.status_code != 200:
            raise RuntimeError(f"GET {address}: {response.status_code} {response.content[:300]!r}")
        return response  # type: ignore[return-value]


def _first(queryset: object, field: str = "id") -> object:
    value = queryset.values_list(field, flat=True).first()  # type: ignore[attr-defined]
    if value is None:
        raise RuntimeError(f"Nobody in the busy hospital has {queryset.model.__name__}.")  # type: ignore[attr-defined]
    return value


def _of(name: str, find: Callable[[], object], query: str = "") -> Callable[[], str]:
    return lambda: reverse(name, args=[find()]) + query


def _plain(name: str, query: str = "") -> Callable[[], str]:
    return lambda: reverse(name) + query


def _visit() -> object:
    return _first(
        Encounter.objects.filter(ended_at=None, department__kind="specialist").order_by("-started_at")
    )


def _patient() -> object:
    return _first(Encounter.objects.filter(ended_at=None).order_by("started_at"), "patient_id")


PAGES: dict[str, Callable[[], str]] = {
    FLOOR: _plain(FLOOR),
    "day": _plain("day"),
    "search": _plain("search", "?q=john"),
    "patient": _of("patient", _patient),
    "reception": _plain("checkin:arrivals"),
    "reception.find": _plain("checkin:find", "?q=john"),
    "reception.patient": _of("checkin:patient", _patient),
    "reception.visit": _of("checkin:visit", _visit),
    "waiting-room": _plain("checkin:waiting-room"),
    "consultation": _plain("consultation:queue"),
    "consultation.visit": _of("consultation:visit", _visit),
    "laboratory": _plain("laboratory:work-list"),
    "laboratory.done": _plain("laboratory:done"),
    "laboratory.order": _of("laboratory:order", lambda: _first(TestOrder.objects.order_by("-id"))),
    "pharmacy": _plain("pharmacy:work-list"),
    "pharmacy.history": _plain("pharmacy:history"),
    "pharmacy.prescription": _of(
        "pharmacy:prescription", lambda: _first(Prescription.objects.order_by("-id"))
    ),
    "ward": _plain("ward:board"),
    "ward.stay": _of("ward:stay", lambda: _first(Admission.objects.order_by("-id"))),
    "cashier": _plain("cashier:desk"),
    "cashier.find": _plain("cashier:find", "?q=john"),
    "cashier.account": _of("cashier:account", _patient),
    "cashier.receipt": _of("cashier:receipt", lambda: _first(Payment.objects.order_by("-received_at"))),
}
"""Every page that staff work on, by name; one that shows a patient shows one who is there now."""


def names(desk: Desk) -> list[str]:
    """The measured pages, the floor not among them."""
    return [name for name in desk.addresses if name != FLOOR]


def look(desk: Desk, name: str) -> tuple[int, int]:
    """Open the page once more than needed, counting its statements and bytes; it is warm afterwards."""
    desk.open(desk.addresses[name])
    with CaptureQueriesContext(connection) as counted:
        response = desk.open(desk.addresses[name])
    statements = [query for query in counted if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    return len(statements), len(response.content)


def open_page(desk: Desk, name: str, times: int) -> Block:
    """Open the page ``times`` times; seconds of each, and of all together."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        desk.open(desk.addresses[name])
        seconds.append(time.perf_counter() - start)
    return seconds, sum(seconds)


def make_hospital(desk: Desk) -> str:
    """Not a measurement: the busy hospital, without its years. See ``busy``."""
    return busy.make_hospital()


def load_history(desk: Desk, slug: str, share: int, shares: int) -> None:
    """Not a measurement: a part of its years."""
    busy.load_history(slug, share, shares)


def live_delays(desk: Desk, port: int, number: int) -> list[float]:
    """Seconds from the answer to a payment until the patient's open page shows it, for ``number`` payments.

    The page asks as ``frontend/source/live.js`` does, from a random moment on.
    """
    session = desk.browser.cookies["sessionid"].value
    chance = Random(number)
    return [_live_delay(desk, port, session, owing, chance) for owing in _owing(desk, number)]


def _owing(desk: Desk, number: int) -> list[tuple[UUID, UUID, int]]:
    """Patients who owe something, with their account and how much."""
    with transaction(desk.hospital.id):
        accounts = PatientAccount.objects.filter(patient__mrn__startswith="B").order_by("id")
        owing = PatientBalance.objects.filter(receivable_minor__gt=0, id__in=accounts.values("id"))
        amounts = dict(owing.order_by("id").values_list("id", "receivable_minor")[:number])
        return [
            (patient_id, account_id, amounts[account_id])
            for account_id, patient_id in accounts.filter(id__in=amounts).values_list("id", "patient_id")
        ]


def _live_delay(desk: Desk, port: int, session: str, owing: tuple[UUID, UUID, int], chance: Random) -> float:
    patient_id, account_id, amount_minor = owing
    address = reverse("patient", args=[patient_id])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(path: str, **headers: str) -> tuple[int, str]:
        connection.request("GET", path, headers={"Cookie": f"sessionid={session}", **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()

    _, page = ask(address)
    changes = _found(r'data-changes="([^"]+)"', page)
    live = unescape(_found(r'data-live hx-get="([^"]+)"', page))
    _, marker = ask(f"{changes}?marker=")
    next_question = time.perf_counter() + chance.random() * PAGE_ASKS_SECONDS
    record_payment(
        desk.hospital.id,
        patient_account_id=account_id,
        method="card",
        amount_minor=amount_minor,
        currency=desk.hospital.currency,
        cash_point="desk-1",
        idempotency_key=str(new_id()),
        actor=loading.ACTOR,
        at=now(),
        time_zone=desk.hospital.time_zone,
    )
    paid_at = time.perf_counter()
    while True:
        time.sleep(max(0.0, next_question - time.perf_counter()))
        next_question += PAGE_ASKS_SECONDS
        status, told = ask(f"{changes}?marker={marker}")
        if status == 200:
            marker = told
            status, _ = ask(live, **{"HX-Request": "true"})
            if status == 200:
                return time.perf_counter() - paid_at


def _found(pattern: str, page: str) -> str:
    match = re.search(pattern, page)
    if match is None:
        raise RuntimeError(f"The page has nothing like {pattern}.")
    return match[1]
