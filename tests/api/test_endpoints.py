"""Every endpoint three times: with the hospital's own key, with one that lacks the scope, with another hospital's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps

from almoner.kernel.tenancy import TenantModel
from tests.api.world import World
from tests.support.api import ApiClient, all_scopes, document

EMPTY = "empty"
OWN = "own"


@dataclass(frozen=True)
class Call:
    """A request that succeeds. ``elsewhere``: what another hospital's key gets: 404, an empty list, its own."""

    operation: str
    path: Callable[[World], str]
    body: Callable[[World], dict[str, Any]] | None = None
    status: int = 200
    elsewhere: int | str = 404


def _get(operation: str, path: Callable[[World], str], elsewhere: int | str = 404) -> Call:
    return Call(operation, path, elsewhere=elsewhere)


def _post(
    operation: str,
    path: Callable[[World], str],
    body: Callable[[World], dict[str, Any]],
    status: int = 201,
    elsewhere: int | str = 404,
) -> Call:
    return Call(operation, path, body, status, elsewhere)


CALLS = [
    _get("list_hospitals", lambda w: "/hospitals", OWN),
    _get("get_hospital", lambda w: f"/hospitals/{w.hospital.id}"),
    _get("list_departments", lambda w: "/departments", OWN),
    _get("list_wards", lambda w: "/wards", OWN),
    _get("list_service_points", lambda w: "/service-points", OWN),
    _post("register_patient", lambda w: "/patients", lambda w: {"name": "Grace Hopper"}, elsewhere=OWN),
    _get("list_patients", lambda w: f"/patients?mrn=T-00001&name={w.patient and 'Ada'}", EMPTY),
    _get("get_patient", lambda w: f"/patients/{w.patient.id}"),
    _post(
        "merge_patient",
        lambda w: f"/patients/{w.patient.id}/duplicates",
        lambda w: {"duplicate_id": w.duplicate.id},
    ),
    _post(
        "add_coverage",
        lambda w: f"/patients/{w.patient.id}/coverages",
        lambda w: {"payer": "acme", "starts_on": "2026-02-01", "member_id": "M-1"},
    ),
    _get("list_coverages", lambda w: f"/patients/{w.patient.id}/coverages"),
    _get("list_payers", lambda w: "/payers", OWN),
    _post(
        "open_encounter",
        lambda w: "/encounters",
        lambda w: {"patient_id": w.patient.id, "department": "cardiology"},
    ),
    _get("list_encounters", lambda w: f"/encounters?patient_id={w.encounter.patient_id}", EMPTY),
    _get("get_encounter", lambda w: f"/encounters/{w.encounter.id}"),
    _post("set_triage", lambda w: f"/encounters/{w.encounter.id}/triage", lambda w: {"triage_level": 3}),
    _get("list_diagnoses", lambda w: f"/encounters/{w.diagnosis_id and w.encounter.id}/diagnoses"),
    _post(
        "record_diagnosis",
        lambda w: f"/encounters/{w.encounter.id}/diagnoses",
        lambda w: {"text": "Angina pectoris", "code": "i209"},
    ),
    Call("withdraw_diagnosis", lambda w: f"/diagnoses/{w.diagnosis_id}/withdrawal", lambda w: {}, 201),
    _get("list_policies", lambda w: ("/policies", w.configured)[0], OWN),
    _get(
        "get_settings_in_force", lambda w: "/policies/in-force?department=cardiology&module=laboratory", OWN
    ),
    _post(
        "save_policy",
        lambda w: "/policies",
        lambda w: {
            "scope": "department",
            "subject": "cardiology",
            "settings": {"payment_enforcement": "strict", "grace_period": 3, "allow": ["stat"]},
            "based_on": w.configured,
        },
        elsewhere=409,
    ),
    _post(
        "preview_policy",
        lambda w: "/policies/preview",
        lambda w: {
            "scope": "hospital",
            "settings": {"global_policy": "flexible", "deferral_limit_minor": None},
            "days": w.decision_id and 7,
        },
        status=200,
        elsewhere=OWN,
    ),
    _post(
        "make_estimate",
        lambda w: "/estimates",
        lambda w: {
            "patient_id": w.patient.id,
            "expected_on": "2026-03-02",
            "valid_until": "2026-03-09",
            "services": [{"service": "blood_count"}, {"service": "bandage", "quantity": "2"}],
            "deposit_minor": 1000,
        },
    ),
    _get("list_estimates", lambda w: f"/estimates?patient_id={w.estimate_id and w.patient.id}", EMPTY),
    _get("get_estimate", lambda w: f"/estimates/{w.estimate_id}"),
    _post(
        "record_estimate_consent",
        lambda w: f"/estimates/{w.estimate_id}/consent",
        lambda w: {"given_by": "Ada Byron", "how": "signed"},
    ),
    _post(
        "link_estimate_visit",
        lambda w: f"/estimates/{w.estimate_id}/visit",
        lambda w: {"encounter_id": w.encounter.id},
    ),
    _get("list_notes", lambda w: f"/consultation/encounters/{w.note_id and w.encounter.id}/notes"),
    _post(
        "write_note",
        lambda w: f"/consultation/encounters/{w.started_encounter_id}/notes",
        lambda w: {"text": "No fever."},
    ),
    _post(
        "correct_note",
        lambda w: f"/consultation/notes/{w.note_id}/corrections",
        lambda w: {"text": "No fever, no cough."},
    ),
    Call("close_encounter", lambda w: f"/encounters/{w.encounter.id}/closure", lambda w: {}, 201),
    _post(
        "capture_event",
        lambda w: "/events",
        lambda w: {
            "kind": "service.provided",
            "encounter_id": w.encounter.id,
            "lines": [{"service": "bandage", "quantity": "1.5"}],
            "body": {"source": ["a", 1, None]},
        },
    ),
    _post(
        "capture_events",
        lambda w: "/events/batch",
        lambda w: {
            "events": [
                {
                    "kind": "service.provided",
                    "patient_id": w.patient.id,
                    "occurred_at": "2026-03-02T12:00:00+01:00",
                    "lines": [{"service": "bandage"}],
                },
                {"kind": "service.provided", "encounter_id": w.encounter.id, "idempotency_key": "mine"},
            ]
        },
    ),
    _get("list_events", lambda w: f"/events?encounter_id={w.charged and w.encounter.id}", EMPTY),
    _get("get_event", lambda w: f"/events/{w.charged.event_id}"),
    _get("list_charge_items", lambda w: f"/charge-items?patient_id={w.charged.patient_id}", EMPTY),
    _get("get_charge_item", lambda w: f"/charge-items/{w.item_id}"),
    _post(
        "price_charge_item",
        lambda w: f"/charge-items/{w.unpriced_id}/price",
        lambda w: {"unit_price_minor": 900},
    ),
    _post(
        "cancel_charge_item",
        lambda w: f"/charge-items/{w.item_id}/cancellation",
        lambda w: {"reason": "wrong patient"},
    ),
    _post(
        "revise_charge_item",
        lambda w: f"/charge-items/{w.item_id}/revision",
        lambda w: {"quantity": "2", "reason": "two were used"},
    ),
    _post(
        "record_payment",
        lambda w: "/payments",
        lambda w: {
            "patient_account_id": w.charged.patient_account_id,
            "method": "cash",
            "amount_minor": 1100,
            "tendered_minor": 2000,
            "currency": "USD",
            "cash_point": "main",
        },
    ),
    _get("list_payments", lambda w: f"/payments?patient_id={w.payment_id and w.patient.id}", EMPTY),
    _get("get_payment", lambda w: f"/payments/{w.payment_id}"),
    _post("void_payment", lambda w: f"/payments/{w.payment_id}/void", lambda w: {"reason": "wrong drawer"}),
    _get("list_cash_sessions", lambda w: f"/cash-sessions?cash_point={w.cash_session_id and 'main'}", EMPTY),
    _get("get_cash_session", lambda w: f"/cash-sessions/{w.cash_session_id}"),
    _post(
        "request_void",
        lambda w: f"/payments/{w.payment_id}/void-requests",
        lambda w: {"reason": "wrong drawer"},
    ),
    _get(
        "list_void_requests",
        lambda w: f"/void-requests?is_waiting=true&payment_id={w.void_request_id and w.payment_id}",
        EMPTY,
    ),
    Call("approve_void", lambda w: f"/void-requests/{w.void_request_id}/approval", lambda w: {}, 201),
    _post(
        "refuse_void",
        lambda w: f"/void-requests/{w.void_request_id}/refusal",
        lambda w: {"reason": "it was right"},
    ),
    _post(
        "refund_payment",
        lambda w: f"/payments/{w.payment_id}/refunds",
        lambda w: {"amount_minor": 100, "reason": "goodwill", "method": "bank_transfer"},
    ),
    _post(
        "request_refund",
        lambda w: f"/payments/{w.payment_id}/refund-requests",
        lambda w: {"amount_minor": 100, "reason": "goodwill", "method": "bank_transfer"},
    ),
    _get(
        "list_refund_requests",
        lambda w: f"/refund-requests?is_waiting=true&payment_id={w.refund_request_id and w.payment_id}",
        EMPTY,
    ),
    Call("approve_refund", lambda w: f"/refund-requests/{w.refund_request_id}/approval", lambda w: {}, 201),
    _post(
        "refuse_refund",
        lambda w: f"/refund-requests/{w.refund_request_id}/refusal",
        lambda w: {"reason": "it was right"},
    ),
    _post(
        "apply_deposits",
        lambda w: f"/patient-accounts/{w.deposit_id and w.charged.patient_account_id}/deposit-applications",
        lambda w: {"maximum_minor": 300},
    ),
    _post(
        "agree_payment_plan",
        lambda w: "/payment-plans",
        lambda w: {
            "patient_account_id": w.charged.patient_account_id,
            "encounter_id": w.encounter.id,
            "total_minor": 1100,
            "instalments": 3,
            "first_due_on": "2026-12-01",
        },
    ),
    _get("list_payment_plans", lambda w: f"/payment-plans?patient_account_id={w.patient.account_id}", EMPTY),
    _get("get_payment_plan", lambda w: f"/payment-plans/{w.plan_id}"),
    _post(
        "cancel_payment_plan",
        lambda w: f"/payment-plans/{w.plan_id}/cancellation",
        lambda w: {"reason": "moved away"},
    ),
    _post(
        "request_plan_change",
        lambda w: f"/payment-plans/{w.plan_id}/changes",
        lambda w: {"instalments": 3, "first_due_on": "2026-12-01", "reason": "lost the job"},
    ),
    _get(
        "list_plan_changes",
        lambda w: f"/payment-plan-changes?plan_id={w.plan_change_id and w.plan_id}",
        EMPTY,
    ),
    Call(
        "approve_plan_change",
        lambda w: f"/payment-plan-changes/{w.plan_change_id}/approval",
        lambda w: {},
        201,
    ),
    Call(
        "refuse_plan_change", lambda w: f"/payment-plan-changes/{w.plan_change_id}/refusal", lambda w: {}, 201
    ),
    _get(
        "get_plan_offer",
        lambda w: f"/patients/{w.offer_code and w.patient.id}/plan-offer?encounter_id={w.encounter.id}",
    ),
    _post(
        "accept_plan",
        lambda w: f"/patients/{w.patient.id}/plan-offer/acceptance",
        lambda w: {"code": w.offer_code, "encounter_id": w.encounter.id},
    ),
    _get("list_cash_points", lambda w: "/cash-points", OWN),
    _post(
        "check_gate",
        lambda w: "/gate-decisions",
        lambda w: {
            "step": "laboratory.process",
            "encounter_id": w.encounter.id,
            "order_id": w.test_order.id,
        },
    ),
    _get(
        "list_gate_decisions", lambda w: f"/gate-decisions?patient_id={w.decision_id and w.patient.id}", EMPTY
    ),
    _get("get_gate_decision", lambda w: f"/gate-decisions/{w.decision_id}"),
    _post(
        "grant_override",
        lambda w: "/overrides",
        lambda w: {
            "step": "consultation.start",
            "encounter_id": w.encounter.id,
            "reason": "cannot pay today",
            "expires_at": (w.at + timedelta(hours=2)).isoformat(),
        },
    ),
    _get("list_overrides", lambda w: f"/overrides?encounter_id={w.override.encounter_id}", EMPTY),
    _get("get_override", lambda w: f"/overrides/{w.override.id}"),
    _post(
        "revoke_override",
        lambda w: f"/overrides/{w.override.id}/revocation",
        lambda w: {"reason": "paid meanwhile"},
    ),
    _post(
        "review_override",
        lambda w: f"/overrides/{w.override.id}/reviews",
        lambda w: {"verdict": "accepted", "note": "seen with the ward"},
    ),
    _get("get_billing_status", lambda w: f"/patients/{w.charged.patient_id}/billing-status"),
    _get(
        "get_service_point_status",
        lambda w: (
            f"/steps/laboratory.process/status?encounter_id={w.encounter.id}&order_id={w.test_order.id}"
        ),
    ),
    _post(
        "order_tests",
        lambda w: "/orders/tests",
        lambda w: {"encounter_id": w.encounter.id, "services": ["blood_count"], "priority": "stat"},
    ),
    _post(
        "prescribe",
        lambda w: "/orders/prescriptions",
        lambda w: {
            "encounter_id": w.encounter.id,
            "medications": [{"service": "amoxicillin", "quantity": 20}],
        },
    ),
    _post(
        "admit",
        lambda w: "/orders/admissions",
        lambda w: {"encounter_id": w.encounter.id, "ward": "general_ward"},
    ),
    _get(
        "list_orders", lambda w: f"/orders?kind=prescriptions&patient_id={w.prescription.patient_id}", EMPTY
    ),
    _get("get_order", lambda w: f"/orders/tests/{w.test_order.id}"),
    _post(
        "cancel_order",
        lambda w: f"/orders/admissions/{w.admission.id}/cancellation",
        lambda w: {"reason": "went home"},
    ),
    _post(
        "check_in_patient",
        lambda w: "/check-in",
        lambda w: {"patient_id": w.patient.id, "department": "cardiology", "triage_level": 4},
    ),
    Call(
        "start_consultation",
        lambda w: f"/consultation/encounters/{w.encounter.id}/start",
        lambda w: {},
    ),
    Call(
        "finish_consultation",
        lambda w: f"/consultation/encounters/{w.started_encounter_id}/finish",
        lambda w: {},
    ),
    Call(
        "use_equipment",
        lambda w: f"/consultation/encounters/{w.encounter.id}/equipment-use",
        lambda w: {},
    ),
    _post(
        "provide_services",
        lambda w: f"/consultation/encounters/{w.encounter.id}/services",
        lambda w: {"lines": [{"service": "bandage"}]},
    ),
    _get("list_laboratory_orders", lambda w: f"/laboratory/orders?limit={w.test_order and 10}", EMPTY),
    _get("get_laboratory_order", lambda w: f"/laboratory/orders/{w.test_order.id}"),
    Call("process_order", lambda w: f"/laboratory/orders/{w.test_order.id}/processing", lambda w: {}),
    _post(
        "enter_result",
        lambda w: f"/laboratory/tests/{w.test_line_id}/results",
        lambda w: {"value": "4.5", "unit": "10*12/L"},
    ),
    _get(
        "list_samples",
        lambda w: f"/laboratory/orders/{w.sample_id and w.test_order.id}/samples",
    ),
    Call(
        "collect_samples",
        lambda w: f"/laboratory/orders/{w.test_line_id and w.test_order.id}/samples",
        lambda w: {},
        status=201,
    ),
    Call(
        "receive_sample",
        lambda w: f"/laboratory/samples/{w.sample_id}/receipt",
        lambda w: {},
        status=201,
    ),
    _post(
        "reject_sample",
        lambda w: f"/laboratory/samples/{w.sample_id}/rejection",
        lambda w: {"reason": "clotted"},
    ),
    _post(
        "verify_results",
        lambda w: f"/laboratory/orders/{w.result_id and w.test_order.id}/verifications",
        lambda w: {"result_ids": [w.result_id]},
    ),
    _post(
        "tell_critical",
        lambda w: f"/laboratory/results/{w.result_id}/critical-notice",
        lambda w: {"told_to": "Dr. Rao, by phone"},
    ),
    _get(
        "list_findings",
        lambda w: f"/orders/tests/{w.released_order_id}/findings",
    ),
    _post(
        "dispense",
        lambda w: f"/pharmacy/prescriptions/{w.prescription.id}/dispensings",
        lambda w: {"quantities": [{"line": 1, "quantity": "5"}]},
        status=200,
    ),
    _post(
        "substitute_medication",
        lambda w: f"/pharmacy/prescriptions/{w.substitutable_id}/substitutions",
        lambda w: {"line": 1, "service": "vitamins", "reason": "out of stock"},
    ),
    _post(
        "return_medication",
        lambda w: f"/pharmacy/dispensings/{w.dispensing_id}/returns",
        lambda w: {"quantity": "5", "is_sealed": True, "reason": "not needed"},
    ),
    _post(
        "receive_stock",
        lambda w: "/pharmacy/stock/receipts",
        lambda w: {
            "store": "pharmacy",
            "service": "vitamins",
            "batch_number": "V-2",
            "expires_on": "2150-01-31",
            "quantity": "30",
            "reference": "Delivery 17",
        },
        elsewhere=OWN,
    ),
    _post(
        "adjust_stock",
        lambda w: f"/pharmacy/stock/batches/{w.batch.id}/adjustments",
        lambda w: {"action": "removed", "quantity": "2", "reason": "broken"},
    ),
    _get("list_stock", lambda w: f"/pharmacy/stock?search={w.batch.number}", EMPTY),
    _get("get_stock_item", lambda w: f"/pharmacy/stock/{w.batch.item_id}"),
    _get("list_appointments", lambda w: f"/appointments?patient_id={w.appointment.patient_id}", EMPTY),
    _post(
        "book_appointment",
        lambda w: "/appointments",
        lambda w: {
            "patient_id": w.patient.id,
            "department": "cardiology",
            "starts_at": w.tomorrow.isoformat(),
            "reason": "control",
        },
    ),
    _post(
        "move_appointment",
        lambda w: f"/appointments/{w.appointment.id}/move",
        lambda w: {"starts_at": w.tomorrow.isoformat(), "minutes": 30},
        status=200,
    ),
    _post("end_appointment", lambda w: f"/appointments/{w.appointment.id}/end", lambda w: {}, status=200),
    _get(
        "list_messages",
        lambda w: f"/messages?state=failed&patient_id={w.failed_message_id and w.patient.id}",
        EMPTY,
    ),
    _post("resend_message", lambda w: f"/messages/{w.failed_message_id}/resending", lambda w: {}),
    _get("get_contact", lambda w: f"/patients/{w.patient.id}/contact"),
    _post(
        "set_contact",
        lambda w: f"/patients/{w.patient.id}/contact",
        lambda w: {"phone": "+1 555 0100", "email": "ada@example.org", "no_messages_by": ["sms"]},
    ),
    _post(
        "refer_patient",
        lambda w: "/orders/referrals",
        lambda w: {"encounter_id": w.encounter.id, "outside": "Dr House", "text": "Please see"},
    ),
    _get("list_beds", lambda w: "/ward/beds?ward=general_ward", OWN),
    _post(
        "assign_bed",
        lambda w: f"/ward/admissions/{w.admission.id}/bed",
        lambda w: {"bed_id": w.bed_id},
        status=200,
    ),
    _get("list_beds_of_admission", lambda w: f"/ward/admissions/{w.lying_admission.id}/beds"),
    _post(
        "transfer",
        lambda w: f"/ward/admissions/{w.lying_admission.id}/transfer",
        lambda w: {"bed_id": w.bed_id, "reason": "Next to the window"},
    ),
    _get("list_stay_corrections", lambda w: f"/ward/admissions/{w.corrected_admission.id}/corrections"),
    _post(
        "correct_stay",
        lambda w: f"/ward/admissions/{w.lying_admission.id}/corrections",
        lambda w: {"came_at": w.yesterday.isoformat(), "reason": "Came the day before"},
    ),
    _post(
        "preview_stay_correction",
        lambda w: f"/ward/admissions/{w.lying_admission.id}/corrections/preview",
        lambda w: {"came_at": w.yesterday.isoformat()},
        status=200,
    ),
    Call(
        "accrue_daily_charges",
        lambda w: f"/ward/admissions/{w.admission.id}/accrual",
        lambda w: {},
    ),
    _post(
        "discharge",
        lambda w: f"/ward/admissions/{w.admission.id}/discharge",
        lambda w: {"exception": "left against advice"},
        status=200,
    ),
]
BY_OPERATION = {call.operation: call for call in CALLS}


