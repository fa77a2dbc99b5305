"""Payment plans: how they stand follows from what was paid, and what changes them takes who may, or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.transaction import atomic

from almoner.charging.models import ChargeItem
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, IdempotencyMismatch, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.patients.models import Encounter
from almoner.payments import operations as payments
from almoner.payments.corrections import cancel_with_reason
from almoner.payments.models import PaymentPlan, PlanInstalment
from almoner.payments.operations import PERMISSION_PLAN
from almoner.payments.plan_queries import PlanStanding, standing_of
from almoner.payments.plans import PlanStatus, Terms
from tests.support.hospital import NOON, TestHospital, TestPatient, make_hospital

FIRST = date(2026, 4, 1)
MONTHLY = Terms(3, FIRST)
ADA = Actor("user:ada@example.org", frozenset({PERMISSION_PLAN}), user_id=new_id())
BEN = Actor("user:ben@example.org", frozenset({PERMISSION_PLAN}), user_id=new_id())


@dataclass
class Planned:
    """A visit that owes 75.00, and a plan for it in three parts of 25.00 from 1 April on."""

    hospital: TestHospital
    patient: TestPatient
    visit: Encounter
    plan: PaymentPlan

    def agree(self, **fields: Any) -> PaymentPlan:
        return agree(self.hospital, self.patient, self.visit, **fields)

    def standing(self, at: datetime) -> PlanStanding:
        with self.hospital.transaction():
            return standing_of(self.plan, at)


def agree(
    hospital: TestHospital, patient: TestPatient, visit: Encounter | None, **fields: Any
) -> PaymentPlan:
    return payments.agree_plan(
        hospital.id,
        **{
            "patient_account_id": patient.account_id,
            "encounter_id": visit.id if visit else None,
            "total_minor": 7500,
            "terms": MONTHLY,
            "actor": ADA,
            "at": NOON,
            **fields,
        },
    )


@pytest.fixture
def planned(db: None) -> Planned:
    hospital = make_hospital()
    patient = hospital.patient()
    visit = hospital.encounter(patient)
    hospital.capture("service.provided", "consultation", encounter=visit)
    return Planned(hospital, patient, visit, agree(hospital, patient, visit))


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


@pytest.mark.parametrize(
    ("paid", "asked", "status", "behind", "missed", "next_due"),
    [
        (0, "2026-03-02", "on_track", 0, 0, ("2026-04-01", 2500)),
        (0, "2026-04-01", "on_track", 0, 0, ("2026-04-01", 2500)),
        (0, "2026-04-02", "behind", 2500, 1, ("2026-04-01", 2500)),
        (0, "2026-05-02", "behind", 5000, 2, ("2026-04-01", 2500)),
        (1000, "2026-04-02", "behind", 1500, 1, ("2026-04-01", 1500)),
        (2500, "2026-04-02", "on_track", 0, 0, ("2026-05-01", 2500)),
        (2499, "2026-05-02", "behind", 2501, 2, ("2026-04-01", 1)),
        (7499, "2026-06-01", "on_track", 0, 0, ("2026-06-01", 1)),
        (7499, "2026-06-02", "behind", 1, 1, ("2026-06-01", 1)),
        (7500, "2026-09-01", "completed", 0, 0, (None, 0)),
    ],
)
def test_how_a_plan_stands_follows_from_what_was_paid_and_the_day(
    planned: Planned,
    paid: int,
    asked: str,
    status: str,
    behind: int,
    missed: int,
    next_due: tuple[str | None, int],
) -> None:
    if paid:
        planned.hospital.pay(planned.patient, paid, at=NOON + timedelta(hours=1))
    standing = planned.standing(day(asked))
    assert (standing.status, standing.behind_minor, standing.missed) == (status, behind, missed)
    shown = standing.next_due_on.isoformat() if standing.next_due_on else None
    assert (shown, standing.next_due_minor, standing.paid_minor) == (*next_due, paid)


@pytest.mark.parametrize(
    ("grace", "asked", "status"), [(5, "2026-04-06", "on_track"), (5, "2026-04-07", "behind")]
)
def test_an_instalment_is_missed_after_its_grace(
    planned: Planned, grace: int, asked: str, status: str
) -> None:
    other = planned.hospital.encounter(planned.patient)
    planned.hospital.capture("service.provided", "consultation", encounter=other)
    plan = agree(planned.hospital, planned.patient, other, terms=Terms(3, FIRST, grace_days=grace))
    with planned.hospital.transaction():
        assert standing_of(plan, day(asked)).status == status


def test_the_down_payment_has_no_grace_and_is_waited_for_at_once(planned: Planned) -> None:
    hospital, patient = planned.hospital, planned.patient
    visit = hospital.encounter(patient)
    hospital.capture("service.provided", "consultation", encounter=visit)
    plan = agree(hospital, patient, visit, terms=Terms(2, FIRST, down_payment_minor=1500, grace_days=9))
    with hospital.transaction():
        assert standing_of(plan, NOON).status == PlanStatus.BEHIND
    hospital.pay(patient, 1500, encounter_id=visit.id)
    with hospital.transaction():
        assert standing_of(plan, NOON).status == PlanStatus.ON_TRACK


def test_the_day_is_the_hospitals_own(planned: Planned) -> None:
    late = datetime.fromisoformat("2026-04-02T02:00:00+00:00")
    assert planned.standing(late).status == PlanStatus.BEHIND
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE hospitals_hospital SET time_zone = 'America/New_York' WHERE id = %s",
            [planned.hospital.id],
        )
    assert planned.standing(late).status == PlanStatus.ON_TRACK


def test_a_void_puts_a_paid_plan_behind_again(planned: Planned) -> None:
    paid = planned.hospital.pay(planned.patient, 2500)
    assert planned.standing(day("2026-04-02")).status == PlanStatus.ON_TRACK
    payments.void_payment(
        planned.hospital.id,
        paid.payment_id,
        reason="typed twice",
        idempotency_key="void",
        actor=planned.hospital.actor,
        at=NOON,
    )
    assert planned.standing(day("2026-04-02")).status == PlanStatus.BEHIND


def test_what_was_paid_for_another_visit_or_before_does_not_count(planned: Planned) -> None:
    other = planned.hospital.encounter(planned.patient)
    captured = planned.hospital.capture("service.provided", "bandage", encounter=other)
    planned.hospital.pay(planned.patient, 1100, shares=[(captured.items[0]["id"], 1100)])
    planned.hospital.pay(planned.patient, 2500, at=NOON - timedelta(minutes=1))
    assert planned.standing(NOON).paid_minor == 0


def test_a_plan_of_the_account_covers_what_was_owed_then_and_nothing_later(db: None) -> None:
    hospital = make_hospital()
    patient = hospital.patient()
    hospital.capture("service.provided", "consultation", patient=patient)
    plan = agree(hospital, patient, None)
    later = NOON + timedelta(days=1)
    fresh = hospital.capture("service.provided", "bandage", patient=patient, at=later)
    hospital.pay(patient, 1100, shares=[(fresh.items[0]["id"], 1100)], at=later)
    with hospital.transaction():
        assert standing_of(plan, later).paid_minor == 0
    hospital.pay(patient, 2500, at=later)
    with hospital.transaction():
        assert standing_of(plan, later).paid_minor == 2500


def test_paid_before_the_last_day_it_is_settled_early(planned: Planned) -> None:
    planned.hospital.pay(planned.patient, 7500, at=day("2026-03-20"))
    standing = planned.standing(day("2026-03-21"))
    assert (standing.status, standing.settled_on) == (PlanStatus.COMPLETED, date(2026, 3, 20))


def test_when_nothing_is_owed_any_more_the_plan_is_completed(planned: Planned) -> None:
    with planned.hospital.transaction():
        item = ChargeItem.objects.get(encounter=planned.visit)
    cancel_with_reason(
        planned.hospital.id,
        item.id,
        reason="waived",
        idempotency_key="waived",
        actor=planned.hospital.actor,
        at=NOON,
    )
    assert planned.standing(day("2026-05-02")).status == PlanStatus.COMPLETED


def test_the_same_charges_are_never_of_two_plans(planned: Planned) -> None:
    for visit in (planned.visit, None):
        with pytest.raises(Conflict) as refused:
            agree(planned.hospital, planned.patient, visit)
        assert refused.value.code == "plan_in_force"
    payments.cancel_plan(planned.hospital.id, planned.plan.id, reason="moved away", actor=ADA, at=NOON)
    assert planned.agree().id != planned.plan.id


def test_a_cancelled_plan_is_cancelled_once_and_by_who_may(planned: Planned) -> None:
    def cancel(actor: Actor = ADA, **fields: Any) -> Any:
        return payments.cancel_plan(
            planned.hospital.id,
            **{"plan_id": planned.plan.id, "reason": "moved", "actor": actor, "at": NOON, **fields},
        )

    with pytest.raises(PermissionRefused):
        cancel(Actor("user:nobody", frozenset()))
    with pytest.raises(NotFound):
        cancel(plan_id=new_id())
    assert cancel().id == cancel().id
    assert planned.standing(day("2026-05-02")).status == PlanStatus.CANCELLED
    planned.hospital.pay(planned.patient, 2500, at=day("2026-05-03"))
    assert planned.standing(day("2026-05-04")).paid_minor == 0


def test_a_repeated_agreement_is_one_and_another_content_is_refused(planned: Planned) -> None:
    visit = planned.hospital.encounter(planned.patient)
    first = agree(planned.hospital, planned.patient, visit, idempotency_key="once-only")
    assert agree(planned.hospital, planned.patient, visit, idempotency_key="once-only").id == first.id
    with pytest.raises(IdempotencyMismatch):
        agree(planned.hospital, planned.patient, visit, idempotency_key="once-only", terms=Terms(2, FIRST))


def change(planned: Planned, key: str = "change-1", **fields: Any) -> Any:
    return payments.request_plan_change(
        planned.hospital.id,
        planned.plan.id,
        **{
            "terms": Terms(5, date(2026, 5, 1)),
            "reason": "lost the job",
            "idempotency_key": key,
            "actor": ADA,
            "at": NOON,
            **fields,
        },
    )


def test_what_is_left_is_paid_anew_after_a_second_person_agreed(planned: Planned) -> None:
    planned.hospital.pay(planned.patient, 2500, at=NOON + timedelta(hours=1))
    asked = change(planned)
    assert planned.standing(day("2026-04-02")).status == PlanStatus.ON_TRACK
    approved_at = day("2026-04-10")
    new = payments.approve_plan_change(planned.hospital.id, asked.id, actor=BEN, at=approved_at)
    again = payments.approve_plan_change(planned.hospital.id, asked.id, actor=BEN, at=approved_at)
    assert (new.total_minor, new.replaces_id, again.id) == (5000, planned.plan.id, new.id)
    assert planned.standing(approved_at).status == PlanStatus.REPLACED
    with planned.hospital.transaction():
        assert (
            list(
                PlanInstalment.objects.filter(plan=new)
                .order_by("number")
                .values_list("amount_minor", flat=True)
            )
            == [1000] * 5
        )
        assert standing_of(new, day("2026-04-11")).status == PlanStatus.ON_TRACK
        actions = list(AuditRecord.objects.order_by("at", "id").values_list("action", "actor"))
    assert ("payment_plan.change_requested", ADA.name) in actions
    assert actions.count(("payment_plan.agreed", BEN.name)) == 1


def test_nobody_approves_their_own_change(planned: Planned) -> None:
    asked = change(planned)
    with pytest.raises(Conflict) as refused:
        payments.approve_plan_change(planned.hospital.id, asked.id, actor=ADA, at=NOON)
    assert refused.value.code == "own_request"
    with pytest.raises(Conflict) as twice:
        change(planned, key="change-2")
    assert twice.value.code == "plan_change_requested"
    payments.refuse_plan_change(planned.hospital.id, asked.id, actor=BEN, at=NOON)
    with pytest.raises(Conflict):
        payments.approve_plan_change(planned.hospital.id, asked.id, actor=BEN, at=NOON)
    assert planned.standing(NOON).status == PlanStatus.ON_TRACK


def test_a_change_of_a_paid_plan_is_refused(planned: Planned) -> None:
    asked = change(planned)
    planned.hospital.pay(planned.patient, 7500, at=NOON + timedelta(hours=1))
    for attempt in (
        lambda: payments.approve_plan_change(planned.hospital.id, asked.id, actor=BEN, at=day("2026-03-03")),
        lambda: payments.cancel_plan(
            planned.hospital.id, planned.plan.id, reason="no", actor=BEN, at=day("2026-03-03")
        ),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "plan_ended"


def _without_its_parts(planned: Planned) -> None:
    PaymentPlan.objects.create(
        hospital_id=planned.hospital.id,
        patient_account_id=planned.patient.account_id,
        total_minor=100,
        currency="USD",
        agreed_at=NOON,
        agreed_by="x",
    )


def _with_one_part_more(planned: Planned) -> None:
    PlanInstalment.objects.create(
        hospital_id=planned.hospital.id, plan=planned.plan, number=9, due_on=FIRST, amount_minor=1
    )


@pytest.mark.parametrize("sabotage", [_without_its_parts, _with_one_part_more])
def test_the_database_refuses_a_plan_that_does_not_add_up(
    planned: Planned, sabotage: Callable[[Planned], None]
) -> None:
    with planned.hospital.transaction(), pytest.raises(IntegrityError, match="do not add up"), atomic():
        sabotage(planned)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_keeps_a_plan_as_it_was_agreed(planned: Planned) -> None:
    with (
        planned.hospital.transaction(),
        pytest.raises(Exception, match=r"permission|never changed"),
        atomic(),
    ):
        PaymentPlan.objects.filter(id=planned.plan.id).update(total_minor=1)
