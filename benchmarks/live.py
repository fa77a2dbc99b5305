"""A desk whose open page waits for a payment: how late it is."""

from __future__ import annotations

import http.client
import re
import time
from html import unescape
from random import Random
from uuid import UUID

from django.urls import reverse

from almoner.kernel.clock import now
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import PatientBalance
from almoner.patients.models import PatientAccount
from almoner.payments.operations import record_payment
from benchmarks import loading
from benchmarks.pages import Desk
from benchmarks.web import PAGE_ASKS_SECONDS


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