def operations() -> dict[str, dict[str, Any]]:
    return {
        one["operationId"]: {**one, "path": path, "method": method.upper()}
        for path, methods in document()["paths"].items()
        for method, one in methods.items()
    }


def send(client: ApiClient, call: Call, world: World) -> Any:
    """The request of ``call``; a POST whose document knows no body is sent without one."""
    operation = operations()[call.operation]
    path = call.path(world)
    if operation["method"] == "GET":
        return client.get(path)
    return client.post(path, call.body(world) if "requestBody" in operation and call.body else None)


def counts() -> dict[str, int]:
    """Rows of every tenant table that the open transaction sees."""
    return {
        model._meta.label: model._base_manager.count()
        for model in apps.get_models()
        if issubclass(model, TenantModel)
    }


@pytest.fixture
def world(db: None) -> World:
    return World()


def test_every_endpoint_is_called() -> None:
    assert set(BY_OPERATION) == set(operations())


@pytest.mark.parametrize("operation", BY_OPERATION)
def test_the_hospitals_own_key_gets_what_the_document_says(operation: str, world: World) -> None:
    call = BY_OPERATION[operation]
    response = send(world.owner, call, world)
    assert response.status_code == call.status, response.content
    if operations()[operation]["method"] == "GET" and operation != "list_payment_plans":
        assert response.json().get("items", [True]), "the list is empty"
    if "result" in response.json():
        assert response.json()["result"] is not None, response.json()["decision"]


