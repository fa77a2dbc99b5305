"""What the doctor writes down: versions of a note, diagnoses, and who may read them."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from almoner.identity.roles import ROLES
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.patients.diagnoses import read_code, record_diagnosis, withdraw_diagnosis
from almoner.patients.models import Diagnosis
from almoner.service_points.consultation import operations
from almoner.service_points.consultation.models import ConsultationNote
from almoner.service_points.consultation.queries import note_versions
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, said, text_of, typed

PATIENT = "John Doe"
READERS = {"doctor", "ward_nurse", "pharmacist", "administrator"}


@pytest.fixture
def doctor(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "doctor")


def write(day: BusyDay, text: str, key: str = "first-note") -> ConsultationNote:
    return operations.write_note(
        day.hospital.id,
        day.visits[PATIENT].id,
        text=text,
        idempotency_key=key,
        actor=day.hospital.actor,
        at=AT,
    )


def correct(day: BusyDay, note: ConsultationNote, text: str, key: str) -> ConsultationNote:
    return operations.correct_note(
        day.hospital.id, note.id, text=text, idempotency_key=key, actor=day.hospital.actor, at=AT
    )


def diagnose(day: BusyDay, text: str, code: str = "", key: str = "first-diagnosis") -> Diagnosis:
    return record_diagnosis(
        day.hospital.id,
        day.visits[PATIENT].id,
        text=text,
        code=code,
        idempotency_key=key,
        actor=day.hospital.actor,
        at=AT,
    )


def visit(day: BusyDay, client: Client) -> str:
    return text_of(client.get(f"/consultation/visits/{day.visits[PATIENT].id}/"))


def test_a_correction_is_a_further_version_and_the_earlier_ones_stay_readable(
    day: BusyDay, doctor: Client
) -> None:
    first = write(day, "Left knee swollen.")
    address = f"/consultation/notes/{first.id}/correction/"
    form = doctor.get(address, headers=HTMX).context["form"]
    assert form["text"].value() == "Left knee swollen."
    sent = typed(form, text="Right knee swollen.")
    for _ in range(2):
        assert "corrected" in said(doctor.post(address, sent, headers=HTMX))
    page = visit(day, doctor)
    assert "Right knee swollen." in page and "Left knee" not in page and "Earlier versions" in page
    with day.hospital.transaction():
        [latest] = ConsultationNote.objects.filter(replaces=first.id)
        assert [one.text for one in note_versions(latest.id)] == ["Right knee swollen.", "Left knee swollen."]
    versions = text_of(doctor.get(f"/consultation/notes/{latest.id}/versions/", headers=HTMX))
    assert "Left knee swollen." in versions and "Grace Adeyemi" in versions


def test_two_doctors_cannot_both_correct_the_same_version(day: BusyDay, doctor: Client) -> None:
    first = write(day, "Fever since Monday.")
    second = correct(day, first, "Fever since Sunday.", "correction-1")
    assert correct(day, first, "Fever since Sunday.", "correction-1").id == second.id
    with pytest.raises(IdempotencyMismatch):
        correct(day, first, "Fever since Friday.", "correction-1")
    with pytest.raises(Conflict, match="corrected meanwhile"):
        correct(day, first, "Fever since Friday.", "correction-2")
    with pytest.raises(DomainError, match="Nothing was changed"):
        correct(day, second, "Fever since Sunday.", "correction-3")
    address = f"/consultation/notes/{first.id}/correction/"
    answer = doctor.post(
        address, typed(doctor.get(address).context["form"], text="Fever since Friday."), headers=HTMX
    )
    assert answer.status_code == 422 and "corrected meanwhile" in text_of(answer)
    assert "Fever since Friday." in text_of(answer)


def test_the_database_lets_nobody_change_a_note_or_replace_it_twice(day: BusyDay) -> None:
    first = write(day, "Fever since Monday.")
    correct(day, first, "Fever since Sunday.", "correction-1")
    again = ConsultationNote(
        hospital_id=day.hospital.id,
        consultation_id=first.consultation_id,
        replaces=first,
        text="x",
        written_at=AT,
        written_by="user:x",
    )
    for change in (again.save, lambda: ConsultationNote.objects.filter(id=first.id).update(text="x")):
        with day.hospital.transaction(), pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("typed_code", "kept"),
    [("i20.9", "I20.9"), ("I209", "I20.9"), (" j18 ", "J18"), ("S72.001A", "S72.001A"), ("", "")],
)
def test_a_code_is_kept_as_icd_10_writes_it(typed_code: str, kept: str) -> None:
    assert read_code(typed_code) == kept


@pytest.mark.parametrize("code", ["angina", "9I2", "I2", "I20.", "I20.12345", "I20;9", "I20 9"])
def test_what_is_no_icd_10_code_is_refused_at_its_field(code: str) -> None:
    with pytest.raises(DomainError) as refused:
        read_code(code)
    assert refused.value.field == "code"


def test_a_diagnosis_is_recorded_once_and_withdrawn_in_sight(day: BusyDay, doctor: Client) -> None:
    address = f"/consultation/visits/{day.visits[PATIENT].id}/"
    form = doctor.get(address).context["forms"]["diagnosis"]
    wrong = doctor.post(f"{address}diagnoses/", typed(form, text="Angina", code="angina"), headers=HTMX)
    assert wrong.status_code == 422 and "I20.9" in wrong.context["form"].errors["code"][0]
    for _ in range(2):
        sent = typed(form, text="Stable angina", code="i209")
        assert said(doctor.post(f"{address}diagnoses/", sent, headers=HTMX)) == "The diagnosis is recorded."
    assert visit(day, doctor).count("Stable angina") == 1
    with day.hospital.transaction():
        recorded = Diagnosis.objects.get()
    assert recorded.code == "I20.9"
    for _ in range(2):
        answer = doctor.post(f"/consultation/diagnoses/{recorded.id}/withdrawal/", headers=HTMX)
        assert "withdrawn" in said(answer)
    page = visit(day, doctor)
    assert "Stable angina" in page and "withdrawn" in page and "Withdraw" not in page


@pytest.mark.parametrize("role", sorted(ROLES))
def test_diagnoses_are_on_the_patients_page_for_clinical_roles_alone(day: BusyDay, role: str) -> None:
    diagnose(day, "Stable angina", "I20.9")
    withdrawn = diagnose(day, "Gastric reflux", "K21", "second-diagnosis")
    withdraw_diagnosis(day.hospital.id, withdrawn.id, actor=day.hospital.actor, at=AT)
    page = text_of(member_client(day.hospital.id, role).get(f"/patients/{day.patients[PATIENT].id}/"))
    assert ("Stable angina" in page) == ("I20.9" in page) == (role in READERS)
    assert "Gastric reflux" not in page


def test_only_who_may_diagnoses_and_only_a_visit_of_this_hospital(day: BusyDay) -> None:
    stranger = Actor(name="user:x@example.org", permissions=frozenset({"patients.read_diagnoses"}))
    with pytest.raises(PermissionRefused):
        record_diagnosis(
            day.hospital.id, new_id(), text="x", idempotency_key="any-key", actor=stranger, at=AT
        )
    with pytest.raises(NotFound):
        record_diagnosis(
            day.hospital.id, new_id(), text="x", idempotency_key="any-key", actor=day.hospital.actor, at=AT
        )
    diagnose(day, "Stable angina")
    with pytest.raises(IdempotencyMismatch):
        diagnose(day, "Unstable angina")
