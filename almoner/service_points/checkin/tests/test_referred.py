"""A doctor refers a patient: reception expects them, and checking in makes the referral a visit."""

from __future__ import annotations

from django.urls import reverse

from almoner.charging.models import ChargeItem
from almoner.orders.models import Referral
from almoner.patients.models import Encounter
from tests.support.day import BusyDay
from tests.support.pages import HTMX, member_client, said, text_of, typed


def test_a_referral_is_expected_at_reception_and_becomes_a_visit_with_its_fees(day: BusyDay) -> None:
    doctor, reception = (member_client(day.hospital.id, role) for role in ("doctor", "receptionist"))
    visit = day.visits["Priya Raman"]
    form = doctor.get(reverse("consultation:visit", args=[visit.id])).context["forms"]["referral"]
    url = reverse("consultation:referral", args=[visit.id])
    for _ in range(2):
        answer = doctor.post(
            url, typed(form, department="cardiology", text="Murmur, please look"), headers=HTMX
        )
        assert said(answer) == "REF-1: reception expects the patient at Cardiology."
    page = reception.get("/check-in/")
    assert "Referred, not here yet" in text_of(page) and "Murmur, please look" in text_of(page)
    with day.hospital.transaction():
        referral = Referral.objects.get()
    arrive = f"{reverse('checkin:patient', args=[referral.patient_id])}?referral={referral.id}"
    assert arrive in page.content.decode()
    sent = typed(reception.get(arrive).context["form"])
    assert (sent["department"], sent["reason"]) == ("cardiology", "REF-1: Murmur, please look")
    assert "HX-Redirect" in reception.post(arrive, sent, headers=HTMX)
    with day.hospital.transaction():
        became = Encounter.objects.get(id=Referral.objects.get().visit_id)
        assert became.department.code == "cardiology"
        assert ChargeItem.objects.filter(encounter=became).count() == 1
    assert "Referred, not here yet" not in text_of(reception.get("/check-in/"))
    again = reception.post(arrive, {**sent, "idempotency_key": "another key"}, headers=HTMX)
    assert again.status_code == 422 and "come for this referral already" in text_of(again)


def test_a_referral_elsewhere_is_a_letter_and_costs_nothing(day: BusyDay) -> None:
    doctor = member_client(day.hospital.id, "doctor")
    visit = day.visits["Priya Raman"]
    form = doctor.get(reverse("consultation:visit", args=[visit.id])).context["forms"]["referral"]
    url = reverse("consultation:referral", args=[visit.id])
    refused = doctor.post(url, typed(form, text="Please see"), headers=HTMX)
    assert refused.status_code == 422 and "Name a department" in text_of(refused)
    sent = doctor.post(url, typed(form, outside="Dr House, Princeton", text="Please see"), headers=HTMX)
    assert said(sent) == "REF-1: the letter can be printed."
    with day.hospital.transaction():
        letter = doctor.get(reverse("consultation:letter", args=[Referral.objects.get().id]))
    assert "Dr House, Princeton" in text_of(letter) and "Please see" in text_of(letter)
    assert "Referral" in text_of(doctor.get(reverse("consultation:visit", args=[visit.id])))
    here = doctor.post(url, typed(form, department="general_practice", text="x"), headers=HTMX)
    assert here.status_code == 422