@pytest.mark.parametrize("operation", BY_OPERATION)
def test_a_key_without_the_scope_is_refused_and_changes_nothing(operation: str, world: World) -> None:
    call = BY_OPERATION[operation]
    needed = operations()[operation]["security"][0]["ApiKey"]
    client = ApiClient(world.hospital.id, scopes=[scope for scope in all_scopes() if scope not in needed])
    call.path(world)
    if call.body:
        call.body(world)
    with world.hospital.transaction():
        before = counts()
    response = send(client, call, world)
    assert response.status_code == 403, response.content
    assert response.json()["code"] == "permission_refused"
    with world.hospital.transaction():
        assert counts() == before


@pytest.mark.parametrize("operation", BY_OPERATION)
def test_another_hospitals_key_finds_nothing_of_this_one(operation: str, world: World) -> None:
    call = BY_OPERATION[operation]
    call.path(world)
    if call.body:
        call.body(world)
    with world.hospital.transaction():
        before = counts()
    response = send(world.outsider, call, world)
    if call.elsewhere == EMPTY:
        assert response.status_code == 200
        assert response.json()["items"] == []
    elif call.elsewhere == OWN:
        assert response.status_code == call.status
        assert str(world.hospital.id) not in response.content.decode()
    else:
        assert response.status_code == call.elsewhere, response.content
    with world.hospital.transaction():
        assert counts() == before


@pytest.mark.parametrize("secret", ["", "alm_nobody"])
def test_without_a_key_no_endpoint_answers(secret: str, world: World) -> None:
    client = ApiClient(world.hospital.id)
    client.secret = secret
    for operation in operations().values():
        path = re.sub(r"{\w+}", str(world.hospital.id), operation["path"]).removeprefix("/api/v1")
        response = client.send(operation["method"], path)
        assert response.status_code == 401, path
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.json()["code"] == "invalid_key"


def test_no_endpoint_passes_over_a_parameter_that_it_does_not_know(world: World) -> None:
    for operation in operations().values():
        path = re.sub(r"{\w+}", str(world.hospital.id), operation["path"]).removeprefix("/api/v1")
        response = world.owner.send(operation["method"], path, parameters={"patientid": "1"})
        assert response.status_code == 422, path
        assert response.json()["code"] == "unknown_parameter"
        assert response.json()["field"] == "patientid"
