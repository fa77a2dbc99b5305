"""Late fees: once a period for what is really overdue, by the most specific setting, and never on themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from almoner.catalog.models import Service
from almoner.charging.models import ChargeItem
from almoner.charging.operations import dispute_charge, resolve_dispute, transfer_to_payer
from almoner.enforcement.late_fees import (
    LATE_FEE,
    charge_late_fees,
    fee_minor,
    find_late_fees,
    period_of,
)
from almoner.enforcement.policy import FeePeriod, Settings
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound, PermissionRefused
from almoner.patients.models import Encounter
from almoner.payments.corrections import cancel_with_reason
from almoner.payments.operations import agree_plan
from almoner.payments.plans import Terms
from tests.support.hospital import NOON, TestHospital, TestPatient, enforce, make_hospital

LATER = NOON + timedelta(days=10)
FEES: dict[str, Any] = {"late_fees": "enabled", "late_fee_percent": "2", "grace_period": 5}


@dataclass
class Late:
    """A visit to cardiology that owes 75.00 since 2 March."""

    hospital: TestHospital
    patient: TestPatient
    visit: Encounter
    item_id: UUID

    def fees(self, at: datetime = LATER) -> list[int]:
        return [fee.amount_minor for fee in find_late_fees(self.hospital.id, at=at)]

    def charge(self, at: datetime = LATER) -> int:
        fees = find_late_fees(self.hospital.id, at=at)
        return len(charge_late_fees(self.hospital.id, fees, actor=self.hospital.actor, at=at))

    def charged(self) -> list[ChargeItem]:
        with self.hospital.transaction():
            return list(ChargeItem.objects.filter(rule_code=LATE_FEE).order_by("captured_at"))


def make_late(**settings: Any) -> Late:
    hospital = make_hospital()
    with hospital.transaction():
        Service.objects.create(
            hospital_id=hospital.id, code=LATE_FEE, name="Late fee", kind=Service.Kind.OTHER
        )
    enforce(hospital, "department", "cardiology", **{**FEES, **settings})
    patient = hospital.patient()
    visit = hospital.encounter(patient)
    captured = hospital.capture("service.provided", "consultation", encounter=visit)
    return Late(hospital, patient, visit, captured.items[0]["id"])


@pytest.fixture
def late(db: None) -> Late:
    return make_late()


@pytest.mark.parametrize(
    ("settings", "owed", "fee"),
    [
        ({"late_fee_percent": Decimal("1.5")}, 7500, 113),
        ({"late_fee_percent": Decimal("1.5")}, 100, 2),
        ({"late_fee_amount_minor": 500}, 1, 500),
        ({"late_fee_percent": Decimal(2), "late_fee_amount_minor": 500}, 7500, 650),
        ({}, 7500, 0),
    ],
)
def test_a_fee_is_its_percentage_and_its_fixed_amount(settings: dict[str, Any], owed: int, fee: int) -> None:
    assert fee_minor(Settings(**settings), owed, 1) == fee


@pytest.mark.parametrize(
    ("period", "day", "key"),
    [
        (FeePeriod.DAILY, date(2026, 3, 2), "2026-03-02"),
        (FeePeriod.WEEKLY, date(2026, 3, 8), "2026-W10"),
        (FeePeriod.WEEKLY, date(2027, 1, 1), "2026-W53"),
        (FeePeriod.MONTHLY, date(2026, 3, 31), "2026-03"),
        (None, date(2026, 3, 31), "2026-03"),
    ],
)
def test_periods_are_the_calendars(period: FeePeriod | None, day: date, key: str) -> None:
    assert period_of(period, day) == key


@pytest.mark.parametrize(("days", "fees"), [(0, []), (4, []), (5, []), (5.01, [150]), (40, [150])])
def test_nothing_is_late_within_its_grace(late: Late, days: float, fees: list[int]) -> None:
    assert late.fees(NOON + timedelta(days=days)) == fees


def test_a_period_bears_one_fee_however_often_it_is_run(late: Late) -> None:
    assert [late.charge(), late.charge(), late.charge(LATER + timedelta(days=3))] == [1, 0, 0]
    assert late.charge(LATER + timedelta(days=30)) == 1
    first, second = late.charged()
    assert (first.net_minor, second.net_minor) == (150, 150)
    assert first.encounter_id == late.visit.id
    assert first.delivered_at is not None


def test_what_changed_meanwhile_makes_no_second_fee_of_the_period(late: Late) -> None:
    foreseen = find_late_fees(late.hospital.id, at=LATER)
    late.charge()
    late.hospital.pay(late.patient, 5000, at=LATER)
    assert charge_late_fees(late.hospital.id, foreseen, actor=late.hospital.actor, at=LATER) == []
    assert len(late.charged()) == 1


def test_a_fee_that_was_waived_is_not_charged_again_for_its_period(late: Late) -> None:
    late.charge()
    [fee] = late.charged()
    cancel_with_reason(
        late.hospital.id,
        fee.id,
        reason="was in hospital elsewhere",
        idempotency_key="waive",
        actor=late.hospital.actor,
        at=LATER,
    )
    assert late.charge() == 0


def _paid(late: Late) -> None:
    late.hospital.pay(late.patient, 7500, at=LATER)


def _owed_by_the_payer(late: Late) -> None:
    with late.hospital.transaction():
        transfer_to_payer(
            late.item_id,
            payer_id=late.hospital.payer_id,
            amount_minor=7500,
            actor=late.hospital.actor,
            at=NOON,
        )


def _disputed(late: Late) -> None:
    dispute_charge(late.hospital.id, late.item_id, reason="Nobody saw me", actor=late.hospital.actor, at=NOON)


def _on_a_plan(late: Late) -> None:
    agree_plan(
        late.hospital.id,
        patient_account_id=late.patient.account_id,
        encounter_id=late.visit.id,
        total_minor=7500,
        terms=Terms(3, date(2026, 4, 1)),
        actor=late.hospital.actor,
        at=NOON,
    )


def _switched_off(late: Late) -> None:
    enforce(late.hospital, "service", "consultation", late_fees="disabled")


@pytest.mark.parametrize("spare", [_paid, _owed_by_the_payer, _disputed, _on_a_plan, _switched_off])
def test_what_bears_no_fee(late: Late, spare: Callable[[Late], None]) -> None:
    assert late.fees() == [150]
    spare(late)
    assert late.fees() == []


def test_a_plan_that_is_behind_spares_nothing(late: Late) -> None:
    _on_a_plan(late)
    assert late.fees(datetime.fromisoformat("2026-04-05T12:00:00+00:00")) == [150]


def test_a_resolved_dispute_spares_nothing_any_more(late: Late) -> None:
    _disputed(late)
    _disputed(late)
    resolve_dispute(
        late.hospital.id, late.item_id, note="The doctor noted the visit", actor=late.hospital.actor, at=NOON
    )
    assert late.fees() == [150]
    with pytest.raises(NotFound):
        resolve_dispute(late.hospital.id, late.item_id, note="again", actor=late.hospital.actor, at=NOON)


def test_a_dispute_needs_a_reason_a_permission_and_a_billed_charge(late: Late) -> None:
    with pytest.raises(PermissionRefused):
        dispute_charge(
            late.hospital.id, late.item_id, reason="x", actor=Actor("user:n", frozenset()), at=NOON
        )
    with pytest.raises(DomainError) as refused:
        dispute_charge(late.hospital.id, late.item_id, reason=" ", actor=late.hospital.actor, at=NOON)
    assert refused.value.field == "reason"
    unpriced = late.hospital.capture("service.provided", "unlisted", encounter=late.visit)
    with pytest.raises(Conflict):
        dispute_charge(
            late.hospital.id, unpriced.items[0]["id"], reason="x", actor=late.hospital.actor, at=NOON
        )


def test_without_the_service_it_says_what_to_add_and_charges_nothing(late: Late) -> None:
    with late.hospital.transaction(), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_service SET code = 'other_fee' WHERE code = %s", [LATE_FEE])
    with pytest.raises(DomainError) as refused:
        late.fees()
    assert refused.value.code == "late_fee_service_missing"


def test_fees_of_a_visit_stop_at_the_cap(db: None) -> None:
    late = make_late(late_fee_period="daily", late_fee_cap_minor=400)
    charged = [late.charge(LATER + timedelta(days=day)) for day in range(4)]
    assert charged == [1, 1, 1, 0]
    assert [item.net_minor for item in late.charged()] == [150, 150, 100]


def test_two_runs_at_once_charge_once(committed: None) -> None:
    late = make_late()
    start = Barrier(2)
    done: list[int] = []

    def run() -> None:
        fees = find_late_fees(late.hospital.id, at=LATER)
        start.wait(timeout=30)
        try:
            done.append(len(charge_late_fees(late.hospital.id, fees, actor=late.hospital.actor, at=LATER)))
        finally:
            connection.close()

    runs = [Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert sorted(done) == [0, 1]
    assert len(late.charged()) == 1
