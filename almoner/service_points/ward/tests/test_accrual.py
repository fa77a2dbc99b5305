"""Time charges, percentages and triggered charges of stays: each once, put right when facts change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.models import ChargeDefinition, ChargeItem
from almoner.charging.operations import price_unpriced
from almoner.orders.models import Admission
from almoner.payments.operations import cancel_charge
from almoner.service_points.ward.accrual import foresee_hospital, settle
from almoner.service_points.ward.preview import preview_on_stay
from tests.support.hospital import TestPatient
from tests.support.ward import WardHospital, make_ward_hospital

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.fixture
def place() -> WardHospital:
    return make_ward_hospital()


def _patient_of(place: WardHospital, admission_id: UUID) -> TestPatient:
    with place.hospital.transaction():
        item = ChargeItem.objects.filter(order_id=admission_id).earliest("id")
        return TestPatient(item.patient_id, item.patient_account_id)


def _encounter(place: WardHospital, admission_id: UUID):
    with place.hospital.transaction():
        return Admission.objects.select_related("encounter").get(id=admission_id).encounter


def _amounts(place: WardHospital, admission_id: UUID, code: str) -> list[tuple[str, int | None]]:
    return [(item.service_period, item.net_minor) for item in place.charges(admission_id, code)]


def test_a_paid_day_that_moves_to_another_ward_keeps_its_money_for_the_stay(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000, ward_types=("general",))
    place.define("icu", "daily", rate_minor=85000, ward_types=("icu",))
    admission_id = place.admit("general", START)
    patient = _patient_of(place, admission_id)
    place.hospital.pay(patient, 20000, at=START)
    place.move(admission_id, "icu", START + timedelta(hours=5))
    assert _amounts(place, admission_id, "room") == []
    assert _amounts(place, admission_id, "icu") == [("2026-03-02", 85000)]
    balance = place.hospital.balance(patient)
    assert balance is not None
    assert (balance.receivable_minor, balance.deposit_minor) == (65000, 0)


def test_what_billing_took_back_by_hand_is_not_charged_again(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000)
    admission_id = place.admit("general", START)
    [first] = place.charges(admission_id)
    cancel_charge(place.id, first.id, actor=place.hospital.actor, at=START)
    place.run(START + timedelta(days=1))
    settle(place.id, admission_id, actor=place.hospital.actor, at=START + timedelta(days=1))
    assert _amounts(place, admission_id, "room") == [("2026-03-03", 20000)]


def test_a_new_version_charges_no_period_again(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000)
    admission_id = place.admit("general", START)
    place.run(START + timedelta(days=1))
    place.define("room", "daily", rate_minor=30000, starts_on=date(2026, 3, 1))
    for days in (1, 2):
        place.run(START + timedelta(days=days, hours=1))
        settle(place.id, admission_id, actor=place.hospital.actor, at=START + timedelta(days=days, hours=1))
    charged = place.charges(admission_id)
    assert [(item.net_minor, item.rule_version) for item in charged] == [(20000, 1), (20000, 1), (30000, 2)]


def test_a_price_that_billing_states_for_a_failed_condition_stands(place: WardHospital) -> None:
    place.define("senior", "daily", rate_minor=2000, condition="patient_age >= 65")
    admission_id = place.admit("general", START)
    [item] = place.charges(admission_id)
    assert (item.status, item.price_source) == ("unpriced", "condition failed: patient_age not known")
    with place.hospital.transaction():
        price_unpriced(item.id, unit_price_minor=1500, actor=place.hospital.actor, at=START)
    settle(place.id, admission_id, actor=place.hospital.actor, at=START + timedelta(hours=1))
    [item] = place.charges(admission_id)
    assert (item.status, item.net_minor, item.delivered_at is not None) == ("billable", 1500, True)


def test_a_dry_run_tells_what_the_run_then_charges(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000)
    place.define("watch", "hourly", rate_minor=100)
    admission_id = place.admit("general", START)
    until = START + timedelta(days=2)
    before = len(place.charges(admission_id))
    told = list(foresee_hospital(place.id, until=until, at=until))
    assert len(place.charges(admission_id)) == before
    run = place.run(until)
    assert (run.stays, run.charges) == (1, len(told)) and len(told) == 2 + 48
    assert list(foresee_hospital(place.id, until=until, at=until)) == []


def test_one_stay_that_cannot_be_charged_keeps_no_other_from_it(
    place: WardHospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    from almoner.service_points.ward import accrual

    place.define("room", "daily", rate_minor=20000)
    broken, sound = place.admit("general", START), place.admit("general", START, name="Grace")
    plan = accrual.plan_stay

    def plan_but_one(stay, *args, **kwargs):
        if stay.admission_id == broken:
            raise ValueError("no plan for this one")
        return plan(stay, *args, **kwargs)

    monkeypatch.setattr(accrual, "plan_stay", plan_but_one)
    run = place.run(START + timedelta(days=1))
    assert run.failed == [(broken, "no plan for this one")]
    assert len(place.charges(sound)) == 2


def test_a_service_charge_follows_its_base_until_discharge(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000)
    place.define("service_charge", "percentage", percent=Decimal(10))
    place.define(
        "levy",
        "percentage",
        percent=Decimal(50),
        base={"definitions": ["service_charge"]},
        cap_minor=2500,
        cap_per="stay",
    )
    admission_id = place.admit("general", START)
    assert _amounts(place, admission_id, "service_charge") == [("stay", 2000)]
    assert _amounts(place, admission_id, "levy") == [("stay", 1000)]
    place.run(START + timedelta(days=1))
    assert _amounts(place, admission_id, "service_charge") == [("stay", 4000)]
    place.hospital.capture(
        "service.provided",
        "consultation",
        encounter=_encounter(place, admission_id),
        at=START + timedelta(days=1),
    )
    place.discharge(admission_id, START + timedelta(days=1, hours=2))
    assert _amounts(place, admission_id, "service_charge") == [("stay", 4750)]
    assert _amounts(place, admission_id, "levy") == [("stay", 2375)]
    with place.hospital.transaction():
        revisions = ChargeItem.objects.filter(rule_code="service_charge").order_by("revision")
        assert [item.net_minor for item in revisions] == [2000, 4000, 4750]


def test_a_penalty_on_what_is_overdue_is_charged_once_a_month(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000)
    place.define("penalty", "percentage", percent=Decimal(1), base={"of": "outstanding"})
    admission_id = place.admit("general", START)
    assert _amounts(place, admission_id, "penalty") == []
    for days in (1, 2, 3):
        place.run(START + timedelta(days=days))
    assert _amounts(place, admission_id, "penalty") == [("2026-03", 200)]
    place.run(datetime(2026, 4, 1, 6, tzinfo=UTC))
    assert [period for period, _ in _amounts(place, admission_id, "penalty")] == ["2026-03", "2026-04"]


def test_a_line_that_names_a_defined_service_is_charged_by_its_definition(place: WardHospital) -> None:
    event = {"event_kinds": ("service.provided",)}
    place.define(
        "meal", "quantity_based", free_units=Decimal(1), tiers=((1, 3, 1000), (4, None, 500)), **event
    )
    place.define("code_blue", "event_triggered", rate_minor=90000, **event)
    admission_id = place.admit("general", START)
    encounter = _encounter(place, admission_id)
    meals = place.hospital.capture("service.provided", "meal", quantity=5, encounter=encounter, at=START)
    assert [(Decimal(item["quantity"]), item["net_minor"]) for item in meals.items] == [(2, 2000), (2, 1000)]
    alarm = place.hospital.capture(
        "service.provided", "code_blue", "consultation", encounter=encounter, at=START
    )
    assert sorted((item["rule_code"], item["net_minor"]) for item in alarm.items) == [
        ("code_blue", 90000),
        ("service_provided", 7500),
    ]


def test_a_one_time_charge_is_charged_once_a_visit_and_a_transfer_each_time(place: WardHospital) -> None:
    place.define(
        "admission_fee", "one_time", rate_minor=5000, event_kinds=("bed.assigned", "patient.transferred")
    )
    place.define("porter", "event_triggered", rate_minor=1500, event_kinds=("patient.transferred",))
    admission_id = place.admit("general", START)
    for hours, ward_type in ((1, "icu"), (2, "general")):
        place.move(admission_id, ward_type, START + timedelta(hours=hours))
    assert [item.net_minor for item in place.charges(admission_id, "admission_fee")] == [5000]
    assert [item.net_minor for item in place.charges(admission_id, "porter")] == [1500, 1500]


def test_a_preview_says_what_saving_then_charges(place: WardHospital) -> None:
    place.define("room", "daily", rate_minor=20000)
    admission_id = place.admit("general", START)
    place.run(START + timedelta(days=1))
    watch = DefinitionTerms(
        code="watch",
        service="watch",
        service_name="Night watch",
        billing_type="hourly",
        starts_on=date(2027, 1, 1),
        rate_minor=100,
        minimum_minor=300,
    )
    at = START + timedelta(days=1)
    seen = preview_on_stay(place.id, watch, admission_id, actor=place.hospital.actor, at=at)
    assert (seen.total_minor, seen.unpriced, seen.currency) == (2500, 0, "USD")
    assert len(seen.charges) == 1 + 22
    fee = DefinitionTerms(
        code="fee",
        service="fee",
        service_name="Fee",
        billing_type="percentage",
        percent=Decimal(10),
        starts_on=date(2027, 1, 1),
    )
    assert preview_on_stay(place.id, fee, admission_id, actor=place.hospital.actor, at=at).total_minor == 4000
    with place.hospital.transaction():
        assert not ChargeDefinition.objects.filter(code__in=["watch", "fee"]).exists()
