"""Every address × every role, as the hand-written table says; refused means that nothing changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from almoner.identity.roles import ROLES
from almoner.kernel.ids import new_id
from tests.access.table import ADMINISTRATOR, PATIENTS, PUBLIC, STAFF, TABLE
from tests.support.day import AT, BusyDay, make_busy_day, make_member
from tests.support.digest import rows_of_every_table
from tests.support.pages import HTMX, member_client


def addresses(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every named address of the pages (not of the API, which has its own table) with its pattern."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "ninja" and not str(pattern.pattern).startswith("api/"):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from addresses(pattern, inner)
        elif pattern.name is not None:
            yield f"{namespace}{pattern.name}", pattern
        else:
            yield f"{namespace}(unnamed {pattern.pattern})", pattern


ADDRESSES = dict(addresses(get_resolver()))
NAMING_ROWS = sorted(name for name in set(TABLE) & set(ADDRESSES) if ADDRESSES[name].pattern.converters)


def test_every_address_is_in_the_table_and_nothing_else() -> None:
    assert set(ADDRESSES) - PUBLIC - PATIENTS == set(TABLE)
    assert len(ADDRESSES) > 25


def test_the_table_knows_every_role() -> None:
    assert set(ROLES) == STAFF
    assert all(roles <= STAFF for _, roles in TABLE.values())


@pytest.fixture(scope="module")
def world(django_db_blocker: Any) -> Iterator[BusyDay]:
    """One busy hospital for the module, committed: refusals must not be told from rollbacks."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        yield make_staffed_day()


def make_staffed_day() -> BusyDay:
    """A busy hospital with a colleague whom nothing else is about."""
    world = make_busy_day()
    world.colleague_id = make_member(world.hospital.id, "porter").id
    return world


@pytest.fixture(scope="module")
def clients(world: BusyDay) -> dict[str, Client]:
    return {role: member_client(world.hospital.id, role) for role in ROLES}


def arguments(world: BusyDay, pattern: URLPattern, **wanted: object) -> dict[str, object]:
    """Something that exists for every part of an address; ``wanted`` where it stands there."""
    visit = world.visits["Maria Silva"]
    known: dict[str, object] = {
        "patient_id": world.patients["Maria Silva"].id,
        "duplicate_id": world.patients["Samuel Osei"].id,
        "encounter_id": visit.id,
        "step": "consultation.start",
        "user_id": world.colleague_id,
        "role_code": "cashier",
        "charge_code": "unknown",
        "template_code": "unknown",
        "kind": "unknown",
        "channel": "email",
        "locale": "en",
        **wanted,
    }
    return {part: known.get(part) or _some(world, part) for part in pattern.pattern.converters}


def _some(world: BusyDay, part: str) -> UUID | int:
    """The id of some row that this part of an address may mean; a number is 0."""
    if not part.endswith("_id"):
        return 0
    models = {
        "order_id": "orders.TestOrder",
        "prescription_id": "orders.Prescription",
        "admission_id": "orders.Admission",
        "payment_id": "payments.Payment",
        "override_id": "enforcement.Override",
        "charge_item_id": "charging.ChargeItem",
        "event_id": "charging.ClinicalEvent",
        "decision_id": "enforcement.GateDecision",
        "order_line_id": "orders.TestOrderLine",
        "sample_id": "laboratory.Sample",
        "result_id": "laboratory.TestResult",
        "bed_id": "hospitals.Bed",
        "dispensing_id": "pharmacy.Dispensing",
        "stock_item_id": "pharmacy.StockItem",
        "batch_id": "pharmacy.Batch",
        "invitation_id": "identity.Invitation",
        "appointment_id": "scheduling.Appointment",
        "session_id": "payments.CashSession",
        "void_request_id": "payments.VoidRequest",
        "refund_request_id": "payments.RefundRequest",
        "referral_id": "orders.Referral",
        "estimate_id": "estimates.Estimate",
        "plan_id": "payments.PaymentPlan",
        "patient_invitation_id": "portal.PatientInvitation",
        "plan_change_id": "payments.PlanChangeRequest",
        "message_id": "messaging.Message",
        "note_id": "consultation.ConsultationNote",
        "diagnosis_id": "patients.Diagnosis",
    }
    with world.hospital.transaction():
        row = apps.get_model(models[part]).objects.order_by("id").first()
    return row.pk if row else new_id()


@pytest.mark.parametrize("name", sorted(set(TABLE) & set(ADDRESSES)))
def test_an_address_lets_in_those_of_the_table_and_nobody_else(
    world: BusyDay, clients: dict[str, Client], name: str
) -> None:
    method, allowed = TABLE[name]
    address = reverse(name, kwargs=arguments(world, ADDRESSES[name]))
    with world.hospital.transaction():
        before = rows_of_every_table()
    for role in sorted(STAFF - allowed):
        for headers in ({}, HTMX):
            answer = clients[role].generic(method, address, headers=headers)
            assert answer.status_code == 403, (role, answer.status_code)
    with world.hospital.transaction():
        assert rows_of_every_table() == before, "a refused request changed something"
    for role in sorted(allowed):
        answer = clients[role].generic(method, address)
        assert answer.status_code < 500 and answer.status_code not in (401, 403, 405), (role, answer)


@pytest.mark.parametrize("name", sorted(name for name in ADDRESSES if TABLE.get(name, ("",))[0] == "GET"))
def test_no_key_does_two_things_on_one_page(world: BusyDay, clients: dict[str, Client], name: str) -> None:
    """Whoever may open everything sees every place of the bar beside the page's own keys."""
    _, allowed = TABLE[name]
    role = ADMINISTRATOR if ADMINISTRATOR in allowed else min(allowed)
    answer = clients[role].get(reverse(name, kwargs=arguments(world, ADDRESSES[name])), follow=True)
    pressed = Counter(re.findall(r'data-key="([^"]+)"', answer.content.decode(errors="replace")))
    assert {key for key, times in pressed.items() if times > 1} == set()


@pytest.mark.parametrize("name", sorted(set(TABLE) & set(ADDRESSES)))
def test_a_stranger_is_sent_to_log_in(world: BusyDay, name: str) -> None:
    method, _ = TABLE[name]
    address = reverse(name, kwargs=arguments(world, ADDRESSES[name]))
    assert Client().generic(method, address)["Location"].startswith("/login/")
    assert Client().generic(method, address, headers=HTMX).status_code == 401


@pytest.fixture(scope="module")
def elsewhere(world: BusyDay) -> BusyDay:
    """Another hospital, as busy as this one."""
    return make_staffed_day()


@pytest.mark.parametrize("name", NAMING_ROWS)
def test_another_hospitals_rows_are_not_there(
    elsewhere: BusyDay, clients: dict[str, Client], name: str
) -> None:
    """What belongs to another hospital is as unknown as what never was, and stays as it is."""
    method, allowed = TABLE[name]
    address = reverse(name, kwargs=arguments(elsewhere, ADDRESSES[name], role_code="nobodys_role"))
    with elsewhere.hospital.transaction():
        before = rows_of_every_table()
    for role in sorted(allowed):
        answer = clients[role].generic(method, address, headers=HTMX)
        assert answer.status_code == 404, (role, answer.status_code)
    with elsewhere.hospital.transaction():
        assert rows_of_every_table() == before
