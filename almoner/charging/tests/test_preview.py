"""What a preview says is what the capture then charges, and the preview itself leaves nothing behind."""

from __future__ import annotations

from decimal import Decimal

import pytest

from almoner.charging.models import ChargeItem, ChargeRule, ClinicalEvent
from almoner.charging.queries import preview
from almoner.charging.rules import Event, EventLine
from almoner.hospitals.models import Department
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.ids import new_id
from almoner.service_points.checkin.operations import check_in
from tests.support.hospital import NOON, TestHospital, change_configuration, make_hospital

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> TestHospital:
    hospital = make_hospital()
    with hospital.transaction():
        for code, once in [("fee", ""), ("registration", "patient")]:
            ChargeRule.objects.create(
                hospital_id=hospital.id,
                code=code,
                event_kind="patient.checked_in",
                department_kind="specialist",
                service="consultation" if code == "fee" else "bandage",
                once_per=once,
                required_at=["consultation.start"],
            )
        change_configuration(hospital)
    return hospital


def department(hospital: TestHospital, code: str) -> Department:
    with hospital.transaction():
        return Department.objects.get(code=code)


def arrival(hospital: TestHospital, patient_id: object, code: str) -> list[tuple[str, int | None]]:
    event = Event(kind="patient.checked_in", idempotency_key="preview", patient_id=patient_id)  # type: ignore[arg-type]
    charges = preview(
        hospital.id,
        event,
        department=department(hospital, code),
        encounter_class="ambulatory",
        at=NOON,
    )
    return [(charge.service, charge.net_minor) for charge in charges]


def test_a_check_in_costs_what_was_previewed_and_a_once_only_fee_comes_once(hospital: TestHospital) -> None:
    patient = hospital.patient()
    for expected in ([("consultation", 7500), ("bandage", 1100)], [("consultation", 7500)]):
        assert sorted(arrival(hospital, patient.id, "cardiology"), reverse=True) == expected
        charged = check_in(
            hospital.id,
            patient_id=patient.id,
            department="cardiology",
            idempotency_key=f"arrival-{new_id()}",
            actor=hospital.actor,
            at=NOON,
        ).captured.items
        assert sorted(((i["service"], i["net_minor"]) for i in charged), reverse=True) == expected
    assert arrival(hospital, patient.id, "general_practice") == []


def test_a_preview_writes_nothing(hospital: TestHospital) -> None:
    arrival(hospital, hospital.patient().id, "cardiology")
    with hospital.transaction():
        assert not ChargeItem.objects.exists() and not ClinicalEvent.objects.exists()


def test_an_order_is_previewed_by_line_and_a_missing_price_is_none(hospital: TestHospital) -> None:
    encounter = hospital.encounter(hospital.patient())
    event = Event(
        kind="service.provided",
        idempotency_key="preview",
        encounter_id=encounter.id,
        lines=(EventLine("bandage", Decimal(2)), EventLine("unlisted")),
    )
    charges = preview(hospital.id, event, at=NOON)
    assert [(charge.line, charge.net_minor, charge.currency) for charge in charges] == [
        (1, 2200, "USD"),
        (2, None, "USD"),
    ]


def test_a_preview_follows_a_new_configuration(hospital: TestHospital) -> None:
    patient = hospital.patient()
    arrival(hospital, patient.id, "cardiology")
    with hospital.transaction():
        ChargeRule.objects.filter(code="fee").update(service="lipid_panel")
        change_configuration(hospital)
    assert ("lipid_panel", 3500) in arrival(hospital, patient.id, "cardiology")


def test_unknown_patients_visits_and_services_are_refused(hospital: TestHospital) -> None:
    with pytest.raises(NotFound, match="no such patient"):
        arrival(hospital, new_id(), "cardiology")
    event = Event(kind="service.provided", idempotency_key="preview", encounter_id=new_id())
    with pytest.raises(NotFound, match="no such encounter"):
        preview(hospital.id, event, at=NOON)
    visit = hospital.encounter(hospital.patient())
    unknown = Event(
        kind="service.provided", idempotency_key="p", encounter_id=visit.id, lines=(EventLine("nothing"),)
    )
    with pytest.raises(DomainError, match="no service 'nothing'"):
        preview(hospital.id, unknown, at=NOON)
