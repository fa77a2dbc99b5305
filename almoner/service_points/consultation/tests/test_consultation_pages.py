"""The doctor's pages: the queue, starting or what can be done about a held start, notes, orders, the end."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from almoner.charging.models import ChargeItem, ChargeRule
from almoner.enforcement.models import GateDecision
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.orders.models import Admission, Prescription, TestOrder
from almoner.orders.referrals import refer
from almoner.scheduling.models import QueueToken
from almoner.service_points import consultation
from almoner.service_points.consultation import operations
from almoner.service_points.consultation.models import Consultation, ConsultationNote
from almoner.service_points.consultation.queries import queue
from tests.support.day import AT, BusyDay
from tests.support.hospital import change_configuration
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

MAXIMUM_STATEMENTS = 12


@pytest.fixture
def doctor(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "doctor")


def address(day: BusyDay, patient: str, action: str = "") -> str:
    return f"/consultation/visits/{day.visits[patient].id}/{action}"


def post(client: Client, day: BusyDay, patient: str, action: str) -> HttpResponse:
    return client.post(address(day, patient, action), headers=HTMX)


def send(
    client: Client, day: BusyDay, patient: str, kind: str, action: str, **fields: object
) -> HttpResponse:
    """Send the form ``kind`` of the patient's visit, with ``fields`` typed into it."""
    form = client.get(address(day, patient)).context["forms"][kind]
    return client.post(address(day, patient, action), typed(form, **fields), headers=HTMX)


def test_the_queue_says_who_may_start_and_why_not(day: BusyDay, doctor: Client) -> None:
    rows = {row.patient: row for row in doctor.get("/consultation/").context["rows"]}
    assert (rows["Maria Silva"].gate, rows["Maria Silva"].is_held) == ("Payment required", True)
    assert rows["Samuel Osei"].gate == "Ready"
    assert rows["Priya Raman"].gate == "Remind of payment"
    assert rows["Oluwaseun Adebayo-Featherstonehaugh"].gate == "Released"
    assert rows["John Doe"].state == "in" and rows["John Doe"].gate == ""
    assert "Wei Chen" not in rows and "Ana Ortiz" not in rows


def test_the_most_urgent_come_first(day: BusyDay) -> None:
    with day.hospital.transaction():
        order = [one.patient_name for one in queue("", at=AT) if one.state == "waiting"]
    assert order[0] == "Oluwaseun Adebayo-Featherstonehaugh"
    assert order.index("Maria Silva") < order.index("Samuel Osei")


def test_the_chosen_department_is_remembered(day: BusyDay, doctor: Client) -> None:
    page = text_of(doctor.get("/consultation/", {"department": "cardiology"}))
    assert "Maria Silva" in page and "Priya Raman" not in page
    assert "Priya Raman" not in text_of(doctor.get("/consultation/"))
    assert "Priya Raman" in text_of(doctor.get("/consultation/", {"department": ""}))
    assert doctor.get("/consultation/", {"department": "pharmacy"}).status_code == 404


def test_a_held_start_shows_what_can_be_done_and_by_whom(day: BusyDay, doctor: Client) -> None:
    answer = doctor.get(address(day, "Maria Silva"))
    bar = answer.context["bar"]
    assert bar.is_held and bar.reason == "Payment required: $75.00 for Consultation."
    actions = {action.code: action.why_not for action in bar.actions}
    assert "Cashier" in actions["pay"] and actions["override"] == ""
    refused = post(doctor, day, "Maria Silva", "start/")
    assert refused.status_code == 409 and said(refused) == bar.reason
    with day.hospital.transaction():
        assert not Consultation.objects.filter(encounter=day.visits["Maria Silva"].id).exists()
        assert (
            GateDecision.objects.filter(encounter=day.visits["Maria Silva"].id, outcome="held").count() == 2
        )


@pytest.mark.parametrize("patient", ["Samuel Osei", "Priya Raman", "Oluwaseun Adebayo-Featherstonehaugh"])
def test_paid_reminded_and_emergency_starts_go_ahead(day: BusyDay, doctor: Client, patient: str) -> None:
    for _ in range(2):
        assert said(post(doctor, day, patient, "start/")) == "The consultation has started."
    page = text_of(doctor.get(address(day, patient)))
    assert "In consultation since" in page and "Start consultation" not in page


def test_starting_takes_the_number_off_the_display(day: BusyDay, doctor: Client) -> None:
    post(doctor, day, "Samuel Osei", "start/")
    with day.hospital.transaction():
        assert QueueToken.objects.get(encounter=day.visits["Samuel Osei"].id).called_at == AT


