"""Each key and value of sections 3.2, 4.1 and 4.2: loaded from YAML, driven through a service point over HTTP.

The values of a key stand under each other with what they come to; no two of them come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from almoner.interop.hospital_file.operations import load
from almoner.kernel.actor import system
from almoner.messaging.outbox import write_reminders
from almoner.patients.diagnoses import record_diagnosis
from tests.support.api import LABORATORY_SCOPES, ApiClient

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)
HOSPITAL = """
hospital: {slug: keys, name: Keys, currency: USD, time_zone: UTC}
departments:
  cardiology: {kind: specialist, consultation_fee: $75, equipment_fee: $25}
  laboratory: {kind: diagnostic}
  emergency: {consultation_fee: $50}
services:
  cbc: {name: Complete Blood Count, kind: laboratory, department: laboratory, price: $30}
  equipment_cardiology: {billing_rules: {payment_required: optional}}
cash_points:
  main: {name: Main}
"""


@dataclass
class Place:
    """The hospital over HTTP."""

    hospital_id: UUID
    client: ApiClient

    def send(self, path: str, body: object = None) -> Any:
        return self.client.post(path, body).json()

    def visit(self, *, category: str = "general", **fields: object) -> dict[str, Any]:
        """A patient who checked in to cardiology, or where ``department`` says."""
        patient = self.send("/patients", {"name": "Maria Lopez", "category": category})
        asked = {"patient_id": patient["id"], "department": "cardiology", **fields}
        checked_in = self.send("/check-in", asked)
        return {
            "patient": patient["id"],
            "encounter": checked_in["encounter"]["id"],
            "account": patient["account_id"],
        }

    def start(self, visit: dict[str, Any]) -> dict[str, Any]:
        return self.send(f"/consultation/encounters/{visit['encounter']}/start")["decision"]

    def order(self, visit: dict[str, Any], priority: str = "routine") -> str:
        asked = {"encounter_id": visit["encounter"], "services": ["cbc"], "priority": priority}
        return str(self.send("/orders/tests", asked)["id"])

    def process(self, order_id: str) -> str:
        return _says(self.send(f"/laboratory/orders/{order_id}/processing")["decision"])


def _says(decision: dict[str, Any]) -> str:
    return f"{decision['outcome']} {decision['reason_code']} {(decision['until'] or '')[:10]}".strip()


def start(place: Place) -> str:
    return _says(place.start(place.visit()))


def start_follow_up(place: Place) -> str:
    return _says(place.start(place.visit(visit_type="follow_up")))


def override(place: Place, **more: object) -> str:
    visit = place.visit()
    answer = place.client.post(
        "/overrides",
        {
            "step": "consultation.start",
            "encounter_id": visit["encounter"],
            "reason": "chest pain",
            "expires_at": "2026-03-04T18:00:00Z",
            **more,
        },
    )
    return "granted" if answer.status_code == 201 else str(answer.json()["code"])


def override_urgent(place: Place) -> str:
    return f"{override(place)}, {override(place, triage_level=3)}"


def override_condition(place: Place) -> str:
    return f"{override(place)}, {override(place, condition='chest_pain')}"


def start_and_override(place: Place) -> str:
    return f"{start(place)}, {override(place)}"


def plan_option(place: Place) -> str:
    decision = place.start(place.visit())
    return "plan" if "plan" in [option["code"] for option in decision["options"]] else "no plan"


def offered(place: Place, visit: dict[str, Any] | None = None) -> dict[str, Any]:
    """The plan that is offered for a visit; empty when none is."""
    visit = visit or place.visit()
    answer = place.client.get(f"/patients/{visit['patient']}/plan-offer?encounter_id={visit['encounter']}")
    return answer.json()["offer"] or {}


def plan_by_rule(place: Place) -> str:
    """How the consultation stands once what is offered was accepted and its down payment paid."""
    visit = place.visit()
    offer = offered(place, visit)
    if not offer:
        return f"nothing offered, {_says(place.start(visit))}"
    accepted = {"code": offer["code"], "encounter_id": visit["encounter"]}
    plan = place.send(f"/patients/{visit['patient']}/plan-offer/acceptance", accepted)
    before = _says(place.start(visit))
    paid = {
        "patient_account_id": visit["account"],
        "encounter_id": visit["encounter"],
        "method": "card",
        "amount_minor": offer["down_payment_minor"],
        "currency": "USD",
        "cash_point": "main",
    }
    place.send("/payments", paid)
    return f"{plan['status']} {before}, {_says(place.start(visit))}"


def terms_offered(place: Place) -> str:
    return " ".join(f"{one['due_on']}:{one['amount_minor']}" for one in offered(place).get("instalments", ()))


def staff_offered(place: Place) -> str:
    return f"{bool(offered(place, place.visit(category='staff')))}, {bool(offered(place))}"


def pay_a_part(place: Place, visit: dict[str, Any] | None = None) -> str:
    answer = place.client.post(
        "/payments",
        {
            "patient_account_id": (visit or place.visit())["account"],
            "method": "card",
            "amount_minor": 5000,
            "currency": "USD",
            "cash_point": "main",
        },
    )
    return "taken" if answer.status_code == 201 else str(answer.json()["code"])


def start_partly_paid(place: Place) -> str:
    visit = place.visit()
    assert pay_a_part(place, visit) == "taken"
    return _says(place.start(visit))


def due(place: Place) -> str:
    status = place.client.get(f"/patients/{place.visit()['patient']}/billing-status").json()
    return f"{status['payment_status']} {status['next_payment_due'][:16]}"


def start_then_equipment(place: Place) -> str:
    visit = place.visit()
    started = _says(place.start(visit))
    used = place.send(f"/consultation/encounters/{visit['encounter']}/equipment-use")
    return f"{started}, {_says(used['decision'])}"


def triaged(place: Place) -> str:
    return ", ".join(_says(place.start(place.visit(triage_level=level))) for level in (1, 2, 3))


def came_with_conditions(place: Place) -> str:
    """Who says at check-in what it is, who is found to have it, and who is asked again at triage."""
    said = place.visit(reason="Chest pain since noon")
    found = place.visit(reason="Check-up")
    heart_attack = {"text": "Heart attack", "code": "I21.9", "idempotency_key": "found"}
    record_diagnosis(place.hospital_id, UUID(found["encounter"]), actor=system("test"), at=AT, **heart_attack)
    triaged = place.visit(reason="Feels unwell")
    asked = {"triage_level": 4, "reason": "Has chest pain"}
    assert place.send(f"/encounters/{triaged['encounter']}/triage", asked)["reason"] == "Has chest pain"
    return ", ".join(_says(place.start(visit)) for visit in (said, found, triaged))


def triaged_with_chest_pain(place: Place) -> str:
    visits = [place.visit(reason="chest pain", triage_level=level) for level in (3, 4)]
    return ", ".join(_says(place.start(visit)) for visit in visits)


def laboratory(place: Place) -> str:
    visit = place.visit()
    return f"{place.process(place.order(visit))}, {place.process(place.order(visit, 'stat'))}"


def details(place: Place) -> str:
    order_id = place.order(place.visit())
    technician = ApiClient(place.hospital_id, scopes=LABORATORY_SCOPES)
    shown = technician.get(f"/laboratory/orders/{order_id}").content.decode()
    seen = "seen" if "Complete Blood Count" in shown else "hidden"
    return f"{place.process(order_id)}, {seen}"


def staff_and_others(place: Place) -> str:
    return f"{_says(place.start(place.visit(category='staff')))}, {start(place)}"


def emergency_and_others(place: Place) -> str:
    return f"{_says(place.start(place.visit(department='emergency')))}, {start(place)}"


def reminders(place: Place) -> str:
    """What the reminders of the days after the visit come to, as ``GET /messages`` lists them."""
    visit = place.visit()
    place.client.post(f"/patients/{visit['patient']}/contact", {"email": "maria@example.org"})
    for days in (1, 2, 7):
        write_reminders(place.hospital_id, at=AT + timedelta(days=days))
    listed = place.client.get(f"/messages?patient_id={visit['patient']}").json()["items"]
    return ", ".join(f"{one['kind']} {one['state']}" for one in listed) or "nothing"


HELD, REMINDED = "held payment_required", "reminded reminder"


def _global(key: str, level: str) -> str:
    return f"system_configuration: {{{{payment_enforcement: {{{{global_policy: {level}, {key}: {{0}}}}}}}}}}"


def _gate(key: str, level: str = "strict") -> str:
    gate = f"gate: {{{{{key}: {{0}}}}}}"
    return f"system_configuration: {{{{payment_enforcement: {{{{global_policy: {level}}}}}, {gate}}}}}"


def _service(key: str, more: str = "payment_required: mandatory") -> str:
    rules = f"{{{{{key}: {{0}}, {more}}}}}" if more else f"{{{{{key}: {{0}}}}}}"
    return f"per_service_configuration: {{{{service_id: consultation_cardiology, billing_rules: {rules}}}}}"


def _auto(terms: str, *, enabled: str = "auto_payment_plans: enabled, ") -> str:
    return _gate("KEY", "moderate").replace("KEY: {0}", enabled + terms)


Scenario = Callable[[Place], str]
TABLE: list[tuple[str, str, Scenario, dict[str, str]]] = [
    (
        "4.1 global_policy",
        "system_configuration: {{payment_enforcement: {{global_policy: {0}}}}}",
        start_and_override,
        {
            "strict": f"{HELD}, granted",
            "moderate": "held not_essential, granted",
            "flexible": f"{REMINDED}, granted",
            "emergency_only": f"{HELD}, triage_not_urgent",
        },
    ),
    (
        "4.1 global_policy and the emergency department",
        "system_configuration: {{payment_enforcement: {{global_policy: {0}}}}}",
        emergency_and_others,
        {
            "emergency_only": f"overridden emergency, {HELD}",
            "flexible": f"overridden emergency, {REMINDED}",
        },
    ),
    (
        "4.1 emergency_override",
        _global("emergency_override", "strict"),
        override_urgent,
        {
            "always": "granted, granted",
            "conditional": "triage_not_urgent, granted",
            "never": "override_not_allowed, override_not_allowed",
        },
    ),
    (
        "4.1 payment_plans",
        _global("payment_plans", "moderate"),
        plan_option,
        {"enabled": "plan", "disabled": "no plan"},
    ),
    (
        "4.1 auto_payment_plans",
        _auto("auto_payment_plans: {0}", enabled=""),
        plan_by_rule,
        {
            "enabled": "behind held not_essential, allowed plan",
            "disabled": "nothing offered, held not_essential",
        },
    ),
    (
        "auto_payment_plans of a category of patients",
        "patient_categories: {{staff: {{auto_payment_plans: {0}}}}}",
        staff_offered,
        {"enabled": "True, False", "disabled": "False, False"},
    ),
    (
        "plan_minimum",
        _auto("plan_minimum: {0}"),
        lambda place: str(bool(offered(place))),
        {"$100": "True", "$100.01": "False"},
    ),
    (
        "plan_maximum",
        _auto("plan_maximum: {0}"),
        lambda place: str(bool(offered(place))),
        {"$100": "True", "$99.99": "False"},
    ),
    (
        "plan_instalments",
        _auto("plan_instalments: {0}"),
        terms_offered,
        {
            "1": "2026-03-04:2500 2026-04-04:7500",
            "2": "2026-03-04:2500 2026-04-04:3750 2026-05-04:3750",
        },
    ),
    (
        "plan_interval",
        _auto("plan_instalments: 1, plan_interval: {0}"),
        terms_offered,
        {
            "weekly": "2026-03-04:2500 2026-03-11:7500",
            "fortnightly": "2026-03-04:2500 2026-03-18:7500",
            "monthly": "2026-03-04:2500 2026-04-04:7500",
        },
    ),
    (
        "plan_down_percent",
        _auto("plan_instalments: 1, plan_down_percent: {0}"),
        terms_offered,
        {"0": "2026-04-04:10000", "10": "2026-03-04:1000 2026-04-04:9000"},
    ),
    (
        "4.1 grace_periods",
        _global("grace_periods", "moderate"),
        start,
        {
            "0 days": "held not_essential",
            "1 day": "deferred grace 2026-03-05",
            "7 days": "deferred grace 2026-03-11",
            "30": "deferred grace 2026-04-03",
        },
    ),
    (
        "4.1 allow_partial_payments",
        "system_configuration: {{service_policies: {{allow_partial_payments: {0}}}}}",
        pay_a_part,
        {"enabled": "taken", "disabled": "part_not_allowed"},
    ),
    (
        "4.1 billing_cycle",
        "system_configuration: {{billing_cycle: {0}}}",
        due,
        {
            "real_time": "Payment Due 2026-03-04T14:00",
            "daily_batch": "Good Standing 2026-03-05T00:00",
            "weekly_batch": "Good Standing 2026-03-09T00:00",
            "monthly_batch": "Good Standing 2026-04-01T00:00",
        },
    ),
    (
        "4.1 payment_reminders",
        "system_configuration: {{service_policies: {{payment_reminders: {0}}}}}",
        reminders,
        {"enabled": "balance.overdue queued, balance.overdue queued", "disabled": "nothing"},
    ),
    (
        "payment_reminders of a service",
        _service("payment_reminders", ""),
        reminders,
        {"enabled": "balance.overdue queued, balance.overdue queued", "disabled": "nothing"},
    ),
    (
        "payment_reminders of a department",
        (
            "departments: {{cardiology: {{kind: specialist, consultation_fee: $75, equipment_fee: $25,"
            " payment_reminders: {0}}}}}"
        ),
        reminders,
        {"enabled": "balance.overdue queued, balance.overdue queued", "disabled": "nothing"},
    ),
    (
        "4.2 charge_timing",
        _service("charge_timing"),
        start_then_equipment,
        {
            "on_checkin": f"{HELD}, {HELD}",
            "before_service": f"{HELD}, {REMINDED}",
            "during_service": f"allowed asked_later, {HELD}",
            "after_service": f"allowed asked_later, {REMINDED}",
        },
    ),
    (
        "4.2 payment_required",
        _service("payment_required", ""),
        start,
        {"mandatory": HELD, "optional": REMINDED, "deferred": "held not_essential"},
    ),
    (
        "4.2 payment_timing",
        _service("payment_timing") + "\nsystem_configuration: {{billing_cycle: monthly_batch}}",
        due,
        {
            "immediate": "Payment Due 2026-03-04T14:00",
            "within_24h": "Good Standing 2026-03-05T14:00",
            "end_of_visit": "Good Standing 2026-03-05T00:00",
            "monthly": "Good Standing 2026-04-01T00:00",
        },
    ),
    (
        "4.2 emergency_override",
        _service("emergency_override"),
        override,
        {"allowed": "granted", "not_allowed": "override_not_allowed"},
    ),
    (
        "4.2 partial_payment",
        _service("partial_payment"),
        pay_a_part,
        {"allowed": "taken", "not_allowed": "part_not_allowed"},
    ),
    (
        "4.2 payment_plans",
        _service("payment_plans", "payment_required: deferred"),
        plan_option,
        {"available": "plan", "not_available": "no plan"},
    ),
    (
        "4.2 grace_period",
        _service("grace_period", "payment_required: deferred"),
        start,
        {"0 days": "held not_essential", "30 days": "deferred grace 2026-04-03"},
    ),
    (
        "4.2 service_blocking",
        _service("service_blocking"),
        start,
        {"enabled": HELD, "disabled": REMINDED},
    ),
    (
        "3.2 how hard a module blocks",
        "module_rules: {{consultation: {{payment_enforcement: {0}}}}}",
        start_follow_up,
        {
            "strict": HELD,
            "moderate": "deferred essential 2026-03-07",
            "flexible": REMINDED,
            "none": "allowed not_enforced",
        },
    ),
    (
        "3.2 what a module allows",
        "module_rules: {{laboratory: {{payment_enforcement: strict, allow: {0}}}}}",
        laboratory,
        {"[]": f"{HELD}, {HELD}", "[stat]": f"{HELD}, allowed always_allowed"},
    ),
    (
        "3.2 what a module defers",
        "module_rules: {{consultation: {{payment_enforcement: strict, defer: {0}}}}}",
        start_follow_up,
        {"[elective]": HELD, "[follow_up]": "deferred essential 2026-03-07"},
    ),
    (
        "3.2 hiding test details",
        "module_rules: {{laboratory: {{payment_enforcement: strict, hide_test_details: {0}}}}}",
        details,
        {"true": f"{HELD}, hidden", "false": f"{HELD}, seen"},
    ),
    (
        "a category of patients",
        "patient_categories: {{staff: {{payment_enforcement: {0}}}}}",
        staff_and_others,
        {"strict": f"{HELD}, {REMINDED}", "none": f"allowed not_enforced, {REMINDED}"},
    ),
    (
        "minimum_part_percent",
        _gate("minimum_part_percent"),
        start_partly_paid,
        {"66": "reminded part_paid", "67": HELD},
    ),
    (
        "8.1 critical_triage",
        _gate("critical_triage"),
        triaged,
        {
            "1": f"overridden emergency, {HELD}, {HELD}",
            "2": f"overridden emergency, overridden emergency, {HELD}",
            "3": "overridden emergency, overridden emergency, overridden emergency",
        },
    ),
    (
        "8.1 critical_conditions",
        _gate("critical_conditions"),
        came_with_conditions,
        {
            "[chest_pain]": f"overridden critical_condition, {HELD}, overridden critical_condition",
            "[I21]": f"{HELD}, overridden critical_condition, {HELD}",
            "[labour]": f"{HELD}, {HELD}, {HELD}",
        },
    ),
    (
        "8.1 critical_condition_triage",
        _gate("critical_condition_triage").replace("gate: {{", "gate: {{critical_conditions: [chest_pain], "),
        triaged_with_chest_pain,
        {
            "3": f"overridden critical_condition, {HELD}",
            "4": "overridden critical_condition, overridden critical_condition",
        },
    ),
    (
        "8.1 override_conditions",
        _gate("override_conditions").replace("strict", "strict, emergency_override: conditional"),
        override_condition,
        {
            "[chest_pain]": "triage_not_urgent, granted",
            "[labour]": "triage_not_urgent, triage_not_urgent",
        },
    ),
]
ROWS = [
    pytest.param(text.format(value), scenario, expected, id=f"{key}: {value}")
    for key, text, scenario, values in TABLE
    for value, expected in values.items()
]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("almoner.hospitals.callers.now", lambda: AT)
    hospital_id = load(HOSPITAL, actor=system("test"), at=AT).hospital_id
    yield Place(hospital_id, ApiClient(hospital_id))


@pytest.mark.parametrize(("text", "scenario", "expected"), ROWS)
def test_a_value_of_a_key_makes_its_difference(
    place: Place, text: str, scenario: Scenario, expected: str
) -> None:
    load(text, hospital="keys", actor=system("test"), at=AT)
    assert scenario(place) == expected


def test_no_two_values_of_a_key_come_to_the_same() -> None:
    for key, _, _, values in TABLE:
        assert len(set(values.values())) == len(values), key
