"""Reminders: of what is due and overdue, once a step and a day, never of what is not the patient's to pay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.db.transaction import atomic, set_rollback
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.charging.operations import dispute_charge, resolve_dispute, transfer_to_payer
from almoner.enforcement.queries import billing_status
from almoner.enforcement.reminders import find_reminders
from almoner.hospitals.models import Hospital
from almoner.messaging.kinds import Notice
from almoner.payments.operations import agree_plan, cancel_plan
from almoner.payments.plans import Terms
from tests.support.hospital import NOON, TestPatient, change_configuration, enforce
from tests.support.outbox import Post, Reminding, make_reminding

DAY = timedelta(days=1)


@pytest.fixture
def house(db: None) -> Reminding:
    return make_reminding()


def charged(house: Reminding, at: datetime = NOON, service: str = "consultation") -> tuple[TestPatient, UUID]:
    """A patient, and what their visit to cardiology was charged at ``at``."""
    patient = house.patient()
    visit = house.hospital.encounter(patient, started_at=at)
    captured = house.hospital.capture("service.provided", service, encounter=visit, at=at)
    return patient, captured.items[0]["id"]


def found(house: Reminding, at: datetime) -> list[Notice]:
    with house.hospital.transaction():
        return find_reminders(house.hospital.id, at=at)


def said(house: Reminding, at: datetime) -> list[tuple[str, str, int]]:
    return [(one.kind, one.step, one.amount_minor) for one in found(house, at)]


def monthly(house: Reminding, time_zone: str = "UTC") -> None:
    """Charges fall due at the end of the month (section 4.1), by the clock of ``time_zone``."""
    Hospital.objects.filter(id=house.hospital.id).update(billing_cycle="monthly_batch", time_zone=time_zone)
    change_configuration(house.hospital)


@pytest.mark.parametrize(
    ("days", "notices"),
    [
        (0, []),
        (1, [("balance.overdue", "2026-03-02+1", 7500)]),
        (6, [("balance.overdue", "2026-03-02+1", 7500)]),
        (7, [("balance.overdue", "2026-03-02+7", 7500)]),
        (400, [("balance.overdue", "2026-03-02+21", 7500)]),
    ],
)
def test_what_is_overdue_is_told_at_its_steps(
    house: Reminding, days: int, notices: list[tuple[str, str, int]]
) -> None:
    charged(house)
    assert said(house, NOON + days * DAY) == notices


def test_the_steps_count_from_the_end_of_the_grace(house: Reminding) -> None:
    enforce(
        house.hospital,
        "hospital",
        payment_enforcement={"grace_periods": 5},
        service_policies={"payment_reminders": "enabled"},
    )
    charged(house)
    assert said(house, NOON + 5 * DAY) == []
    [notice] = found(house, NOON + 6 * DAY)
    assert (notice.step, notice.due_on) == ("2026-03-07+1", date(2026, 3, 2))


@pytest.mark.parametrize(
    ("day", "step"),
    [(2, None), (27, None), (28, None), (29, "2026-04-01-3"), (31, "2026-04-01-3")],
)
def test_what_falls_due_is_told_before(house: Reminding, day: int, step: str | None) -> None:
    monthly(house)
    patient, _ = charged(house)
    expected = [("balance.due_soon", step, 7500)] if step else []
    at = datetime(2026, 3, day, 13, tzinfo=UTC)
    assert said(house, at) == expected
    if step:
        status = billing_status(house.hospital.id, patient.id, at=at)
        assert status.next_payment_due_minor == 7500


def test_what_is_due_at_once_is_not_announced(house: Reminding) -> None:
    charged(house)
    monthly(house)
    charged(house, at=datetime(2026, 3, 30, 12, tzinfo=UTC))
    assert [kind for kind, _, _ in said(house, datetime(2026, 3, 30, 20, tzinfo=UTC))] == ["balance.overdue"]


@pytest.mark.parametrize(
    ("time_zone", "hour", "expected"),
    [
        ("UTC", 23, []),
        ("Asia/Kolkata", 19, ["balance.overdue"]),
        ("Asia/Kolkata", 18, []),
        ("America/New_York", 23, []),
    ],
)
def test_days_are_the_hospitals(house: Reminding, time_zone: str, hour: int, expected: list[str]) -> None:
    Hospital.objects.filter(id=house.hospital.id).update(time_zone=time_zone)
    charged(house)
    at = datetime(2026, 3, 2, hour, tzinfo=UTC)
    assert [kind for kind, _, _ in said(house, at)] == expected


def test_a_visit_is_told_of_in_one_message_and_as_its_status_says(house: Reminding) -> None:
    patient = house.patient()
    visit = house.hospital.encounter(patient)
    house.hospital.capture("service.provided", "consultation", "bandage", encounter=visit)
    house.hospital.capture("service.provided", "consultation", encounter=visit, at=NOON + DAY)
    at = NOON + 3 * DAY
    [notice] = found(house, at)
    assert notice.amount_minor == 16100
    assert notice.amount_minor == billing_status(house.hospital.id, patient.id, at=at).outstanding_minor


def test_what_a_payer_owes_or_is_disputed_is_not_told(house: Reminding) -> None:
    hospital = house.hospital
    patient = house.hospital.patient(insured=True)
    visit = hospital.encounter(patient)
    item = hospital.capture("service.provided", "consultation", encounter=visit).items[0]["id"]
    with hospital.transaction():
        transfer_to_payer(item, payer_id=hospital.payer_id, amount_minor=7000, actor=hospital.actor, at=NOON)
    assert [amount for _, _, amount in said(house, NOON + DAY)] == [500]
    dispute_charge(hospital.id, item, reason="was not there", actor=hospital.actor, at=NOON + DAY)
    assert said(house, NOON + DAY) == []
    resolve_dispute(hospital.id, item, note="he was", actor=hospital.actor, at=NOON + 2 * DAY)
    assert [amount for _, _, amount in said(house, NOON + 2 * DAY)] == [500]


def test_what_a_deposit_covers_is_not_told(house: Reminding) -> None:
    patient, _ = charged(house)
    house.hospital.pay(patient, 7500, shares=[], excess="deposit", at=NOON)
    assert said(house, NOON + DAY) == []


@pytest.mark.parametrize(
    ("scope", "subject", "said_there"),
    [
        ("hospital", "", {"service_policies": {"payment_reminders": "disabled"}}),
        ("department", "cardiology", {"payment_reminders": "disabled"}),
        ("service", "consultation", {"payment_reminders": "disabled"}),
        ("patient_category", "general", {"payment_reminders": "disabled"}),
    ],
)
def test_the_narrowest_setting_decides(
    house: Reminding, scope: str, subject: str, said_there: dict[str, object]
) -> None:
    charged(house)
    assert len(said(house, NOON + DAY)) == 1
    enforce(house.hospital, scope, subject, **said_there)
    assert said(house, NOON + DAY) == []


def plan_of(house: Reminding, grace_days: int = 0) -> tuple[TestPatient, UUID, UUID]:
    """A visit that owes 75.00, to be paid in three instalments from 10 March on: patient, item, plan."""
    hospital = house.hospital
    patient = house.patient()
    visit = hospital.encounter(patient)
    item = hospital.capture("service.provided", "consultation", encounter=visit).items[0]["id"]
    plan = agree_plan(
        hospital.id,
        patient_account_id=patient.account_id,
        encounter_id=visit.id,
        total_minor=7500,
        terms=Terms(instalments=3, first_due_on=date(2026, 3, 10), grace_days=grace_days),
        patient_agreed_by="Ada",
        idempotency_key=f"plan-{visit.id}",
        actor=hospital.actor,
        at=NOON,
    )
    return patient, item, plan.id


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (6, []),
        (7, [("instalment.due_soon", "2026-03-10-3", 2500)]),
        (10, [("instalment.due_soon", "2026-03-10-3", 2500)]),
        (11, [("instalment.missed", "2026-03-10+1", 2500)]),
        (18, [("instalment.missed", "2026-03-10+7", 2500)]),
    ],
)
def test_a_plan_is_told_of_by_its_instalments_alone(
    house: Reminding, day: int, expected: list[tuple[str, str, int]]
) -> None:
    plan_of(house)
    assert said(house, datetime(2026, 3, day, 13, tzinfo=UTC)) == expected


def test_a_plan_that_is_paid_cancelled_or_disputed_is_told_of_no_more(house: Reminding) -> None:
    hospital = house.hospital
    missed = datetime(2026, 3, 12, 13, tzinfo=UTC)
    (payer, _, _), (_, item, _), (_, _, ended) = plan_of(house), plan_of(house), plan_of(house)
    assert len(said(house, missed)) == 3
    hospital.pay(payer, 2500, at=missed)
    dispute_charge(hospital.id, item, reason="twice", actor=hospital.actor, at=missed)
    cancel_plan(hospital.id, ended, reason="moved away", actor=hospital.actor, at=missed)
    assert [kind for kind, _, _ in said(house, missed)] == ["balance.overdue"]


def test_whatever_days_it_is_run_on_each_step_is_sent_at_most_once_and_one_a_day(house: Reminding) -> None:
    house.rules(NOON, days_before=(7, 3), days_after=(1, 7, 21))
    monthly(house)
    patient, _ = charged(house)
    hours = st.integers(0, 24 * 45)

    @settings(max_examples=15)
    @given(
        runs=st.lists(st.tuples(hours, st.integers(1, 2)), min_size=1, max_size=8),
        payment=st.tuples(hours, st.integers(1, 7500)),
    )
    def run(runs: list[tuple[int, int]], payment: tuple[int, int]) -> None:
        with atomic():
            house.post = Post()
            play(house, patient, sorted(runs), *payment)
            set_rollback(True)

    run()


def play(
    house: Reminding, patient: TestPatient, runs: list[tuple[int, int]], paid_after: int, amount_minor: int
) -> None:
    """Run the reminders at hours after 10 March, some of them several times, and pay a part in between."""
    start, owed = datetime(2026, 3, 10, tzinfo=UTC), 7500
    for hour, times in runs:
        at = start + timedelta(hours=hour)
        if owed == 7500 and hour >= paid_after:
            house.hospital.pay(patient, amount_minor, at=at)
            owed -= amount_minor
        before = len(house.post.taken)
        for _ in range(times):
            house.write(at)
            house.send(at)
        assert {one.amount_minor for one in house.messages()[before:]} <= {owed}
    messages = house.messages()
    steps = [(one.kind, one.thing, one.step) for one in messages]
    days = [(one.thing, one.written_on) for one in messages]
    assert len(set(steps)) == len(set(days)) == len(messages) == len(house.post.taken) <= 5
    assert {one.state for one in messages} <= {"sent"}


def test_a_message_names_no_service_and_no_patient(house: Reminding) -> None:
    hospital = house.hospital
    patient = house.patient("Rosalind Franklin")
    visit = hospital.encounter(patient)
    hospital.capture("lab_test.ordered", "blood_count", encounter=visit)
    house.write(NOON + DAY)
    house.send(NOON + DAY)
    [sent] = house.post.taken
    for hidden in ("Blood", "blood", "Rosalind", "Franklin", "Laboratory", "laboratory", "cardiology"):
        assert hidden not in sent.subject + sent.body