def test_the_equipment_is_asked_for_after_the_start(day: BusyDay, doctor: Client) -> None:
    with day.hospital.transaction():
        ChargeRule.objects.create(
            hospital_id=day.hospital.id,
            code="equipment",
            event_kind="service.provided",
            service="bandage",
            required_at=["equipment.use"],
        )
        change_configuration(day.hospital)
    visit = day.visits["Samuel Osei"]
    day.hospital.capture("service.provided", encounter=visit, at=AT)
    post(doctor, day, "Samuel Osei", "start/")
    assert doctor.get(address(day, "Samuel Osei")).context["bar"].title == "Equipment"
    assert "$11.00" in said(post(doctor, day, "Samuel Osei", "equipment/"))
    day.hospital.pay(day.patients["Samuel Osei"], 1100, at=AT)
    assert "recorded" in said(post(doctor, day, "Samuel Osei", "equipment/"))
    assert doctor.get(address(day, "Samuel Osei")).context["bar"] is None


def test_notes_are_written_once_and_only_after_the_start(day: BusyDay, doctor: Client) -> None:
    early = send(doctor, day, "Samuel Osei", "note", "notes/", text="Too early")
    assert early.status_code == 422 and "was not started" in text_of(early) and "Too early" in text_of(early)
    post(doctor, day, "Samuel Osei", "start/")
    key = f"page:{new_id()}"
    for _ in range(2):
        assert said(
            send(doctor, day, "Samuel Osei", "note", "notes/", text="Murmur <b>", idempotency_key=key)
        )
    with day.hospital.transaction():
        assert [note.text for note in ConsultationNote.objects.all()] == ["Murmur <b>"]
    assert "Murmur &lt;b&gt;" in doctor.get(address(day, "Samuel Osei")).content.decode()


def test_a_note_under_a_used_key_with_another_text_is_refused(day: BusyDay) -> None:
    visit, actor = day.visits["John Doe"].id, day.hospital.actor
    operations.write_note(day.hospital.id, visit, text="One", idempotency_key="k", actor=actor, at=AT)
    with pytest.raises(IdempotencyMismatch):
        operations.write_note(day.hospital.id, visit, text="Two", idempotency_key="k", actor=actor, at=AT)
    with pytest.raises(DomainError, match="1 to 4000"):
        operations.write_note(day.hospital.id, visit, text=" ", idempotency_key="l", actor=actor, at=AT)
    with pytest.raises(NotFound):
        operations.write_note(day.hospital.id, new_id(), text="x", idempotency_key="m", actor=actor, at=AT)
    with pytest.raises(PermissionRefused):
        operations.write_note(
            day.hospital.id, visit, text="x", idempotency_key="n", actor=Actor("user:x"), at=AT
        )


def test_orders_are_never_held_not_even_before_the_start(day: BusyDay, doctor: Client) -> None:
    tests = send(doctor, day, "Maria Silva", "tests", "tests/", tests=["blood_count", "lipid_panel"])
    assert "$65.00" in said(tests)
    pills = send(
        doctor, day, "Maria Silva", "prescription", "prescriptions/", service_0="amoxicillin", quantity_0="21"
    )
    assert "$10.50" in said(pills)
    assert "awaits a bed" in said(
        send(doctor, day, "Maria Silva", "admission", "admission/", ward="general_ward")
    )
    visit = day.visits["Maria Silva"].id
    with day.hospital.transaction():
        for model in (TestOrder, Prescription, Admission):
            assert model.objects.filter(encounter=visit).count() == 1
    course = doctor.get(address(day, "Maria Silva")).context["course"]
    assert {line.text for line in course} == {"Blood count, Lipid panel", "Amoxicillin × 21", "General ward"}


def test_tests_are_offered_with_what_this_patient_would_pay(day: BusyDay, doctor: Client) -> None:
    page = text_of(doctor.get(address(day, "Maria Silva")))
    assert "Blood count · $30.00" in page and "Lipid panel · $35.00" in page


def test_services_are_charged_and_delivered_at_once(day: BusyDay, doctor: Client) -> None:
    key = f"page:{new_id()}"
    for _ in range(2):
        answer = send(
            doctor, day, "Samuel Osei", "services", "services/",
            service_0="bandage", quantity_0="2", service_2="unlisted", idempotency_key=key,
        )  # fmt: skip
        assert said(answer) == "2 services are recorded: $22.00."
    with day.hospital.transaction():
        items = ChargeItem.objects.filter(
            encounter=day.visits["Samuel Osei"].id, event__kind="service.provided"
        )
        assert sorted(item.status for item in items) == ["billable", "unpriced"]


