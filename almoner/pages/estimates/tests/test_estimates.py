"""Estimates: priced as charging would, agreed to, printed, held against the bill; nothing is charged by them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.charging.models import ChargeItem
from almoner.estimates.models import Estimate, EstimateLine
from almoner.pages import estimates as room
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, templates_of, text_of, typed
from tests.support.ward import WardHospital, make_ward_hospital

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, strict_templates: None) -> WardHospital:
    monkeypatch.setattr("almoner.pages.staff.now", lambda: AT)
    place = make_ward_hospital()
    place.define("room", "daily", rate_minor=20000, ward_types=("general",))
    place.define("oxygen", "hourly", rate_minor=500, cap_minor=6000, cap_per="day")
    place.define("service_charge", "percentage", percent=10, base={"services": ["room"]})
    return place


def make(client: Client, patient_id: object = "", **fields: object) -> Any:
    url = reverse("estimates:new") + (f"?patient={patient_id}" if patient_id else "")
    form = typed(client.get(url).context["form"])
    return client.post(url, {**form, "expected_on": "2026-03-10", **fields}, headers=HTMX)


STAY = {"ward_type": "general", "days": "3", "services_code": ["bandage"], "services_quantity": ["2"]}


def test_a_walk_in_hears_what_services_days_and_percentages_come_to_and_nothing_is_charged(
    place: WardHospital,
) -> None:
    desk = member_client(place.id, "receptionist")
    answer = make(desk, walk_in="Asha Rao", **STAY)
    page = desk.get(answer["HX-Redirect"]).context["page"]
    assert {name: (quantity, amount) for name, quantity, amount in page.lines} == {
        "Bandage": ("2", "$22.00"),
        "room": ("3", "$600.00"),
        "oxygen": ("36", "$180.00"),
        "service_charge": ("1", "$60.00"),
    }
    assert page.sums == [("Expected in all", "$862.00")]
    assert "No coverage is known" in page.basis
    with place.hospital.transaction():
        assert not ChargeItem.objects.exists()


def test_an_estimate_sent_twice_is_made_once_and_stays_when_prices_change(place: WardHospital) -> None:
    desk = member_client(place.id, "receptionist")
    form = typed(desk.get(reverse("estimates:new")).context["form"], walk_in="Asha Rao", **STAY)
    first, second = (desk.post(reverse("estimates:new"), form, headers=HTMX) for _ in range(2))
    assert first["HX-Redirect"] == second["HX-Redirect"]
    other = desk.post(reverse("estimates:new"), {**form, "walk_in": "Ben Rao"}, headers=HTMX)
    assert other.status_code == 422 and "already used for a request with other content" in text_of(other)
    place.define("room", "daily", rate_minor=99900, ward_types=("general",))
    assert "$862.00" in text_of(desk.get(first["HX-Redirect"]))
    with place.hospital.transaction():
        assert Estimate.objects.count() == 1 and EstimateLine.objects.count() == 4


def test_the_payers_share_says_what_it_is_based_on(place: WardHospital) -> None:
    desk = member_client(place.id, "receptionist")
    patient = place.hospital.patient(insured=True)
    share = {"payer_percent": "80", "payer_basis": "letter of March 1", "deposit": "100"}
    page = desk.get(make(desk, patient.id, **STAY, **share)["HX-Redirect"]).context["page"]
    sums = dict(page.sums)
    assert sums["Deposit asked for"] == "$100.00"
    assert "letter of March 1" in page.basis
    assert len(sums) == 4
    unsaid = desk.get(make(desk, patient.id, **STAY)["HX-Redirect"]).context["page"]
    assert "What it takes over is not known" in unsaid.basis


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"services_code": ["nothing"], "services_quantity": ["1"]}, "services"),
        ({"services_code": ["bandage"], "services_quantity": ["many"]}, "services"),
        ({"services_code": ["bandage"], "services_quantity": ["-1"]}, "services"),
        ({}, "services"),
        ({"days": "3"}, "ward_type"),
        ({**STAY, "valid_until": "2026-03-09"}, "valid_until"),
        ({**STAY, "walk_in": ""}, "walk_in"),
        ({**STAY, "payer_percent": "50", "payer_basis": "letter"}, "payer_percent"),
        ({**STAY, "payer_percent": "50"}, "payer_basis"),
        ({**STAY, "deposit": "-1"}, "deposit"),
    ],
)
def test_what_cannot_be_estimated_is_said_at_its_field(
    place: WardHospital, fields: dict[str, object], field: str
) -> None:
    answer = make(member_client(place.id, "receptionist"), **{"walk_in": "Asha Rao", **fields})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_consent_is_recorded_once_and_the_bill_is_held_against_the_estimate(
    place: WardHospital, rendered: set[str]
) -> None:
    desk = member_client(place.id, "receptionist")
    admission_id = place.admit("general", AT)
    patient_id = place.charges(admission_id)[0].patient_id
    url = make(desk, patient_id, **STAY)["HX-Redirect"]
    with CaptureQueriesContext(connection) as captured:
        page = desk.get(url)
    assert len(captured) <= 12
    consent = typed(page.context["consent_form"], how="signed")
    where = url + "consent/"
    assert desk.post(where, {**consent, "given_by": ""}, headers=HTMX).status_code == 422
    assert [desk.post(where, consent, headers=HTMX).status_code for _ in range(2)] == [200, 200]
    assert desk.post(where, {**consent, "given_by": "Another"}, headers=HTMX).status_code == 422
    assert desk.post(url + "visit/", {}, headers=HTMX).status_code == 422
    linked = desk.post(url + "visit/", typed(page.context["visit_form"]), headers=HTMX)
    assert linked.status_code == 200, text_of(linked)
    after = desk.get(url).context["page"]
    assert "signed on paper" in after.consent
    rows = {row.name: (row.estimated, row.actual, row.difference) for row in after.compared}
    assert rows["room"] == ("$600.00", "$200.00", "-$400.00 (-66.7%)")
    assert rows["Bandage"] == ("$22.00", "$0.00", "-$22.00 (-100.0%)")
    paper = desk.get(url + "paper/")
    assert paper["Content-Type"] == "application/pdf" and paper.content.startswith(b"%PDF")
    desk.get(reverse("estimates:overview"))
    assert templates_of(room) - rendered == set()


def test_an_estimate_that_is_no_longer_valid_takes_no_consent(
    place: WardHospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = member_client(place.id, "receptionist")
    url = make(desk, walk_in="Asha Rao", **STAY, valid_until="2026-03-10")["HX-Redirect"]
    consent = typed(desk.get(url).context["consent_form"], how="spoken")
    monkeypatch.setattr("almoner.pages.staff.now", lambda: AT + timedelta(days=60))
    assert "No longer valid" in text_of(desk.get(url))
    assert "no longer valid" in text_of(desk.post(url + "consent/", consent, headers=HTMX))


def test_the_patients_page_leads_to_an_estimate(day: BusyDay) -> None:
    desk = member_client(day.hospital.id, "receptionist")
    patient = day.patients["Maria Silva"]
    page = desk.get(reverse("patient", args=[patient.id]))
    assert f"{reverse('estimates:new')}?patient={patient.id}" in page.content.decode()
