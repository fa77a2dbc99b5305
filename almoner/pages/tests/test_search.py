"""Finding patients by what is at hand, and those who may be registered already."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from almoner.pages.search import find_duplicates, find_patients, words_of
from almoner.patients.merging import merge_patients
from almoner.patients.models import Patient
from almoner.patients.operations import register_patient
from tests.support.day import BusyDay
from tests.support.hospital import NOON, TestHospital, make_hospital
from tests.support.pages import HTMX, member_client

pytestmark = pytest.mark.django_db


def register(hospital: TestHospital, name: str, **columns: object) -> Patient:
    return register_patient(hospital.id, name=name, actor=hospital.actor, at=NOON, **columns).patient


@pytest.fixture
def hospital() -> TestHospital:
    hospital = make_hospital()
    register(hospital, "Tomás Herrera-Ruiz", phone="+1 (555) 010-4477", birth_date=date(1980, 5, 4))
    register(hospital, "Mary-Jane O'Neil", birth_date=date(1990, 1, 1))
    register(hospital, "Maria Jansen")
    register(hospital, "प्रिया शर्मा")
    return hospital


def names(hospital: TestHospital, text: str) -> list[str]:
    with hospital.transaction():
        return [found.name for found in find_patients(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("herr", ["Tomás Herrera-Ruiz"]),
        ("TOMAS ruiz", ["Tomás Herrera-Ruiz"]),
        ("mar jan", ["Maria Jansen", "Mary-Jane O'Neil"]),
        ("neil, mary", ["Mary-Jane O'Neil"]),
        ("शर्मा", ["प्रिया शर्मा"]),
        ("0104477", ["Tomás Herrera-Ruiz"]),
        ("555 010-4477", ["Tomás Herrera-Ruiz"]),
        ("mrn0000003", ["Maria Jansen"]),
        ("3", ["Maria Jansen"]),
        ("m", []),
        ("jansen herrera", []),
        ("%", []),
        ("", []),
        ("x" * 500, []),
        ("a\x00b", []),
    ],
)
def test_words_phone_and_record_number_find_patients(
    hospital: TestHospital, text: str, found: list[str]
) -> None:
    assert names(hospital, text) == found


def test_words_are_cut_alike_in_python_and_in_the_database() -> None:
    text = "Tomás Herrera-Ruiz, O'Neil d’Arc (née Ångström) प्रिया"
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(w ORDER BY w) FROM pages_words(%s) AS w", [text])
        assert cursor.fetchone()[0] == sorted(words_of(text), key=lambda word: word.encode())


def test_visit_order_and_receipt_numbers_lead_to_their_patient(day: BusyDay) -> None:
    visit = day.visits["John Doe"]
    assert names(day.hospital, visit.number.lower()) == ["John Doe"]
    assert names(day.hospital, "LAB-1") == ["John Doe"]
    assert "John Doe" in names(day.hospital, "1")
    paid = day.hospital.pay(day.patients["Maria Silva"], 100, at=NOON)
    assert names(day.hospital, paid.receipt) == ["Maria Silva"]


def test_a_renamed_patient_is_found_by_the_new_name_only(hospital: TestHospital) -> None:
    with hospital.transaction():
        Patient.objects.filter(name="Maria Jansen").update(name="Maria Okafor")
    assert names(hospital, "okafor") == ["Maria Okafor"]
    assert names(hospital, "jansen") == []


def test_what_finds_a_merged_record_finds_the_one_it_was_merged_into(hospital: TestHospital) -> None:
    double = register(hospital, "Tomas Herrera")
    with hospital.transaction():
        original = Patient.objects.get(name="Tomás Herrera-Ruiz")
    merge_patients(
        hospital.id, duplicate_id=double.id, survivor_id=original.id, actor=hospital.actor, at=NOON
    )
    for words in ("herrera", double.mrn, "tomas herrera"):
        assert names(hospital, words) == ["Tomás Herrera-Ruiz"], words


def test_another_hospitals_patients_are_not_found(hospital: TestHospital) -> None:
    assert names(make_hospital(), "herrera") == []


def test_a_search_is_one_statement(hospital: TestHospital) -> None:
    with hospital.transaction(), CaptureQueriesContext(connection) as queries:
        find_patients("herrera tomas")
        find_duplicates("Tomas Herrera", None, "")
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("name", "born", "phone", "found"),
    [
        ("Tomas Herrera Ruiz", None, "", ["Tomás Herrera-Ruiz"]),
        ("tomás herrera-ruiz", date(1980, 5, 4), "", ["Tomás Herrera-Ruiz"]),
        ("Tomas Herrera Ruiz", date(1999, 9, 9), "", []),
        ("Tomas Herera", date(1980, 5, 4), "", ["Tomás Herrera-Ruiz"]),
        ("Somebody Else", None, "5550104477", ["Tomás Herrera-Ruiz"]),
        ("Somebody Else", date(1980, 5, 4), "", []),
        ("", None, "", []),
    ],
)
def test_who_may_be_registered_already(
    hospital: TestHospital, name: str, born: date | None, phone: str, found: list[str]
) -> None:
    with hospital.transaction():
        assert [one.name for one in find_duplicates(name, born, phone)] == found


def test_the_list_under_the_field_leads_to_patients_and_one_match_opens_the_page(day: BusyDay) -> None:
    client = member_client(day.hospital.id, "receptionist")
    patient = f"/patients/{day.patients['Maria Silva'].id}/"
    listed = client.get("/search/", {"q": "sil"}, headers=HTMX).content.decode()
    assert patient in listed and "<html" not in listed
    assert client.get("/search/", {"q": "sil"})["Location"] == patient
    assert "Nobody is found by “zzz”" in client.get("/search/", {"q": "zzz"}).content.decode()
    assert "Type a name" in client.get("/search/").content.decode()
