"""The patient's page: how they stand and what led to it, for each role as far as it may know."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import pages
from almoner.identity.roles import ROLES
from almoner.kernel.ids import new_id
from almoner.pages.live import change_marker
from almoner.pages.patient_page import age
from almoner.patients.merging import merge_patients
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

MAXIMUM_STATEMENTS = 12


def page_of(day: BusyDay, patient: str, role: str = "cashier") -> str:
    answer = member_client(day.hospital.id, role).get(f"/patients/{day.patients[patient].id}/")
    assert answer.status_code == 200
    return text_of(answer)


def test_the_widget_says_how_the_patient_stands(day: BusyDay) -> None:
    page = page_of(day, "Maria Silva")
    assert "Outstanding $75.00" in page and "Blocked services Consultation ($75.00)" in page
    assert "Payment required: $75.00 for Consultation." in page


def test_charges_payments_and_visits_are_listed_with_their_state(day: BusyDay) -> None:
    page = page_of(day, "Jane Smith")
    assert (
        "Blood count" in page and "Paid" in page and "MAIN-2026-0000" in page and "General Practice" in page
    )
    assert "$100.00 held as a deposit" in page_of(day, "Kwame Mensah")


def test_no_unreleased_test_is_named_to_the_laboratory(day: BusyDay) -> None:
    page = page_of(day, "John Doe", "laboratory_technician")
    assert "Order LAB-1" in page and "$65.00" in page and "1 service waits for payment" in page
    for told in ("Blood", "Lipid", "$30.00", "$35.00"):
        assert told not in page
    assert "Blood count" in page_of(day, "John Doe", "doctor")


def test_a_released_order_is_named_to_the_laboratory(day: BusyDay) -> None:
    assert "Blood count" in page_of(day, "Jane Smith", "laboratory_technician")
    enforce(day.hospital, "department", "laboratory", hide_test_details="disabled")
    assert "Blood count" in page_of(day, "John Doe", "laboratory_technician")


def test_who_takes_payments_is_led_to_the_account(day: BusyDay) -> None:
    address = f"/cashier/patients/{day.patients['Maria Silva'].id}/"
    for role, may in [("cashier", True), ("receptionist", True), ("doctor", False)]:
        answer = member_client(day.hospital.id, role).get(f"/patients/{day.patients['Maria Silva'].id}/")
        assert (address in answer.content.decode()) is may, role


def test_a_merged_record_leads_to_the_surviving_one(day: BusyDay) -> None:
    duplicate, survivor = day.patients["Maria Silva"].id, day.patients["John Doe"].id
    merge_patients(
        day.hospital.id, duplicate_id=duplicate, survivor_id=survivor, actor=day.hospital.actor, at=AT
    )
    answer = member_client(day.hospital.id, "cashier").get(f"/patients/{duplicate}/")
    assert answer["Location"] == f"/patients/{survivor}/"


def test_a_patient_of_nowhere_is_not_found(day: BusyDay) -> None:
    assert member_client(day.hospital.id, "cashier").get(f"/patients/{new_id()}/").status_code == 404


@pytest.mark.parametrize("role", ["laboratory_technician", "receptionist", "administrator"])
def test_the_page_takes_few_statements(day: BusyDay, role: str) -> None:
    client = member_client(day.hospital.id, role)
    address = f"/patients/{day.patients['John Doe'].id}/"
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    sent = [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(sent) <= MAXIMUM_STATEMENTS, sent


def test_an_unchanged_part_is_no_content_and_a_payment_changes_it(day: BusyDay) -> None:
    client = member_client(day.hospital.id, "cashier")
    page = client.get(f"/patients/{day.patients['Maria Silva'].id}/")
    address = page.context["live"]["url"]
    assert client.get(address, headers=HTMX).status_code == 204
    day.hospital.pay(day.patients["Maria Silva"], 7500, at=AT)
    assert client.get(address, headers=HTMX).content.decode().lstrip().startswith('<div id="live"')


def test_the_change_marker_differs_after_anything_that_counts(
    day: BusyDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almoner.pages.live.FRESH_SECONDS", -1)
    markers = [change_marker(day.hospital.id)]
    assert change_marker(day.hospital.id) == markers[0]
    day.hospital.pay(day.patients["Maria Silva"], 100, at=AT)
    markers.append(change_marker(day.hospital.id))
    day.hospital.capture("service.provided", "unlisted", encounter=day.visits["Maria Silva"], at=AT)
    markers.append(change_marker(day.hospital.id))
    assert len(set(markers)) == 3


def test_a_page_asks_for_changes_without_a_session_and_only_with_its_ticket(day: BusyDay) -> None:
    client = member_client(day.hospital.id, "cashier")
    address = client.get("/").context["changes_url"]
    client.logout()
    first = client.get(address)
    assert first.status_code == 200
    assert client.get(address, {"marker": first.content.decode()}).status_code == 204
    assert client.get("/changes/forged").status_code == 410


def test_every_role_sees_every_template_of_the_room(day: BusyDay, rendered: set[str]) -> None:
    for role in ROLES:
        client = member_client(day.hospital.id, role)
        for patient in day.patients.values():
            assert client.get(f"/patients/{patient.id}/").status_code == 200
        for query in ("silva", "a", "zzz", ""):
            client.get("/search/", {"q": query})
            client.get("/search/", {"q": query}, headers=HTMX)
        client.get("/session/")
        client.get(f"/patients/{day.patients['Maria Silva'].id}/photo/take/")
        client.get(f"/patients/{day.patients['Maria Silva'].id}/contact/")
        for action in ("pay", "plan", "override"):
            address = f"/steps/consultation.start/{day.visits['Maria Silva'].id}/{action}/"
            client.get(address)
            client.post(address, {})
        for line in client.get(f"/patients/{day.patients['Maria Silva'].id}/").context["page"].charges:
            if line.dispute_url:
                client.get(line.dispute_url)
    client.get("/")
    client.logout()
    client.get("/", headers=HTMX)
    # Shown by the service points, and tested there.
    elsewhere = {"components/patient_head.html", "components/service_point_bar.html"}
    assert templates_of(pages) - rendered <= elsewhere


@pytest.mark.parametrize(
    ("born", "words"),
    [
        (date(2026, 3, 1), "1 day"),
        (date(2025, 12, 30), "2 months"),
        (date(2024, 3, 3), "23 months"),
        (date(2024, 3, 2), "2 years"),
        (date(1950, 3, 3), "75 years"),
    ],
)
def test_an_age_reads_as_people_say_it(born: date, words: str) -> None:
    assert age(born, AT.date()) == words


def test_a_charge_is_disputed_at_the_desk_and_resolved_by_billing(day: BusyDay) -> None:
    name = "Maria Silva"
    cashier, billing = (member_client(day.hospital.id, role) for role in ("cashier", "billing_staff"))
    address = reverse("patient", args=[day.patients[name].id])
    [url] = {line.dispute_url for line in cashier.get(address).context["page"].charges if line.dispute_url}
    form = cashier.get(url, headers=HTMX).context["form"]
    assert cashier.post(url, typed(form, reason=" "), headers=HTMX).status_code == 422
    assert "written down" in said(cashier.post(url, typed(form, reason="I was not there"), headers=HTMX))
    assert "I was not there" in text_of(cashier.get(address))
    assert cashier.post(url.replace("dispute", "resolve"), {}, headers=HTMX).status_code == 403
    [line] = [line for line in billing.get(address).context["page"].charges if line.dispute]
    assert not line.dispute_url
    form = billing.get(line.resolve_url, headers=HTMX).context["form"]
    sent = typed(form, note="The doctor wrote a note")
    assert said(billing.post(line.resolve_url, sent, headers=HTMX)) == "The dispute is resolved."
    assert "Disputed" not in text_of(billing.get(address))
