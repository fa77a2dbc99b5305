"""The link in an email: opening it changes nothing, its button ends the emails, another one resumes them."""

from __future__ import annotations

import pytest
from django.test import Client

from almoner.identity.models import AuditRecord
from almoner.kernel.ids import new_id
from almoner.messaging.queries import opt_outs_of
from almoner.messaging.stopping import stop_ticket, stop_url
from tests.support.hospital import TestHospital, make_hospital
from tests.support.pages import templates_of

pytestmark = pytest.mark.usefixtures("strict_templates", "db")


def stopped(hospital: TestHospital, patient_id: object) -> list[str]:
    with hospital.transaction():
        return sorted(opt_outs_of(patient_id))  # type: ignore[arg-type]


def test_the_link_ends_emails_and_resumes_them_and_says_who_did(rendered: set[str]) -> None:
    import almoner.messaging as room

    hospital = make_hospital()
    patient, client = hospital.patient(), Client(enforce_csrf_checks=True)
    address = f"/messages/stop/{stop_ticket(hospital.id, patient.id)}/"
    assert stop_url(hospital.id, patient.id).endswith(address)
    page = client.get(address).content.decode()
    assert "Emails from Test Hospital" in page and "Ada" not in page
    assert stopped(hospital, patient.id) == []
    assert "no more reminders" in client.post(address).content.decode()
    assert stopped(hospital, patient.id) == ["email"]
    client.post(address, {"List-Unsubscribe": "One-Click"})
    assert stopped(hospital, patient.id) == ["email"]
    client.post(address, {"resume": "1"})
    assert stopped(hospital, patient.id) == []
    with hospital.transaction():
        assert {one.actor for one in AuditRecord.objects.filter(action__startswith="messaging.")} == {
            "link:email"
        }
    assert client.get("/messages/stop/made-up/").status_code == 404
    assert client.post(f"/messages/stop/{stop_ticket(new_id(), patient.id)}/").status_code == 404
    assert client.post(f"/messages/stop/{stop_ticket(hospital.id, new_id())}/").status_code == 404
    assert templates_of(room) - rendered == set()
