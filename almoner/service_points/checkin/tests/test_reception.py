"""Reception's pages: arrivals, registration with its doubles, fees before confirming, tokens, the waiting room."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from almoner.charging.models import ChargeItem
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.patients.models import Encounter, Patient
from almoner.patients.operations import close_encounter
from almoner.scheduling.appointments import book
from almoner.scheduling.models import QueueToken
from almoner.scheduling.operations import call_token, issue_token
from almoner.service_points import checkin
from almoner.service_points.checkin.queries import waiting_room
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, templates_of, text_of, typed

MAXIMUM_STATEMENTS = 12


@pytest.fixture
def reception(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "receptionist")


def send(client: Client, address: str, **fields: object) -> HttpResponse:
    """Open the page at ``address`` and send its form, with ``fields`` typed into it."""
    return client.post(address, typed(client.get(address).context["form"], **fields), headers=HTMX)


def visits(day: BusyDay, patient: str) -> list[Encounter]:
    with day.hospital.transaction():
        return list(
            Encounter.objects.filter(patient=day.patients[patient].id).order_by("started_at", "number")
        )


# Arrivals


def test_todays_arrivals_are_listed_with_token_and_billing(reception: Client) -> None:
    page = text_of(reception.get("/check-in/"))
    assert "12 here" not in page and "Maria Silva" in page and "Payment Due" in page and "Wei Chen" in page


def test_arrivals_take_few_statements_however_many_there_are(day: BusyDay, reception: Client) -> None:
    counts = []
    for _ in range(2):
        reception.get("/check-in/")
        with CaptureQueriesContext(connection) as queries:
            reception.get("/check-in/")
        counts.append(len([q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]))
        for number in range(5):
            day.hospital.encounter(day.hospital.patient(f"More {number}"), started_at=AT)
    assert counts[0] == counts[1] <= MAXIMUM_STATEMENTS


def test_a_patient_leaves_and_the_visit_ends(day: BusyDay, reception: Client) -> None:
    visit = day.visits["Maria Silva"]
    assert "has ended" in str(
        reception.post(f"/check-in/visits/{visit.id}/leave/", headers=HTMX)["HX-Trigger"]
    )
    assert visits(day, "Maria Silva")[0].ended_at == AT


def test_who_is_found_leads_to_their_check_in(day: BusyDay, reception: Client) -> None:
    maria = f"/check-in/patients/{day.patients['Maria Silva'].id}/"
    assert maria in reception.get("/check-in/find/", {"q": "mar sil"}, headers=HTMX).content.decode()
    assert reception.get("/check-in/find/", {"q": "mar sil"})["Location"] == maria
    nobody = reception.get("/check-in/find/", {"q": "Zoe New"}, headers=HTMX).content.decode()
    assert "/check-in/register/?name=Zoe+New" in nobody


# Registering


def test_a_new_patient_is_registered_once_and_goes_on_to_check_in(day: BusyDay, reception: Client) -> None:
    key = f"page:{new_id()}"
    answers = [
        send(reception, "/check-in/register/", name="Zoe New", birth_date="2001-05-06", phone="555 123 4567",
             idempotency_key=key)
        for _ in range(2)
    ]  # fmt: skip
    with day.hospital.transaction():
        [patient] = Patient.objects.filter(name="Zoe New")
    assert {answer["HX-Redirect"] for answer in answers} == {f"/check-in/patients/{patient.id}/"}
    assert patient.phone == "555 123 4567"


def test_somebody_alike_is_shown_first_and_registered_when_confirmed(day: BusyDay, reception: Client) -> None:
    asked = send(reception, "/check-in/register/", name="Maria Silva", phone="555 987 6543")
    page = asked.content.decode()
    assert asked.status_code == 422 and "registered already" in page and "555 987 6543" in page
    assert f"/check-in/patients/{day.patients['Maria Silva'].id}/" in page
    confirmed = send(
        reception, "/check-in/register/", name="Maria Silva", phone="555 987 6543", confirmed="on"
    )
    assert confirmed["HX-Redirect"]
    with day.hospital.transaction():
        assert Patient.objects.filter(name="Maria Silva").count() == 2


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"birth_date": "2026-03-03"}, "from 1900 until today"),
        ({"birth_date": "1066-10-14"}, "from 1900 until today"),
        ({"birth_date": "yesterday"}, "Enter a valid date"),
        ({"phone": "no"}, "with its digits"),
        ({"sex": "x"}, "Select a valid choice"),
        ({"category": "royal"}, "Select a valid choice"),
    ],
)
def test_a_wrong_field_says_so_and_nobody_is_registered(
    day: BusyDay, reception: Client, fields: dict[str, str], problem: str
) -> None:
    answer = send(reception, "/check-in/register/", **{"name": "Zoe New", **fields})
    assert answer.status_code == 422 and problem in answer.content.decode()
    with day.hospital.transaction():
        assert not Patient.objects.filter(name="Zoe New").exists()


@pytest.mark.parametrize(
    "query", [{"name": "maria silva"}, {"name": "x", "birth_date": "soon"}, {}, {"phone": "\x00"}]
)
def test_doubles_are_looked_for_while_it_is_typed(reception: Client, query: dict[str, str]) -> None:
    answer = reception.get("/check-in/duplicates/", query, headers=HTMX)
    assert answer.status_code == 200
    assert ("Maria Silva" in answer.content.decode()) == (query.get("name") == "maria silva")


# Checking in


def test_the_fees_are_shown_before_confirming_and_charged_after(day: BusyDay, reception: Client) -> None:
    address = f"/check-in/patients/{day.patients['Wei Chen'].id}/"
    fees = text_of(reception.get(f"{address}fees/", {"department": "cardiology"}, headers=HTMX))
    assert "Consultation $75.00 Together $75.00" in fees
    assert "appear here when" in text_of(
        reception.get(f"{address}fees/", {"department": "nowhere"}, headers=HTMX)
    )
    with day.hospital.transaction():
        before = ChargeItem.objects.count()
    answer = send(reception, address, department="cardiology", reason="Palpitations")
    visit = visits(day, "Wei Chen")[-1]
    assert answer["HX-Redirect"] == f"/check-in/visits/{visit.id}/"
    page = text_of(reception.get(answer["HX-Redirect"]))
    assert "Token 5 Cardiology" in page and "Charged at check-in Consultation $75.00" in page
    assert "Payment required: $75.00 for Consultation." in page
    with day.hospital.transaction():
        assert ChargeItem.objects.count() == before + 1


def test_the_same_form_sent_twice_is_one_visit_and_one_token(day: BusyDay, reception: Client) -> None:
    address, key = f"/check-in/patients/{day.patients['Wei Chen'].id}/", f"page:{new_id()}"
    for _ in range(2):
        answer = send(reception, address, department="cardiology", idempotency_key=key)
        assert answer["HX-Redirect"] == f"/check-in/visits/{visits(day, 'Wei Chen')[-1].id}/"
    assert len(visits(day, "Wei Chen")) == 2
    other = send(reception, address, department="emergency", idempotency_key=key)
    assert other.status_code == 422 and "sent before with other content" in other.content.decode()


def test_a_check_in_without_a_department_keeps_what_was_typed(day: BusyDay, reception: Client) -> None:
    answer = send(
        reception, f"/check-in/patients/{day.patients['Wei Chen'].id}/", department="", reason="Cough"
    )
    assert answer.status_code == 422 and 'value="Cough"' in answer.content.decode()
    assert len(visits(day, "Wei Chen")) == 1


def test_an_emergency_has_no_token(day: BusyDay, reception: Client) -> None:
    address = f"/check-in/patients/{day.patients['Wei Chen'].id}/"
    send(reception, address, department="emergency", triage_level="2")
    visit = visits(day, "Wei Chen")[-1]
    assert (visit.encounter_class, visit.triage_level) == ("emergency", 2)
    with day.hospital.transaction():
        assert not QueueToken.objects.filter(encounter=visit).exists()


# Tokens and the waiting room


def test_tokens_run_from_one_per_department_and_day(day: BusyDay) -> None:
    with day.hospital.transaction():
        issued = QueueToken.objects.order_by("department_id", "number").values_list("department_id", "number")
        for department in {row[0] for row in issued}:
            mine = [number for row, number in issued if row == department]
            assert mine == list(range(1, len(mine) + 1))
        tomorrow = issue_token(day.hospital.encounter(day.hospital.patient()), at=AT + timedelta(days=1))
        assert (tomorrow.number, tomorrow.day) == (1, (AT + timedelta(days=1)).date())


def test_the_display_shows_numbers_and_no_names(day: BusyDay) -> None:
    nurse = member_client(day.hospital.id, "ward_nurse")
    maria = day.visits["Maria Silva"]
    call_token(day.hospital.id, maria.id, actor=day.hospital.actor, at=AT)
    page = text_of(nurse.get("/check-in/waiting-room/"))
    assert "Cardiology Please come in 1 " in page
    assert not any(name.split()[0] in page for name in day.patients)
    only = text_of(nurse.get("/check-in/waiting-room/", {"department": "general_practice"}))
    assert "General Practice" in only and "Cardiology" not in only
    assert nurse.get("/check-in/waiting-room/", {"department": "nowhere"}).status_code == 404
    assert "Nobody is waiting." in text_of(nurse.get("/check-in/waiting-room/", {"department": "inpatient"}))


def test_a_call_is_shown_for_a_while_and_a_later_one_first(day: BusyDay) -> None:
    first, second = day.visits["Maria Silva"].id, day.visits["Samuel Osei"].id
    call_token(day.hospital.id, first, actor=day.hospital.actor, at=AT)
    call_token(day.hospital.id, second, actor=day.hospital.actor, at=AT + timedelta(minutes=5))
    with day.hospital.transaction():

        def called(minutes: int) -> tuple[int, ...]:
            at = AT + timedelta(minutes=minutes)
            return next(d.called for d in waiting_room(AT.date(), at=at) if d.code == "cardiology")

        assert (called(6), called(21), called(60)) == ((2, 1), (2,), ())


def test_calling_needs_a_token_a_present_patient_and_the_permission(day: BusyDay) -> None:
    actor = day.hospital.actor
    with pytest.raises(NotFound, match="no token"):
        call_token(day.hospital.id, day.visits["Oluwaseun Adebayo-Featherstonehaugh"].id, actor=actor, at=AT)
    close_encounter(day.hospital.id, day.visits["Maria Silva"].id, actor=actor, at=AT)
    with pytest.raises(Conflict, match="has left"):
        call_token(day.hospital.id, day.visits["Maria Silva"].id, actor=actor, at=AT)
    with pytest.raises(PermissionRefused):
        call_token(day.hospital.id, day.visits["Samuel Osei"].id, actor=Actor("user:x"), at=AT)


def test_every_template_of_reception_is_given_what_it_asks_for(
    day: BusyDay, reception: Client, rendered: set[str]
) -> None:
    for name, patient in day.patients.items():
        reception.get(f"/check-in/patients/{patient.id}/")
        reception.get(f"/check-in/visits/{day.visits[name].id}/")
    reception.get("/check-in/")
    reception.get("/check-in/find/", {"q": "a"})
    reception.get("/check-in/find/", {"q": "mar"}, headers=HTMX)
    reception.get("/check-in/find/")
    send(reception, "/check-in/register/", name="Maria Silva")
    reception.get("/check-in/duplicates/", {"name": "maria silva"})
    reception.get(f"/check-in/patients/{day.patients['Wei Chen'].id}/fees/", {"department": "cardiology"})
    reception.get("/check-in/waiting-room/")
    booked = book(
        day.hospital.id,
        patient_id=day.patients["Wei Chen"].id,
        department="cardiology",
        starts_at=AT,
        idempotency_key="templates",
        actor=day.hospital.actor,
        at=AT,
    )
    reception.get("/check-in/appointments/")
    reception.get(f"/check-in/appointments/{booked.id}/move/", headers=HTMX)
    reception.get(f"/check-in/patients/{booked.patient_id}/appointment/")
    reception.get("/check-in/possible-duplicates/")
    reception.get(f"/check-in/patients/{day.patients['Wei Chen'].id}/merge/")
    reception.get(f"/check-in/patients/{day.patients['Wei Chen'].id}/merge/{day.patients['Maria Silva'].id}/")
    assert templates_of(checkin) - rendered == set()