@pytest.mark.parametrize(
    ("kind", "action", "fields", "problem"),
    [
        ("note", "notes/", {"text": ""}, "This field is required"),
        ("note", "notes/", {"text": "x" * 4001}, "at most 4000"),
        ("tests", "tests/", {}, "This field is required"),
        ("tests", "tests/", {"tests": ["amoxicillin"]}, "not one of the available choices"),
        ("prescription", "prescriptions/", {}, "Choose at least one medication"),
        ("prescription", "prescriptions/", {"service_0": "amoxicillin"}, "How much of it?"),
        (
            "prescription",
            "prescriptions/",
            {"service_0": "amoxicillin", "quantity_0": "-1"},
            "greater than or equal",
        ),
        (
            "prescription",
            "prescriptions/",
            {"service_0": "amoxicillin", "quantity_0": "1e9"},
            "less than or equal",
        ),
        (
            "prescription",
            "prescriptions/",
            {"service_0": "amoxicillin", "quantity_0": "NaN"},
            "Enter a number",
        ),
        ("services", "services/", {"service_0": "", "quantity_0": "1"}, "Choose at least one service"),
        ("admission", "admission/", {"ward": ""}, "This field is required"),
        ("admission", "admission/", {"ward": "general_ward", "priority": "soon"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_ordered(
    day: BusyDay, doctor: Client, kind: str, action: str, fields: dict[str, object], problem: str
) -> None:
    answer = send(doctor, day, "Samuel Osei", kind, action, **fields)
    assert answer.status_code == 422 and problem in text_of(answer)
    with day.hospital.transaction():
        for model in (TestOrder, Prescription, Admission):
            assert not model.objects.filter(encounter=day.visits["Samuel Osei"].id).exists()


def test_a_second_admission_is_refused_in_words(day: BusyDay, doctor: Client) -> None:
    send(doctor, day, "Samuel Osei", "admission", "admission/", ward="general_ward")
    again = send(doctor, day, "Samuel Osei", "admission", "admission/", ward="general_ward")
    assert again.status_code == 422 and "admitted in this encounter already" in text_of(again)


def test_the_consultation_ends_once(day: BusyDay, doctor: Client) -> None:
    assert post(doctor, day, "Samuel Osei", "finish/").status_code == 404
    post(doctor, day, "Samuel Osei", "start/")
    for _ in range(2):
        assert said(post(doctor, day, "Samuel Osei", "finish/")) == "The consultation has ended."
    assert "Seen by" in text_of(doctor.get(address(day, "Samuel Osei")))
    assert "seen" in text_of(doctor.get("/consultation/"))


def test_pages_take_few_statements_however_many_wait(day: BusyDay, doctor: Client) -> None:
    def count(page: str) -> int:
        doctor.get(page)
        with CaptureQueriesContext(connection) as queries:
            doctor.get(page)
        return len([q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))])

    before = count("/consultation/")
    for number in range(5):
        visit = day.hospital.encounter(day.hospital.patient(f"More {number}"), started_at=AT)
        day.hospital.capture("service.provided", "consultation", encounter=visit, at=AT)
    assert count("/consultation/") == before <= MAXIMUM_STATEMENTS
    assert count(address(day, "Maria Silva")) <= MAXIMUM_STATEMENTS


def test_every_template_of_the_consultation_is_given_what_it_asks_for(
    day: BusyDay, doctor: Client, rendered: set[str]
) -> None:
    doctor.get("/consultation/")
    doctor.get("/consultation/", {"department": "emergency"})
    post(doctor, day, "Priya Raman", "call/")
    for patient in day.visits:
        doctor.get(address(day, patient))
        post(doctor, day, patient, "start/")
        doctor.get(address(day, patient))
    send(doctor, day, "John Doe", "note", "notes/", text="x")
    with day.hospital.transaction():
        note = ConsultationNote.objects.first()
    assert note is not None
    doctor.get(f"/consultation/notes/{note.id}/correction/")
    doctor.get(f"/consultation/notes/{note.id}/versions/")
    referred = refer(
        day.hospital.id,
        encounter_id=day.visits["Priya Raman"].id,
        outside="Dr House",
        text="Please see",
        idempotency_key="letter",
        actor=day.hospital.actor,
        at=AT,
    )
    doctor.get(f"/consultation/referrals/{referred.id}/")
    assert templates_of(consultation) - rendered == set()
