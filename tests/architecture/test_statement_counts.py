"""The hot paths take so many statements and no more: a round trip is what costs.

They run outside any transaction, as the API calls them, and every statement counts, BEGIN and COMMIT too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from almoner.charging.operations import Captured, capture_batch
from almoner.charging.rules import Event, EventLine
from almoner.enforcement import gate
from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import billing_status, service_point_status
from almoner.hospitals import callers
from almoner.kernel.ids import new_id
from almoner.kernel.service_points import steps
from almoner.patients.models import Encounter
from tests.support.api import ApiClient
from tests.support.hospital import NOON, SERVICE_PROVIDED, TestHospital, TestPatient, make_hospital

SERVICES = ("consultation", "blood_count", "lipid_panel")
STEP = "consultation.start"


def statements(call: Callable[[], object]) -> list[str]:
    """The first words of every statement that ``call`` sends: ``BEGIN``, ``charging_capture``, ..."""
    with CaptureQueriesContext(connection) as queries:
        call()
    return [_name(query["sql"]) for query in queries.captured_queries]


def _name(sql: str) -> str:
    words = sql.replace("(", " ").split()
    called = [word for word in words if word.startswith(("charging_", "payments_", "enforcement_"))]
    return called[0] if called else words[0]


@pytest.fixture
def hospital(committed: None) -> TestHospital:
    """A hospital whose prices and policies are in memory already, as they are after the first request."""
    hospital = make_hospital()
    _, encounter = visit(hospital)
    hospital.capture(SERVICE_PROVIDED, *SERVICES, encounter=encounter)
    gate.check(hospital.id, STEP, Subject(encounter.id), actor=hospital.actor, at=NOON)
    return hospital


def visit(hospital: TestHospital) -> tuple[TestPatient, Encounter]:
    """A patient who has come."""
    patient = hospital.patient()
    return patient, hospital.encounter(patient)


def charged(hospital: TestHospital) -> tuple[TestPatient, Encounter, Captured]:
    """A patient who has come and was charged for three services."""
    patient, encounter = visit(hospital)
    return patient, encounter, hospital.capture(SERVICE_PROVIDED, *SERVICES, encounter=encounter)


def test_a_capture_reads_once_and_writes_once(hospital: TestHospital) -> None:
    _, encounter = visit(hospital)
    sent = statements(lambda: hospital.capture(SERVICE_PROVIDED, *SERVICES, encounter=encounter))
    assert sent == ["charging_context", "charging_capture"]


def test_a_batch_takes_as_many_statements_as_one_event_and_a_transaction(hospital: TestHospital) -> None:
    encounters = [visit(hospital)[1] for _ in range(10)]
    events = [
        Event(
            kind=SERVICE_PROVIDED,
            idempotency_key=f"batch-{new_id()}",
            occurred_at=NOON,
            encounter_id=encounter.id,
            lines=tuple(EventLine(service) for service in SERVICES),
        )
        for encounter in encounters
        for _ in range(10)
    ]
    sent = statements(lambda: capture_batch(hospital.id, events, actor=hospital.actor, at=NOON))
    assert sent == ["BEGIN", "charging_context", "charging_capture", "COMMIT"]


def test_a_replay_reads_the_charges_that_were_made(hospital: TestHospital) -> None:
    _, encounter = visit(hospital)
    key = f"again-{new_id()}"
    hospital.capture(SERVICE_PROVIDED, *SERVICES, encounter=encounter, key=key)
    sent = statements(lambda: hospital.capture(SERVICE_PROVIDED, *SERVICES, encounter=encounter, key=key))
    assert sent == ["charging_context", "BEGIN", "SELECT", "SELECT", "COMMIT"]


def test_a_payment_is_one_statement(hospital: TestHospital) -> None:
    patient, _, captured = charged(hospital)
    assert statements(lambda: hospital.pay(patient, captured.total_minor)) == ["payments_record"]


def test_a_gate_reads_its_facts_once_and_stores_its_decision_once(hospital: TestHospital) -> None:
    _, encounter, _ = charged(hospital)
    subject = Subject(encounter.id)
    sent = statements(lambda: gate.check(hospital.id, STEP, subject, actor=hospital.actor, at=NOON))
    assert sent == ["BEGIN", "enforcement_facts", "enforcement_gatedecision", "COMMIT"]


def test_a_billing_status_is_one_statement(hospital: TestHospital) -> None:
    patient, _, _ = charged(hospital)
    sent = statements(lambda: billing_status(hospital.id, patient.id, at=NOON))
    assert sent == ["enforcement_status"]


@pytest.mark.parametrize("step", sorted(steps()))
def test_a_service_point_status_is_one_statement(hospital: TestHospital, step: str) -> None:
    _, encounter, _ = charged(hospital)
    sent = statements(lambda: service_point_status(hospital.id, step, Subject(encounter.id), at=NOON))
    assert sent == ["enforcement_facts"]


def test_a_visit_over_http_adds_the_reading_of_the_key_and_nothing_else(
    hospital: TestHospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, encounter = visit(hospital)
    client = ApiClient(hospital.id, scopes=["charging.capture", "payments.record", "enforcement.read_status"])

    def sent_by(call: Callable[[], object]) -> list[str]:
        monkeypatch.setattr(callers, "_known", {})
        return statements(call)

    event = {
        "kind": SERVICE_PROVIDED,
        "encounter_id": str(encounter.id),
        "lines": [{"service": service} for service in SERVICES],
    }
    assert sent_by(lambda: client.post("/events", event, key="visit")) == [
        "SELECT",
        "charging_context",
        "charging_capture",
    ]
    payment = {
        "patient_account_id": str(patient.account_id),
        "method": "cash",
        "amount_minor": 14000,
        "currency": hospital.currency,
        "cash_point": hospital.cash_point,
    }
    assert sent_by(lambda: client.post("/payments", payment, key="visit")) == ["SELECT", "payments_record"]
    assert sent_by(lambda: client.get(f"/patients/{patient.id}/billing-status")) == [
        "SELECT",
        "enforcement_status",
    ]
