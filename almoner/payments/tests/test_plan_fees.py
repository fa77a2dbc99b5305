"""What a payment plan costs: charged with it, part of its sum to the cent, taken back for the time not used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.catalog.models import Discount, Service
from almoner.charging.models import ChargeItem
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.ids import new_id
from almoner.patients.models import Encounter
from almoner.payments import operations as payments
from almoner.payments.models import PaymentPlan, PlanInstalment
from almoner.payments.operations.plan_fees import PLAN_FEE
from almoner.payments.plan_queries import PlanStanding, standing_of
from almoner.payments.plans import Frequency, PlanStatus, Terms
from tests.support.hospital import NOON, TestHospital, TestPatient, enforce, make_hospital

FIRST = date(2026, 4, 1)
MONTHLY = Terms(3, FIRST)


@dataclass
class Costly:
    """A visit that owes 75.00, where a plan costs 5.00 and 2.00 for each instalment."""

    hospital: TestHospital
    patient: TestPatient
    visit: Encounter

    def agree(self, terms: Terms = MONTHLY, **fields: Any) -> PaymentPlan:
        return payments.agree_plan(
            self.hospital.id,
            **{
                "patient_account_id": self.patient.account_id,
                "encounter_id": self.visit.id,
                "total_minor": 7500,
                "terms": terms,
                "actor": self.hospital.actor,
                "at": NOON,
                **fields,
            },
        )

    def standing(self, plan: PaymentPlan, at: datetime = NOON) -> PlanStanding:
        with self.hospital.transaction():
            return standing_of(plan, at)

    def fees(self) -> list[tuple[int | None, str]]:
        with self.hospital.transaction():
            return list(
                ChargeItem.objects.filter(rule_code=PLAN_FEE)
                .order_by("line")
                .values_list("net_minor", "status")
            )

    def owes(self) -> int:
        balance = self.hospital.balance(self.patient)
        return balance.receivable_minor if balance else 0

    def settle(self, plan: PaymentPlan, amount_minor: int, at: datetime) -> payments.Recorded | None:
        return payments.settle_plan(
            self.hospital.id,
            plan.id,
            amount_minor=amount_minor,
            method="card",
            cash_point="main",
            idempotency_key=f"settle-{plan.id}",
            actor=self.hospital.actor,
            at=at,
        )


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


def make_costly(**fees: int) -> Costly:
    hospital = make_hospital()
    with hospital.transaction():
        Service.objects.create(
            hospital_id=hospital.id, code=PLAN_FEE, name="Payment plan", kind=Service.Kind.OTHER
        )
    return owe(hospital, **fees)


def owe(hospital: TestHospital, **fees: int) -> Costly:
    enforce(hospital, "patient_category", "general", **fees)
    patient = hospital.patient()
    visit = hospital.encounter(patient)
    hospital.capture("service.provided", "consultation", encounter=visit)
    return Costly(hospital, patient, visit)


@pytest.fixture
def costly(db: None) -> Costly:
    return make_costly(plan_fee_amount_minor=500, plan_fee_per_instalment_minor=200)


def test_fees_are_charges_of_the_plan_and_part_of_its_sum(costly: Costly) -> None:
    plan = costly.agree()
    assert (plan.total_minor, plan.fees_minor) == (8600, 1100)
    assert costly.fees() == [(500, "billable"), *[(200, "billable")] * 3]
    assert costly.owes() == 8600
    costly.hospital.pay(costly.patient, 8600, encounter_id=costly.visit.id)
    assert costly.standing(plan).status == PlanStatus.COMPLETED


def test_given_amounts_come_to_the_sum_with_its_fees(costly: Costly) -> None:
    parts = ((FIRST, 4000), (date(2026, 5, 1), 3500))
    with pytest.raises(DomainError) as refused:
        costly.agree(Terms(frequency=Frequency.DATES, parts=parts))
    assert refused.value.detail["expected_minor"] == 7500 + 500 + 2 * 200
    assert costly.fees() == []


def test_who_may_agree_plans_charges_their_fee_and_a_repeated_request_charges_once(costly: Costly) -> None:
    clerk = Actor("user:clerk", frozenset({payments.PERMISSION_PLAN}), user_id=new_id())
    first = costly.agree(actor=clerk, idempotency_key="once")
    assert costly.agree(actor=clerk, idempotency_key="once") == first
    assert len(costly.fees()) == 4


def test_a_discount_on_the_fee_is_refused_instead_of_changing_what_was_shown(costly: Costly) -> None:
    with costly.hospital.transaction():
        Discount.objects.create(
            hospital_id=costly.hospital.id, code="all", name="All", percent=10, starts_on=date(2026, 1, 1)
        )
    enforce(costly.hospital, "patient_category", "general", plan_fee_amount_minor=500)
    with pytest.raises(Conflict) as refused:
        costly.agree()
    assert refused.value.code == "plan_fee_changed"


@pytest.mark.parametrize(
    ("paid", "asked", "rest"),
    [
        (0, "2026-03-10", 8000),
        (0, "2026-04-01", 8200),
        (2867, "2026-04-02", 8200 - 2867),
        (2867, "2026-05-02", 8400 - 2867),
        (2867, "2026-06-02", 8600 - 2867),
    ],
)
def test_settled_early_it_costs_nothing_for_the_days_to_come(
    costly: Costly, paid: int, asked: str, rest: int
) -> None:
    plan = costly.agree()
    if paid:
        costly.hospital.pay(costly.patient, paid, encounter_id=costly.visit.id, at=day("2026-03-20"))
    with pytest.raises(DomainError) as refused:
        costly.settle(plan, rest + 1, day(asked))
    assert refused.value.detail["rest_minor"] == rest
    assert costly.settle(plan, rest, day(asked)) is not None
    assert costly.owes() == 0
    assert costly.standing(plan, day(asked)).status == PlanStatus.COMPLETED
    again = costly.settle(plan, rest, day(asked))
    assert again is not None
    assert again.replayed


def test_cancelled_before_anything_was_paid_it_costs_nothing(costly: Costly) -> None:
    plan = costly.agree()
    payments.cancel_plan(
        costly.hospital.id, plan.id, reason="typed wrong", actor=costly.hospital.actor, at=NOON
    )
    assert {status for _, status in costly.fees()} == {"entered_in_error"}
    assert costly.owes() == 7500


def test_cancelled_later_the_agreement_and_the_days_that_came_are_paid_for(costly: Costly) -> None:
    plan = costly.agree()
    costly.hospital.pay(costly.patient, 2866, encounter_id=costly.visit.id, at=day("2026-03-30"))
    payments.cancel_plan(
        costly.hospital.id, plan.id, reason="moved", actor=costly.hospital.actor, at=day("2026-04-10")
    )
    assert [status for _, status in costly.fees()] == ["billable", "billable", *["entered_in_error"] * 2]
    assert costly.owes() == 7500 + 500 + 200 - 2866


def test_a_changed_plan_pays_for_its_own_instalments_and_no_second_agreement(costly: Costly) -> None:
    plan = costly.agree()
    costly.hospital.pay(costly.patient, 2866, encounter_id=costly.visit.id, at=day("2026-03-30"))
    clerk, other = (
        Actor(f"user:{name}", frozenset({payments.PERMISSION_PLAN}), user_id=new_id()) for name in "ab"
    )
    request = payments.request_plan_change(
        costly.hospital.id,
        plan.id,
        terms=Terms(5, date(2026, 4, 20)),
        reason="lost the job",
        idempotency_key="change",
        actor=clerk,
        at=day("2026-04-10"),
    )
    new = payments.approve_plan_change(costly.hospital.id, request.id, actor=other, at=day("2026-04-10"))
    assert new.fees_minor == 5 * 200
    assert new.total_minor == 7500 + 500 + 200 - 2866 + 1000 == costly.owes()
    assert costly.standing(new, day("2026-04-11")).status == PlanStatus.ON_TRACK
    costly.hospital.pay(costly.patient, new.total_minor, encounter_id=costly.visit.id, at=day("2026-04-12"))
    assert costly.standing(new, day("2026-04-12")).status == PlanStatus.COMPLETED


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fee=st.integers(min_value=0, max_value=999),
    each=st.integers(min_value=0, max_value=99),
    count=st.integers(min_value=1, max_value=12),
    down=st.integers(min_value=0, max_value=5000),
    paid=st.integers(min_value=0, max_value=6000),
    month=st.integers(min_value=3, max_value=12),
)
def test_whatever_a_plan_costs_it_adds_up_and_settled_early_nothing_is_left(
    costly: Costly, fee: int, each: int, count: int, down: int, paid: int, month: int
) -> None:
    costly = owe(costly.hospital, plan_fee_amount_minor=fee, plan_fee_per_instalment_minor=each)
    plan = costly.agree(Terms(count, FIRST, down_payment_minor=down))
    with costly.hospital.transaction():
        parts = list(PlanInstalment.objects.filter(plan=plan).values_list("amount_minor", flat=True))
    assert sum(parts) == plan.total_minor == 7500 + fee + each * count == costly.owes()
    if paid:
        costly.hospital.pay(costly.patient, paid, encounter_id=costly.visit.id, at=day("2026-03-05"))
    at = day(f"2026-{month:02d}-10")
    with pytest.raises(DomainError) as refused:
        costly.settle(plan, 10**9, at)
    costly.settle(plan, refused.value.detail["rest_minor"], at)
    assert costly.owes() == 0
    assert costly.standing(plan, at).status == PlanStatus.COMPLETED
