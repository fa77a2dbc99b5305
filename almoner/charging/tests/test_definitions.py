"""A charge definition is refused with its field and reason when saved; a change is a version from a date on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from almoner.charging.conditions import Condition, ConditionFailed, check_condition
from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.definitions import (
    end_charge_definition,
    save_charge_definition,
    save_ward_billing_template,
)
from almoner.charging.models import ChargeDefinition
from almoner.charging.queries import book_in_force
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, PermissionRefused
from tests.support.hospital import NOON, TestHospital, make_hospital

pytestmark = pytest.mark.django_db

DAILY = DefinitionTerms(
    code="monitor",
    service="monitor",
    service_name="Monitor",
    billing_type="daily",
    starts_on=date(2026, 3, 1),
    rate_minor=5000,
)
HOURLY = replace(DAILY, billing_type="hourly")
PERCENT = replace(DAILY, billing_type="percentage", rate_minor=None, percent=Decimal(5))


@pytest.fixture
def hospital() -> TestHospital:
    return make_hospital()


def _save(hospital: TestHospital, terms: DefinitionTerms) -> ChargeDefinition:
    return save_charge_definition(hospital.id, terms, actor=hospital.actor, at=NOON)


REFUSED: list[tuple[DefinitionTerms, str, str]] = [
    (replace(DAILY, code="a b"), "code", "letters"),
    (replace(DAILY, billing_type="weekly"), "billing_type", "one of one_time, daily"),
    (replace(DAILY, service="nothing", service_name=""), "service", "no service 'nothing'"),
    (replace(DAILY, rate_minor=-1), "rate_minor", "zero or more"),
    (replace(DAILY, minimum_minor=-5), "minimum_minor", "zero or more"),
    (replace(DAILY, ends_on=date(2026, 2, 1)), "ends_on", "not before 2026-03-01"),
    (replace(HOURLY, minimum_minor=500, cap_minor=400, cap_per="stay"), "cap_minor", "below the minimum"),
    (replace(HOURLY, cap_minor=400, cap_per="week"), "cap_per", "one of day, stay"),
    (replace(HOURLY, cap_per="day"), "cap_minor", "amount of the cap"),
    (replace(HOURLY, rate_minor=None, cap_minor=400, cap_per="day"), "rate_minor", "rate of the definition"),
    (replace(HOURLY, rate_minor=None, tiers=((2, None, 9),)), "tiers", "begin with unit 1, got 2"),
    (
        replace(HOURLY, rate_minor=None, tiers=((1, 24, 9), (26, None, 5))),
        "tiers",
        "begin with unit 25, got 26",
    ),
    (replace(HOURLY, rate_minor=None, tiers=((1, 24, 9),)), "tiers", "Unit 25 and above have no rate"),
    (replace(HOURLY, rate_minor=None, tiers=((1, None, 9), (25, None, 5))), "tiers", "no last unit"),
    (replace(HOURLY, rate_minor=None, tiers=((1, None, -9),)), "tiers[0].rate_minor", "zero or more"),
    (replace(HOURLY, tiers=((1, None, 9),)), "rate_minor", "either one rate or tiers"),
    (replace(DAILY, day_rule="sometimes"), "day_rule", "one of full"),
    (replace(HOURLY, day_rule="by_hour"), "day_rule", "Only a daily charge"),
    (replace(DAILY, day_rule="free_until"), "free_minutes", "Expected free minutes"),
    (replace(DAILY, free_minutes=10), "free_minutes", "only with it"),
    (replace(DAILY, ward_types=("attic",)), "ward_types", "There is no 'attic' here. Known: general."),
    (replace(DAILY, departments=("attic",)), "departments", "There is no 'attic'"),
    (replace(DAILY, patient_categories=("very rich",)), "patient_categories", "a code such as"),
    (replace(DAILY, event_kinds=("ward.admitted",)), "event_kinds", "No event triggers"),
    (replace(DAILY, billing_type="event_triggered"), "event_kinds", "at least one event"),
    (replace(DAILY, billing_type="one_time", event_kinds=("x.y",)), "event_kinds", "There is no 'x.y'"),
    (replace(DAILY, required_at=("bed.make",)), "required_at", "There is no 'bed.make'"),
    (replace(HOURLY, required_at=("bed.assign",)), "required_at", "No step can ask"),
    (replace(DAILY, payment_requirement="soon"), "payment_requirement", "one of immediate"),
    (replace(DAILY, template="intensive"), "template", "There is no 'intensive'"),
    (replace(DAILY, percent=Decimal(5)), "percent", "only for the type percentage"),
    (replace(PERCENT, percent=Decimal(0)), "percent", "above 0"),
    (replace(PERCENT, percent=Decimal("100.1")), "percent", "at most 100"),
    (replace(PERCENT, base={"of": "everything"}), "base", "one of charges, outstanding"),
    (replace(PERCENT, base={"off": "charges"}), "base", "Unknown key 'off'"),
    (replace(PERCENT, base={"services": ["nothing"]}), "base", "There is no 'nothing'"),
    (replace(PERCENT, base={"definitions": ["monitor"]}), "base", "its own base: monitor of monitor"),
    (replace(PERCENT, rate_minor=5), "rate_minor", "no rate, tiers or free units"),
    (replace(DAILY, condition="patient_age >="), "condition", "cannot be read"),
    (replace(DAILY, condition="height > 3"), "condition", "no 'height' to ask for"),
    (replace(DAILY, condition="patient_age"), "condition", "not true or false"),
    (replace(DAILY, condition="patient_age > 'old'"), "condition", "no answer for patient_age"),
    (
        replace(DAILY, condition="ward_type == 'icu' && patient_age > 'old'"),
        "condition",
        "no answer for patient_age",
    ),
    (replace(DAILY, condition="100 / (patient_age - 50) > 2"), "condition", "patient_age = 50"),
]


@pytest.mark.parametrize(("terms", "field", "reason"), REFUSED, ids=lambda value: str(value)[:40])
def test_terms_that_cannot_be_are_refused_at_their_field(
    hospital: TestHospital, terms: DefinitionTerms, field: str, reason: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        _save(hospital, terms)
    assert (refusal.value.field, reason in refusal.value.message) == (field, True), refusal.value.message
    with hospital.transaction():
        assert not ChargeDefinition.objects.exists()


def test_percentages_of_each_other_are_refused(hospital: TestHospital) -> None:
    _save(hospital, replace(PERCENT, code="first", service="first"))
    _save(hospital, replace(PERCENT, code="second", service="second", base={"definitions": ["first"]}))
    circle = replace(PERCENT, code="first", service="first", starts_on=date(2026, 4, 1))
    with pytest.raises(DomainError, match="first of second of first"):
        _save(hospital, replace(circle, base={"definitions": ["second"]}))


def test_a_change_is_a_version_that_ends_the_one_before(hospital: TestHospital) -> None:
    first = _save(hospital, DAILY)
    assert _save(hospital, DAILY).id == first.id
    second = _save(hospital, replace(DAILY, starts_on=date(2026, 4, 1), rate_minor=6000))
    with hospital.transaction():
        first.refresh_from_db()
        book = book_in_force(hospital.id)
        assert AuditRecord.objects.filter(action="charge_definition.saved").count() == 2
    assert (first.ends_on, second.version, second.saved_by) == (date(2026, 3, 31), 2, hospital.actor.name)
    assert [rule.terms.rate_minor for rule in book.time_rules["monitor"]] == [5000, 6000]


@pytest.mark.parametrize(
    ("dates", "field"),
    [
        ({"starts_on": date(2026, 3, 20)}, "starts_on"),
        ({"starts_on": date(2026, 2, 1)}, "ends_on"),
        ({"starts_on": date(2026, 2, 1), "ends_on": date(2026, 3, 1)}, "ends_on"),
    ],
)
def test_overlapping_dates_are_refused(hospital: TestHospital, dates: dict[str, Any], field: str) -> None:
    _save(hospital, replace(DAILY, ends_on=date(2026, 3, 31)))
    with pytest.raises(DomainError) as refusal:
        _save(hospital, replace(DAILY, rate_minor=1, **dates))
    assert refusal.value.field == field and refusal.value.code == "overlapping_dates"


def test_a_version_of_the_same_day_is_replaced_and_kept(hospital: TestHospital) -> None:
    _save(hospital, DAILY)
    again = _save(hospital, replace(DAILY, rate_minor=7000))
    with hospital.transaction():
        versions = ChargeDefinition.objects.filter(code="monitor").order_by("version")
        assert [(row.version, row.superseded) for row in versions] == [(1, True), (2, False)]
    assert again.version == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"billing_type": "hourly"},
        {"day_rule": "noon_to_noon"},
        {"service": "other", "service_name": "Other"},
    ],
)
def test_a_version_keeps_what_its_periods_are(hospital: TestHospital, changes: dict[str, Any]) -> None:
    _save(hospital, DAILY)
    with pytest.raises(DomainError, match="A new version keeps its"):
        _save(hospital, replace(DAILY, starts_on=date(2026, 5, 1), **changes))


def test_a_definition_can_be_ended_and_needs_the_permission(hospital: TestHospital) -> None:
    _save(hospital, DAILY)
    ended = end_charge_definition(
        hospital.id, "monitor", ends_on=date(2026, 6, 30), actor=hospital.actor, at=NOON
    )
    assert ended.ends_on == date(2026, 6, 30)
    with pytest.raises(PermissionRefused, match=r"charging\.define"):
        save_charge_definition(hospital.id, DAILY, actor=Actor("user:nurse"), at=NOON)


def test_a_definition_without_wards_holds_in_those_of_its_template(hospital: TestHospital) -> None:
    save_ward_billing_template(
        hospital.id, "basic", name="Basic care", ward_types=["general"], actor=hospital.actor, at=NOON
    )
    _save(hospital, replace(DAILY, template="basic"))
    with hospital.transaction():
        [rule] = book_in_force(hospital.id).time_rules["monitor"]
    assert rule.terms.ward_types == frozenset({"general"})


def test_a_condition_has_no_answer_for_what_is_not_known() -> None:
    condition = check_condition('patient_age >= 65 || patient_category == "senior"')
    assert condition.holds({"patient_age": 70, "patient_category": "general"})
    assert not condition.holds({"patient_age": 30, "patient_category": "general"})
    with pytest.raises(ConditionFailed, match="patient_age not known"):
        condition.holds({"patient_age": None, "patient_category": "general"})
    with pytest.raises(ConditionFailed, match="not true or false"):
        Condition("patient_age").holds({"patient_age": 3})
