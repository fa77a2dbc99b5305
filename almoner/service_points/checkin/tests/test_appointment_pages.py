"""Appointments at reception: booked, moved, called off, and checked in with their fees before them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.patients.models import Encounter
from almoner.scheduling.appointments import book
from almoner.scheduling.models import Appointment
from tests.support.day import AT, BusyDay, make_member
from tests.support.pages import HTMX, member_client, said, text_of, typed


@pytest.fixture
def reception(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "receptionist")


@pytest.fixture
def doctor(day: BusyDay) -> UUID:
    return make_member(day.hospital.id, "doctor", name="Dr Adeyemi").id


def appointment(day: BusyDay, minutes: int, *, patient: str = "Wei Chen", key: str = "") -> Appointment:
    return book(
        day.hospital.id,
        patient_id=day.patients[patient].id,
        department="cardiology",
        starts_at=AT + timedelta(minutes=minutes),
        reason="Control after the infarct",
        idempotency_key=key or f"appointment-{minutes}",
        actor=day.hospital.actor,
        at=AT - timedelta(hours=4),
    )


def test_an_appointment_is_booked_from_the_patients_page_once(
    day: BusyDay, reception: Client, doctor: UUID
) -> None:
    patient = day.patients["Wei Chen"].id
    assert "Book an appointment" in text_of(reception.get(reverse("patient", args=[patient])))
    url = reverse("checkin:appointment", args=[patient])
    sent = typed(
        reception.get(url).context["form"],
        department="cardiology",
        practitioner_id=doctor,
        day="2026-03-03",
        start="09:30",
        reason="Control",
    )
    for _ in range(2):
        answer = reception.post(url, sent, headers=HTMX)
        assert answer["HX-Redirect"] == "/check-in/appointments/?day=2026-03-03&department=cardiology"
    page = text_of(reception.get(answer["HX-Redirect"]))
    assert page.count("Wei Chen") == 1 and "Dr Adeyemi" in page and "9:30" in page

    other = typed(reception.get(url).context["form"], **{**sent, "idempotency_key": "another key"})
    refused = reception.post(url, other, headers=HTMX)
    assert refused.status_code == 422 and "Dr Adeyemi has another appointment" in text_of(refused)
    assert 'value="Control"' in refused.content.decode()


def test_who_is_expected_is_checked_in_with_the_fees_shown(day: BusyDay, reception: Client) -> None:
    booked = appointment(day, 10)
    arrivals = reception.get("/check-in/").content.decode()
    arrive = f"{reverse('checkin:patient', args=[booked.patient_id])}?appointment={booked.id}"
    assert "Expected today" in arrivals and f'href="{arrive}" data-key="a"' in arrivals
    form = reception.get(arrive).context["form"]
    sent = typed(form)
    assert (sent["department"], sent["reason"]) == ("cardiology", "Control after the infarct")
    answer = reception.post(arrive, sent, headers=HTMX)
    with day.hospital.transaction():
        visit = Encounter.objects.filter(patient=booked.patient_id).latest("started_at")
        assert Appointment.objects.get(id=booked.id).encounter_id == visit.id
    assert answer["HX-Redirect"] == reverse("checkin:visit", args=[visit.id])
    assert "Expected today" not in text_of(reception.get("/check-in/"))
    again = reception.post(arrive, {**sent, "idempotency_key": "another key"}, headers=HTMX)
    assert again.status_code == 422 and "arrived for this appointment already" in text_of(again)


def test_an_appointment_is_moved_and_called_off(day: BusyDay, reception: Client) -> None:
    booked = appointment(day, 10)
    url = reverse("checkin:appointment-move", args=[booked.id])
    form = reception.get(url, headers=HTMX).context["form"]
    moved = reception.post(url, typed(form, start="17:00"), headers=HTMX)
    assert said(moved).startswith("Wei Chen is expected on Mar 2, 2026 at 5:00")
    early = reception.post(reverse("checkin:appointment-missed", args=[booked.id]), headers=HTMX)
    assert early.status_code == 409 and "later than now" in said(early)
    cancelled = reception.post(reverse("checkin:appointment-cancel", args=[booked.id]), headers=HTMX)
    assert said(cancelled) == "The appointment is cancelled."
    assert "Cancelled" in text_of(reception.get("/check-in/appointments/"))


def test_who_is_late_may_not_have_come(day: BusyDay, reception: Client) -> None:
    booked = appointment(day, -30)
    assert "Late" in text_of(reception.get("/check-in/"))
    url = reverse("checkin:appointment-missed", args=[booked.id])
    assert said(reception.post(url, headers=HTMX)).startswith("It is recorded")
    assert "Did not come" in text_of(reception.get("/check-in/appointments/"))


@pytest.mark.parametrize(
    "query", ["?day=yesterday", "?day=0001-01-01", "?day=9999-12-31", "?department=none"]
)
def test_a_calendar_of_nonsense_is_a_calendar(day: BusyDay, reception: Client, query: str) -> None:
    assert reception.get(f"/check-in/appointments/{query}").status_code == 200


def test_the_calendar_takes_few_statements_however_many_come(day: BusyDay, reception: Client) -> None:
    counts = []
    for more in (1, 6):
        for number in range(more):
            appointment(day, 10 + number, key=f"appointment-{more}-{number}")
        for url in ("/check-in/", "/check-in/appointments/"):
            with CaptureQueriesContext(connection) as captured:
                reception.get(url)
            counts.append(len(captured))
    assert counts[:2] == counts[2:] and max(counts) <= 12
