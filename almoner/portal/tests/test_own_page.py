"""The patient's own page and receipts: all that is theirs, nothing that is concealed, nothing of the staff's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import portal
from almoner.charging.models import ChargeItem
from almoner.identity.models import AuditRecord, User
from almoner.kernel.ids import new_id
from almoner.messaging.queries import opt_outs_of
from almoner.patients.merging import merge_patients
from almoner.payments.models import Payment
from almoner.portal.models import PatientLogin
from almoner.scheduling.appointments import book
from tests.support.day import AT, PASSWORD, BusyDay
from tests.support.hospital import enforce, make_hospital
from tests.support.pages import HTMX, member_client, templates_of, text_of

pytestmark = pytest.mark.django_db
MAXIMUM_STATEMENTS = 12


def patient_client(day: BusyDay, *patients: str, email: str = "patient@example.org") -> Client:
    """A browser in which somebody is logged in who sees the records of ``patients``."""
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD, name="Pat")
    for name in patients:
        PatientLogin.objects.create(
            hospital_id=day.hospital.id, patient_id=day.patients[name].id, user=user, created_at=AT
        )
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def page_of(day: BusyDay, patient: str) -> str:
    answer = patient_client(day, patient).get("/me/")
    assert answer.status_code == 200
    return text_of(answer)


def book_appointment(day: BusyDay, patient: str) -> None:
    book(
        day.hospital.id,
        patient_id=day.patients[patient].id,
        department="cardiology",
        starts_at=AT + timedelta(days=2),
        idempotency_key=f"appointment:{patient}",
        actor=day.hospital.actor,
        at=AT,
    )


def payment_of(day: BusyDay, patient: str) -> Payment:
    with day.hospital.transaction():
        return Payment.objects.filter(patient_account__patient_id=day.patients[patient].id).earliest("id")


def test_the_page_says_what_is_owed_what_waits_and_what_is_to_come(day: BusyDay) -> None:
    book_appointment(day, "Maria Silva")
    page = page_of(day, "Maria Silva")
    assert "Outstanding $75.00" in page and "Waiting for payment Consultation $75.00" in page
    assert "Pay $75.00 at the cashier" in page
    assert "Wednesday, March 4, 2026" in page and "Cardiology" in page
    for staff in ("Emergency override", "Process payment", "Find a patient", "Staff and roles"):
        assert staff not in page


def test_payments_lead_to_their_receipts(day: BusyDay) -> None:
    client, payment = patient_client(day, "Kwame Mensah"), payment_of(day, "Kwame Mensah")
    assert "$100.00 held as a deposit" in text_of(client.get("/me/"))
    address = reverse("portal:receipt", args=[payment.id])
    assert address in client.get("/me/").content.decode()
    receipt = text_of(client.get(address))
    assert "Kwame Mensah" in receipt and "$300.00" in receipt
    assert "Copy from the patient" in receipt


def test_anybody_elses_receipt_is_not_there(day: BusyDay) -> None:
    client = patient_client(day, "Kwame Mensah")
    for payment_id in (payment_of(day, "Samuel Osei").id, new_id()):
        assert client.get(reverse("portal:receipt", args=[payment_id])).status_code == 404


def test_tests_that_are_not_released_are_named_neither_on_the_page_nor_on_a_receipt(day: BusyDay) -> None:
    john = day.patients["John Doe"]
    with day.hospital.transaction():
        items = list(
            ChargeItem.objects.filter(patient_account__patient_id=john.id)
            .exclude(order_id=None)
            .order_by("id")
        )
    paid = day.hospital.pay(john, 1500, shares=[(items[0].id, 1000), (items[1].id, 500)], at=AT)
    client = patient_client(day, "John Doe")
    receipt = reverse("portal:receipt", args=[paid.payment_id])
    page, paper = text_of(client.get("/me/")), text_of(client.get(receipt))
    assert "Order LAB-1" in page and "An order that waits for payment" in paper and "$15.00" in paper
    for told in ("Blood", "Lipid", "$10.00"):
        assert told not in page + paper
    enforce(day.hospital, "department", "laboratory", hide_test_details="disabled")
    assert "Blood count" in text_of(client.get("/me/")) and "Blood count" in text_of(client.get(receipt))


def test_a_patient_says_by_which_channel_they_want_no_reminders_and_wants_them_again(day: BusyDay) -> None:
    client, patient = patient_client(day, "Maria Silva"), day.patients["Maria Silva"]
    address = reverse("portal:reminders")
    assert address in client.get("/me/").content.decode()
    assert "No email address" in text_of(client.get(address))
    for channel in ("email", "email", "pigeon"):
        assert client.post(address, {"channel": channel})["Location"] == address
    assert "none since Mar 2, 2026" in text_of(client.get(address))
    with day.hospital.transaction():
        assert set(opt_outs_of(patient.id)) == {"email"}
        record = AuditRecord.objects.get(action="messaging.opted_out")
        assert record.actor.startswith("user:") and record.subject_id == patient.id
    client.post(address, {"channel": "email", "resume": "1"})
    with day.hospital.transaction():
        assert opt_outs_of(patient.id) == {}
        assert not opt_outs_of(day.patients["John Doe"].id)


@pytest.mark.parametrize("patient", ["John Doe", "Kwame Mensah", "Ingrid Holm"])
def test_the_pages_take_few_statements(day: BusyDay, patient: str) -> None:
    client = patient_client(day, patient)
    addresses = ["/me/", "/me/reminders/"]
    if patient != "John Doe":
        addresses.append(reverse("portal:receipt", args=[payment_of(day, patient).id]))
    for address in addresses:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(address).status_code == 200
        statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
        assert len(statements) <= MAXIMUM_STATEMENTS, "\n".join(statements)


def test_who_has_several_records_chooses_one_and_a_merged_one_leads_on(day: BusyDay) -> None:
    elsewhere = BusyDay(make_hospital())
    elsewhere.patients["Wei Chen"] = elsewhere.hospital.patient("Wei Chen")
    client = patient_client(day, "Maria Silva", "Samuel Osei")
    patient_client(elsewhere, "Wei Chen")
    assert client.get("/me/")["Location"] == "/me/choose/"
    choice = client.get("/me/choose/")
    assert all(part in text_of(choice) for part in ("Maria Silva", "Samuel Osei", "Wei Chen"))
    logins = {record.patient.name: record.login.id for record in choice.context["records"]}
    assert client.post("/me/choose/", {"login": logins["Wei Chen"]})["Location"] == "/me/"
    assert "Wei Chen" in text_of(client.get("/me/"))
    client.post("/me/choose/", {"login": logins["Maria Silva"]})
    survivor = day.patients["Samuel Osei"]
    merge_patients(
        day.hospital.id,
        duplicate_id=day.patients["Maria Silva"].id,
        survivor_id=survivor.id,
        actor=day.hospital.actor,
        at=AT,
    )
    assert len(client.get("/me/choose/").context["records"]) == 2
    assert client.post("/me/choose/", {"login": str(new_id())}).status_code == 200
    assert "Samuel Osei" in text_of(client.get("/me/"))


def test_whoever_logs_in_as_a_patient_alone_lands_on_their_page(day: BusyDay) -> None:
    client = patient_client(day, "Maria Silva")
    assert client.get("/", follow=True).redirect_chain[-1][0] == "/me/"


def test_staff_who_are_patients_find_their_page_where_they_choose_a_hospital(day: BusyDay) -> None:
    client = member_client(day.hospital.id, "doctor")
    assert client.get("/me/").status_code == 403
    assert "Your own page" not in text_of(client.get("/hospitals/"))
    patient_client(day, "Maria Silva", email=f"doctor-{day.hospital.id}@example.org")
    assert "Your own page" in text_of(client.get("/hospitals/"))
    assert client.get("/me/").status_code == 200


def test_every_template_is_drawn_without_asking_for_the_unknown(
    day: BusyDay, rendered: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almoner.portal.views.join.now", lambda: AT)
    for patient in ("Ana Ortiz", "Ingrid Holm", "John Doe"):
        patient_client(day, patient, email=f"{patient[:3]}@example.org").get("/me/")
    client = patient_client(day, "Maria Silva", "Samuel Osei")
    client.get("/me/choose/")
    patient_client(day, "John Doe", email="j@example.org").get("/me/reminders/")
    patient_client(day, "Kwame Mensah", email="k@example.org").get(
        reverse("portal:receipt", args=[payment_of(day, "Kwame Mensah").id])
    )
    reception = member_client(day.hospital.id, "receptionist")
    address = reverse("portal:access", args=[day.patients["Maria Silva"].id])
    form = reception.get(address, headers=HTMX).context["form"]
    invited = {"idempotency_key": form["idempotency_key"].value(), "email": "new@example.org"}
    reception.post(address, invited, headers=HTMX)
    reception.get(address, headers=HTMX)
    from django.core import mail

    link = str(mail.outbox[-1].body).split("http://testserver")[1].split()[0]
    for visitor in (Client(), client):
        assert visitor.get(link).status_code == 200
    assert templates_of(portal) - rendered == set()
