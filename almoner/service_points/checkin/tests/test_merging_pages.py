"""Two records of one person: the list of those that may be, both side by side, and one afterwards."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.identity.models import AuditRecord
from almoner.kernel.ids import new_id
from almoner.patients.models import Encounter, Patient
from almoner.patients.operations import register_patient
from almoner.service_points.checkin.merging.queries import Alike, pairs_of
from almoner.service_points.checkin.operations import check_in
from tests.support.day import AT, BusyDay
from tests.support.pages import HTMX, member_client, text_of, typed


@pytest.fixture
def reception(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "receptionist")


@pytest.fixture
def double(day: BusyDay) -> Patient:
    """Maria Silva once more, by another clerk, with a visit of her own."""
    patient = register_patient(
        day.hospital.id,
        name="Maria da Silva",
        birth_date=date(1971, 4, 2),
        phone="555 010 2233",
        actor=day.hospital.actor,
        at=AT,
    ).patient
    check_in(
        day.hospital.id,
        patient_id=patient.id,
        department="general_practice",
        idempotency_key="double",
        actor=day.hospital.actor,
        at=AT,
    )
    return patient


def merge_url(day: BusyDay, double: Patient) -> str:
    return reverse("checkin:merge", args=[day.patients["Maria Silva"].id, double.id])


def test_both_records_stand_side_by_side_with_visits_and_money(
    day: BusyDay, reception: Client, double: Patient
) -> None:
    page = text_of(reception.get(merge_url(day, double)))
    assert "Maria Silva" in page and "Maria da Silva" in page and double.mrn in page
    assert page.count("1 visit ") == 2 and page.count("$75.00") >= 2 and "Apr 2, 1971" in page


def test_merging_keeps_what_was_chosen_and_everything_is_together(
    day: BusyDay, reception: Client, double: Patient
) -> None:
    kept = day.patients["Maria Silva"]
    url = merge_url(day, double)
    form = reception.get(url).context["form"]
    sent = typed(form, name="kept", birth_date="duplicate", phone="duplicate", confirmed="on")
    for _ in range(2):
        answer = reception.post(url, sent, headers=HTMX)
        assert answer["HX-Redirect"] == reverse("patient", args=[kept.id])
    with day.hospital.transaction():
        survivor = Patient.objects.get(id=kept.id)
        assert (survivor.name, survivor.birth_date, survivor.phone) == (
            "Maria Silva",
            date(1971, 4, 2),
            "555 010 2233",
        )
        assert Encounter.objects.filter(patient=survivor).count() == 2
        entry = AuditRecord.objects.get(action="patient.merged")
    assert entry.data["duplicate_mrn"] == double.mrn
    assert entry.data["taken_from_duplicate"] == ["birth_date", "phone"]
    page = text_of(reception.get(reverse("patient", args=[double.id]), follow=True))
    assert "$150.00" in page


def test_nothing_is_merged_without_the_confirmation_and_the_choice_stays(
    day: BusyDay, reception: Client, double: Patient
) -> None:
    url = merge_url(day, double)
    refused = reception.post(url, typed(reception.get(url).context["form"], name="duplicate"), headers=HTMX)
    assert refused.status_code == 422 and "Confirm that both" in text_of(refused)
    assert 'name="name" value="duplicate" checked' in refused.content.decode()
    with day.hospital.transaction():
        assert Patient.objects.get(id=double.id).merged_into_id is None


def test_a_check_in_form_that_was_open_on_the_merged_record_checks_the_survivor_in(
    day: BusyDay, reception: Client, double: Patient
) -> None:
    open_form = reception.get(reverse("checkin:patient", args=[double.id])).context["form"]
    url = merge_url(day, double)
    reception.post(url, typed(reception.get(url).context["form"], confirmed="on"), headers=HTMX)
    answer = reception.post(
        reverse("checkin:patient", args=[double.id]), typed(open_form, department="cardiology"), headers=HTMX
    )
    assert answer["HX-Redirect"].startswith("/check-in/visits/")
    with day.hospital.transaction():
        assert Encounter.objects.filter(patient=day.patients["Maria Silva"].id).count() == 3


def test_the_other_record_is_proposed_and_searched_for(
    day: BusyDay, reception: Client, double: Patient
) -> None:
    url = reverse("checkin:merge-choose", args=[double.id])
    assert "looks like this person" in text_of(reception.get(url))
    found = reception.get(url, {"q": "Silva"}).content.decode()
    assert reverse("checkin:merge", args=[double.id, day.patients["Maria Silva"].id]) in found
    assert merge_url(day, double) not in found


def test_the_list_shows_those_who_may_be_one_person(day: BusyDay, reception: Client, double: Patient) -> None:
    register_patient(
        day.hospital.id,
        name="Maria Dasilva",
        birth_date=date(1971, 4, 2),
        actor=day.hospital.actor,
        at=AT,
    )
    with CaptureQueriesContext(connection) as captured:
        page = text_of(reception.get(reverse("checkin:possible-duplicates")))
    assert "Maria Dasilva" in page and "same birth date" in page
    assert len(captured) <= 12


@pytest.mark.parametrize(
    ("name", "birth_date", "phone", "is_pair"),
    [
        ("Ana Ruiz", date(1980, 1, 1), "", True),
        ("ana maria ruiz", date(1980, 1, 1), "", True),
        ("Beth Stone", date(1980, 1, 1), "", False),
        ("Beth Stone", date(1980, 1, 1), "(555) 123-4567", True),
        ("Ana Ruiz", date(1981, 1, 1), "", False),
        ("Ana Ruiz", date(1981, 1, 1), "+1 555 123 4567", True),
        ("Ana Stone", date(1981, 1, 1), "5551234567", False),
        ("Ana Stone", None, "5551234567", True),
        ("Beth Stone", None, "5551234567", False),
    ],
)
def test_two_records_may_be_of_one_person(
    name: str, birth_date: date | None, phone: str, is_pair: bool
) -> None:
    known = Alike(new_id(), "M1", "Ana Ruiz", date(1980, 1, 1), "555-123-4567")
    later = Alike(new_id(), "M2", name, birth_date, phone)
    assert bool(pairs_of([later], [known, later])) is is_pair
