"""Payment plans offered by rule: for what, to whom, in which parts, and accepted only as they were shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from almoner.enforcement.facts import Subject
from almoner.enforcement.plan_acceptance import accept_plan_offer
from almoner.enforcement.plan_offers import Owing, PlanOffer, offer_for_patient
from almoner.enforcement.policy import Policies, read_settings
from almoner.enforcement.queries import billing_status, plan_offer, service_point_status
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, IdempotencyMismatch, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.patients.models import Encounter
from almoner.payments.models import PaymentPlan
from almoner.payments.operations import agree_plan, cancel_plan, void_payment
from almoner.payments.plans import Terms
from tests.support.hospital import NOON, TestHospital, TestPatient, enforce, make_hospital

TODAY = NOON.date()


@dataclass
class Owed:
    """A visit to cardiology that owes 75.00, at a hospital that offers plans by rule."""

    hospital: TestHospital
    patient: TestPatient
    visit: Encounter

    def offer(self, at: datetime = NOON, *, of_visit: bool = True, **more: Any) -> PlanOffer | None:
        encounter_id = self.visit.id if of_visit else None
        return plan_offer(self.hospital.id, self.patient.id, encounter_id, at=at, **more)

    def accept(self, **fields: Any) -> PaymentPlan:
        offer = self.offer()
        return accept_plan_offer(
            self.hospital.id,
            self.patient.id,
            self.visit.id,
            **{
                "code": offer.code if offer else "0" * 16,
                "idempotency_key": "accepted",
                "actor": self.hospital.actor,
                "at": NOON,
                **fields,
            },
        )


def owe(hospital: TestHospital, patient: TestPatient, **columns: Any) -> Owed:
    visit = hospital.encounter(patient, **columns)
    hospital.capture("service.provided", "consultation", encounter=visit)
    return Owed(hospital, patient, visit)


@pytest.fixture
def owed(db: None) -> Owed:
    hospital = make_hospital()
    enforce(hospital, "hospital", gate={"auto_payment_plans": "enabled"})
    return owe(hospital, hospital.patient())


def test_an_offer_adds_up_and_says_what_is_due_at_once(owed: Owed) -> None:
    offer = owed.offer()
    assert offer is not None
    assert (offer.total_minor, offer.down_payment_minor, offer.instalment_minor) == (7500, 1875, 1875)
    assert [(one.number, one.due_on) for one in offer.instalments] == [
        (0, TODAY),
        (1, date(2026, 4, 2)),
        (2, date(2026, 5, 2)),
        (3, date(2026, 6, 2)),
    ]


@given(
    total=st.integers(min_value=1, max_value=10**9),
    count=st.integers(min_value=1, max_value=120),
    percent=st.integers(min_value=0, max_value=90),
    step=st.sampled_from([1, 5, 100]),
)
def test_whatever_the_rules_an_offer_comes_to_what_is_owed(
    total: int, count: int, percent: int, step: int
) -> None:
    block = {"auto_payment_plans": "enabled", "plan_instalments": count, "plan_down_percent": percent}
    policies = Policies(1, hospital=read_settings("hospital", {"gate": block}))
    offer = offer_for_patient(policies, _owing([_charge(due_minor=total)], rounding_step_minor=step))
    if offer is None:
        assert count > total - total * percent // 100 - step
    else:
        assert sum(one.amount_minor for one in offer.instalments) == total
        assert all(one.amount_minor > 0 for one in offer.instalments)


def _charge(**values: Any) -> dict[str, Any]:
    return {
        "account_id": str(new_id()),
        "encounter_id": None,
        "department": "cardiology",
        "encounter_department": None,
        "service": "consultation",
        "steps": [],
        "planned": False,
        "due_minor": 7500,
        "visit_ended": False,
        "department_kind": None,
        "encounter_class": None,
        "triage_level": None,
        "conditions": None,
        **values,
    }


def _owing(items: list[dict[str, Any]], **values: Any) -> Owing:
    said = {"has_plan": False, "missed_on": None, "today": TODAY, "rounding_step_minor": 1, **values}
    return Owing(patient_id=new_id(), currency="USD", category="general", items=items, **said)


def test_charges_with_rules_of_their_own_make_the_most_careful_plan() -> None:
    account = str(new_id())
    policies = Policies(
        1,
        hospital=read_settings("hospital", {"gate": {"auto_payment_plans": "enabled"}}),
        services={
            "surgery": read_settings("service", {"plan_instalments": 12, "plan_down_percent": 10}),
            "bandage": read_settings("service", {"plan_instalments": 2, "plan_interval": "weekly"}),
        },
    )
    items = [_charge(service=code, account_id=account) for code in ("surgery", "bandage")]
    offer = offer_for_patient(policies, _owing(items))
    assert offer is not None
    terms = offer.terms
    assert (terms.instalments, terms.frequency, terms.down_payment_minor) == (2, "weekly", 3750)


@pytest.mark.parametrize(
    ("charge", "owing"),
    [
        ({"due_minor": None}, {}),
        ({"department_kind": "emergency"}, {}),
        ({"encounter_class": "emergency"}, {}),
        ({"triage_level": 2}, {}),
        ({"service": "never"}, {}),
        ({"service": "no_plans"}, {}),
        ({}, {"has_plan": True}),
        ({}, {"missed_on": date(2025, 3, 3)}),
    ],
)
def test_to_whom_no_plan_is_offered(charge: dict[str, Any], owing: dict[str, Any]) -> None:
    policies = Policies(
        1,
        hospital=read_settings("hospital", {"gate": {"auto_payment_plans": "enabled"}}),
        services={
            "never": read_settings("service", {"auto_payment_plans": "disabled"}),
            "no_plans": read_settings("service", {"payment_plans": "not_available"}),
        },
    )
    assert offer_for_patient(policies, _owing([_charge()])) is not None
    assert offer_for_patient(policies, _owing([_charge(**charge)], **owing)) is None
    over = (
        {"visit_ended": True}
        if charge.keys() & {"department_kind", "encounter_class", "triage_level"}
        else {}
    )
    if over:
        assert offer_for_patient(policies, _owing([_charge(**charge, **over)])) is not None


def test_a_missed_instalment_counts_for_as_long_as_the_rule_says() -> None:
    block = {"auto_payment_plans": "enabled", "plan_history_months": 6}
    policies = Policies(1, hospital=read_settings("hospital", {"gate": block}))
    for missed, offered in ((date(2025, 9, 2), True), (date(2025, 9, 3), False)):
        assert bool(offer_for_patient(policies, _owing([_charge()], missed_on=missed))) is offered


def test_what_is_owed_for_several_visits_is_offered_on_the_account(owed: Owed) -> None:
    alone = owed.offer(of_visit=False)
    assert alone is not None
    assert alone.encounter_id == owed.visit.id
    owe(owed.hospital, owed.patient)
    together = owed.offer(of_visit=False)
    assert together is not None
    assert (together.encounter_id, together.total_minor) == (None, 15000)
    assert billing_status(owed.hospital.id, owed.patient.id, at=NOON).plan_offer == together


def test_the_emergency_patient_is_offered_a_plan_when_discharged(owed: Owed) -> None:
    urgent = owe(owed.hospital, owed.hospital.patient("Ben"), triage_level=1)
    assert urgent.offer() is None
    assert urgent.offer(discharging=True) is not None


@pytest.mark.parametrize("auto", ["enabled", "disabled"])
def test_a_held_step_shows_the_plan_that_would_release_it(owed: Owed, auto: str) -> None:
    enforce(owed.hospital, "hospital", gate={"auto_payment_plans": auto})
    status = service_point_status(owed.hospital.id, "ward.discharge", Subject(owed.visit.id), at=NOON)
    assert not status.decision.may_proceed
    assert status.plan_offer == owed.offer()
    assert (status.plan_offer is not None) is (auto == "enabled")


def test_an_accepted_offer_is_a_plan_that_waits_for_its_down_payment(owed: Owed) -> None:
    plan = owed.accept(patient_agreed_by="Joao Silva")
    assert (plan.total_minor, plan.encounter_id, plan.patient_agreed_by) == (
        7500,
        owed.visit.id,
        "Joao Silva",
    )
    assert billing_status(owed.hospital.id, owed.patient.id, at=NOON).plan_status == "behind"
    assert owed.offer() is None
    owed.hospital.pay(owed.patient, 1875, encounter_id=owed.visit.id)
    assert billing_status(owed.hospital.id, owed.patient.id, at=NOON).plan_status == "on_track"


def test_accepted_twice_it_is_one_plan_and_other_content_is_refused(owed: Owed) -> None:
    offer = owed.offer()
    assert offer is not None
    first = owed.accept()
    assert owed.accept(code=offer.code) == first
    with pytest.raises(IdempotencyMismatch):
        owed.accept(code=offer.code, patient_agreed_by="somebody else")


def test_an_offer_that_has_changed_is_not_agreed(owed: Owed) -> None:
    shown = owed.offer()
    assert shown is not None
    owed.hospital.pay(owed.patient, 1000)
    with pytest.raises(Conflict) as refused:
        owed.accept(code=shown.code)
    assert refused.value.code == "offer_changed"
    with pytest.raises(PermissionRefused):
        owed.accept(actor=Actor("user:n", frozenset()))


def late(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


def missed_on(owed: Owed, at: datetime) -> date | None:
    with owed.hospital.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT payments_plan_missed_on(%s, ARRAY[%s]::uuid[], %s)",
            [owed.hospital.id, owed.patient.account_id, at],
        )
        return cursor.fetchone()[0]


def agree(owed: Owed, **terms: Any) -> PaymentPlan:
    return agree_plan(
        owed.hospital.id,
        patient_account_id=owed.patient.account_id,
        encounter_id=owed.visit.id,
        total_minor=7500,
        terms=Terms(**{"instalments": 3, "first_due_on": date(2026, 4, 1), **terms}),
        actor=owed.hospital.actor,
        at=NOON,
    )


@pytest.mark.parametrize(
    ("paid", "asked", "expected"),
    [
        ([], "2026-04-01", None),
        ([], "2026-04-02", "2026-04-01"),
        ([("2026-04-01", 2500)], "2026-04-20", None),
        ([("2026-04-02", 2500)], "2026-04-20", "2026-04-01"),
        ([("2026-03-20", 2500), ("2026-06-20", 5000)], "2026-07-01", "2026-06-01"),
        ([("2026-03-20", 7500)], "2026-07-01", None),
    ],
)
def test_an_instalment_was_missed_when_less_had_come_in_by_its_day(
    owed: Owed, paid: list[tuple[str, int]], asked: str, expected: str | None
) -> None:
    agree(owed)
    for day, amount in paid:
        owed.hospital.pay(owed.patient, amount, encounter_id=owed.visit.id, at=late(day))
    assert missed_on(owed, late(asked)) == (date.fromisoformat(expected) if expected else None)


def test_grace_a_voided_payment_and_the_end_of_a_plan_count(owed: Owed) -> None:
    plan = agree(owed, grace_days=3)
    assert missed_on(owed, late("2026-04-04")) is None
    assert missed_on(owed, late("2026-04-05")) == date(2026, 4, 4)
    paid = owed.hospital.pay(owed.patient, 2500, encounter_id=owed.visit.id, at=late("2026-04-01"))
    assert missed_on(owed, late("2026-04-05")) is None
    void_payment(
        owed.hospital.id,
        paid.payment_id,
        reason="bounced",
        idempotency_key="void",
        actor=owed.hospital.actor,
        at=late("2026-04-02"),
    )
    assert missed_on(owed, late("2026-04-05")) == date(2026, 4, 4)
    cancel_plan(owed.hospital.id, plan.id, reason="moved", actor=owed.hospital.actor, at=late("2026-04-20"))
    assert missed_on(owed, late("2026-09-01")) == date(2026, 4, 4)
    again = owe(owed.hospital, owed.patient)
    assert again.offer(late("2027-04-03")) is None
    assert again.offer(late("2027-04-03") + timedelta(days=1)) is not None
