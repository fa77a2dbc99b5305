"""Every row of docs/explanation/gate.md: settings read as files spell them, facts decided, answers compared."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from almoner.enforcement import policy
from almoner.enforcement.facts import Subject
from almoner.enforcement.models import PaymentPolicy
from almoner.enforcement.operations import grant_override
from almoner.enforcement.policy import DEFAULTS, Policies, Settings, read_policies, read_settings
from almoner.enforcement.rules import Decision, DueItem, Facts, Outcome, OverrideInForce, decide
from almoner.hospitals.models import Hospital
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.ids import new_id
from almoner.kernel.money import parse_minor
from almoner.kernel.service_points import installed
from tests.docs.tables import ROOT, Row, parameters, read_rows, read_tables
from tests.support.hospital import NOON, enforce, make_hospital

PAGE = "explanation/gate.md"
SETTING_KEYS = {
    "level": "payment_enforcement",
    "grace days": "grace_period",
    "plan satisfies": "payment_plan_satisfies",
    "plans": "payment_plans",
    "deposit satisfies": "deposit_satisfies",
    "deferral hours": "deferral_hours",
    "deferral limit": "deferral_limit_minor",
    "deposit required": "deposit_required_minor",
    "critical triage": "critical_triage",
    "critical conditions": "critical_conditions",
    "from triage": "critical_condition_triage",
    "emergency override": "emergency_override",
    "blocking": "service_blocking",
    "arrangement": "arrangement_at_discharge",
    "allow": "allow",
    "defer": "defer",
    "partial payment": "partial_payment",
    "minimum part": "minimum_part_percent",
    "charge timing": "charge_timing",
}
SAYS = ("hospital says", "department says", "service says")
FACTS = (
    "unpaid",
    "priority",
    "request",
    "planned",
    "conceals",
    "asked",
    "plan",
    "deposit",
    "outstanding",
    "department kind",
    "conditions",
    "class",
    "triage",
    "override",
    "discharge",
    "at its step",
    "of module",
    "delivered",
)
ANSWER = ("answer", "because", "until", "due", "options", "says")
DECISION_COLUMNS = (*SETTING_KEYS, *SAYS, *FACTS, *ANSWER)
DECISION_TABLES = (
    "Levels and what softens them",
    "What moderate calls essential",
    "How long and how much moderate defers",
    "Module rules: allow and defer",
    "A part of the charge",
    "When a charge is asked for",
    "Blocking switched off",
    "Emergencies are never held",
    "The kinds of a prescription",
    "Overrides in force",
    "Nothing due, something paid",
    "Deposits",
    "A deposit beforehand",
    "Charges without a price",
    "Several charges at one step",
    "Discharge asks for an arrangement",
    "What can be done about a held step",
    "In words",
    "The three departments of section 1.2",
    "Critical conditions",
)
OTHER_TABLES = (
    "May this service go ahead?",
    "Steps of the five service points",
    "Who may override",
    "Which condition permits",
    "Spellings",
    "Settings that are refused",
    "What holds when nothing is said",
    "The most specific setting counts",
    "Key by key",
)
CHARGES = (("consultation", "Consultation"), ("equipment_fee", "Equipment fee"))
HOSPITAL_BLOCKS = ("payment_enforcement", "service_policies", "gate")


def settings_in(text: str) -> Any:
    return yaml.safe_load(text)


def said(text: str) -> dict[str, Any]:
    return settings_in(text) if text else {}


def moment(text: str) -> datetime:
    """``2 hours later`` and the like, counted from the due date; empty: the due date itself."""
    if not text:
        return NOON
    match = re.fullmatch(r"(\d+) (hour|day)s? (later|before)", text)
    assert match, f"not a time: {text!r}"
    distance = timedelta(hours=int(match[1]) * (24 if match[2] == "day" else 1))
    return NOON + distance if match[3] == "later" else NOON - distance


def truth(text: str) -> bool:
    return {"yes": True, "no": False, "": False}[text]


def _setting(column: str, text: str) -> Any:
    if column in ("deferral limit", "deposit required"):
        return parse_minor(text, "USD")
    return {"yes": True, "no": False}[text] if text in ("yes", "no") else settings_in(text)


def policies_of(row: Row) -> Policies:
    department = {
        SETTING_KEYS[column]: _setting(column, text)
        for column, text in row.cells.items()
        if column in SETTING_KEYS and text
    }
    return Policies(
        version=1,
        hospital=read_settings("hospital", said(row.get("hospital says"))),
        departments={
            "cardiology": read_settings("department", department | said(row.get("department says")))
        },
        services={"consultation": read_settings("service", said(row.get("service says")))},
    )


def items_of(row: Row, discharge: bool) -> tuple[DueItem, ...]:
    unpaid = row.get("unpaid", "75.00")
    if unpaid == "nothing":
        return ()
    amounts = [None if text == "unpriced" else parse_minor(text, "USD") for text in unpaid.split("; ")]
    return tuple(
        DueItem(
            charge_item_id=new_id(),
            service=service,
            name=name,
            department="" if discharge else "cardiology",
            net_minor=7500 if row.table == "A part of the charge" else amount,
            due_minor=amount,
            due_at=NOON,
            priority=row.get("priority", "routine"),
            request_type=row.get("request", "first"),
            planned=truth(row.get("planned")),
            steps=("equipment.use",) if row.get("at its step") == "no" else ("consultation.start",),
            module=row.get("of module", "consultation"),
            delivered=truth(row.get("delivered")),
        )
        for amount, (service, name) in zip(amounts, CHARGES[: len(amounts)], strict=True)
    )


def answer_of(row: Row) -> Decision:
    discharge = truth(row.get("discharge")) or row.table == "Discharge asks for an arrangement"
    override = row.get("override")
    facts = Facts(
        step="ward.discharge" if discharge else "consultation.start",
        currency="USD",
        items=items_of(row, discharge),
        department="cardiology",
        department_kind=row.get("department kind", "specialist"),
        encounter_class=row.get("class", "ambulatory"),
        triage_level=int(row["triage"]) if row.get("triage") else None,
        outstanding_minor=parse_minor(row.get("outstanding", "75.00"), "USD"),
        deposit_minor=parse_minor(row.get("deposit", "0"), "USD"),
        plan_status=row.get("plan"),
        overrides=(OverrideInForce(new_id(), "user:ada", "chest pain", moment(override)),)
        if override
        else (),
        conceals_details=truth(row.get("conceals")),
        settles_encounter=discharge,
        module="consultation",
        conditions=tuple(row.get("conditions").split("; ")) if row.get("conditions") else (),
    )
    return decide(policies_of(row), facts, moment(row.get("asked")))


def decision_rows() -> list[Row]:
    return [row for table in DECISION_TABLES for row in read_rows(PAGE, table, DECISION_COLUMNS)]


def test_every_table_of_the_page_is_run() -> None:
    assert set(read_tables(PAGE)) == {*DECISION_TABLES, *OTHER_TABLES}


@pytest.mark.parametrize("row", parameters(decision_rows()))
def test_a_row_is_decided_as_the_page_says(row: Row) -> None:
    decision = answer_of(row)
    found = {
        "answer": decision.outcome.value,
        "because": decision.reason_code,
        "until": decision.until,
        "due": decision.due_minor,
        "options": ", ".join(option.code for option in decision.options),
        "says": decision.reason,
    }
    expected: dict[str, Any] = {column: row[column] for column in ANSWER if column in row.cells}
    if "until" in expected:
        expected["until"] = moment(row["until"]) if row["until"] else None
    if "due" in expected:
        expected["due"] = parse_minor(row["due"], "USD")
    if row.table == "What can be done about a held step":
        expected["answer"] = "held"
    assert expected, row
    assert {column: found[column] for column in expected} == expected, row
    assert decision.may_proceed is (decision.outcome is not Outcome.HELD)


def _codes_in_rules() -> set[str]:
    """Every reason code that ``rules.py`` can give, read from its source."""
    tree = ast.parse((ROOT / "almoner/enforcement/rules.py").read_text(encoding="utf-8"))
    codes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("answer", "_Verdict"):
            code = node.args[1]
            if isinstance(code, ast.Constant):
                codes.add(str(code.value))
    return codes


def test_every_answer_and_every_reason_has_a_row() -> None:
    rows = decision_rows()
    assert {row["answer"] for row in rows if "answer" in row.cells} == {outcome.value for outcome in Outcome}
    codes = _codes_in_rules()
    assert len(codes) >= 12
    assert codes - {row.get("because") for row in rows} == set()
    outcomes = {row["answer"] for row in read_rows(PAGE, "May this service go ahead?", ("answer", "meaning"))}
    assert outcomes == {outcome.value for outcome in Outcome}


def test_every_fact_has_a_row_that_changes_it() -> None:
    columns = {column for row in decision_rows() for column, text in row.cells.items() if text}
    assert {*SETTING_KEYS, *FACTS, "service says"} <= columns


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row",
    parameters(
        read_rows(
            PAGE,
            "Who may override",
            ("emergency override", "override triage", "triage of the visit", "triage stated", "answer"),
        )
    ),
)
def test_an_override_is_granted_as_the_page_says(row: Row) -> None:
    hospital = make_hospital()
    settings: dict[str, Any] = {
        "payment_enforcement": "strict",
        "emergency_override": row["emergency override"],
    }
    if row["override triage"]:
        settings["override_triage"] = int(row["override triage"])
    with hospital.transaction():
        PaymentPolicy.objects.create(
            hospital_id=hospital.id, scope="department", subject="cardiology", settings=settings
        )
        Hospital.objects.filter(id=hospital.id).update(configuration_version=1)
    triage = row["triage of the visit"]
    encounter = hospital.encounter(hospital.patient(), triage_level=int(triage) if triage else None)
    outcome = "granted"
    try:
        grant_override(
            hospital.id,
            step="consultation.start",
            subject=Subject(encounter.id),
            reason="chest pain",
            expires_at=NOON + timedelta(hours=1),
            idempotency_key="override",
            triage_level=int(row["triage stated"]) if row["triage stated"] else None,
            actor=hospital.actor,
            at=NOON,
        )
    except Conflict as refusal:
        outcome = refusal.code
    assert outcome == row["answer"], row


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row",
    parameters(
        read_rows(
            PAGE,
            "Which condition permits",
            (
                "level",
                "emergency override",
                "override conditions",
                "condition",
                "triage of the visit",
                "answer",
            ),
        )
    ),
)
def test_a_conditional_override_asks_for_the_condition_as_the_page_says(row: Row) -> None:
    hospital = make_hospital()
    settings: dict[str, Any] = {
        "payment_enforcement": row["level"],
        "emergency_override": row["emergency override"],
    }
    if row["override conditions"]:
        settings["override_conditions"] = settings_in(row["override conditions"])
    enforce(hospital, "department", "cardiology", **settings)
    triage = row["triage of the visit"]
    encounter = hospital.encounter(hospital.patient(), triage_level=int(triage) if triage else None)
    outcome = "granted"
    try:
        override = grant_override(
            hospital.id,
            step="consultation.start",
            subject=Subject(encounter.id),
            reason="cannot wait",
            expires_at=NOON + timedelta(hours=1),
            idempotency_key="override",
            condition=row["condition"],
            actor=hospital.actor,
            at=NOON,
        )
        assert override.condition == row["condition"]
    except Conflict as refusal:
        outcome = refusal.code
    assert outcome == row["answer"], row


def _as_settings(text: str) -> Settings:
    values = said(f"{{{text}}}") if text else {}
    return Settings(**{name: _enum(name, value) for name, value in values.items()})


def _enum(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if name == "level":
        return policy.Level(str(value))
    if name == "charge_timing":
        return policy.ChargeTiming(value)
    if name == "late_fee_period":
        return policy.FeePeriod(value)
    if name == "late_fee_percent":
        return Decimal(str(value))
    return policy.OverrideRule(str(value)) if name == "override" else value


SPELLING_COLUMNS = ("section", "where", "key", "value", "means")


@pytest.mark.parametrize("row", parameters(read_rows(PAGE, "Spellings", SPELLING_COLUMNS)))
def test_a_spelling_means_what_the_page_says(row: Row) -> None:
    scope = "hospital" if row["where"] in HOSPITAL_BLOCKS else row["where"]
    for value in row["value"].split(", "):
        settings: Mapping[str, Any] = {row["key"]: settings_in(value)}
        if scope == "hospital":
            settings = {row["where"]: settings}
        assert read_settings(scope, settings) == _as_settings(row["means"]), (row, value)


def test_every_key_and_every_word_of_the_vocabulary_is_on_the_page() -> None:
    rows = read_rows(PAGE, "Spellings", SPELLING_COLUMNS)
    documented: dict[str, set[str]] = {}
    for row in rows:
        documented.setdefault(row["key"], set()).update(row["value"].split(", "))
    for key, (_, read) in policy._KEYS.items():
        with pytest.raises(DomainError) as refusal:
            read(key, "no such word")
        words = re.search(r"expected one of (.*), got", refusal.value.message)
        assert documented.get(key), f"the key {key} is not documented"
        if words:
            assert set(words[1].split(", ")) <= documented[key], key
    assert {name for row in rows for name in said(f"{{{row['means']}}}")} == {
        item.name for item in fields(Settings)
    }


@pytest.mark.parametrize(
    "row", parameters(read_rows(PAGE, "Settings that are refused", ("where", "settings", "refused at")))
)
def test_settings_that_cannot_be_are_refused_by_their_key(row: Row) -> None:
    with pytest.raises(DomainError) as refusal:
        read_settings(row["where"], said(row["settings"]))
    assert refusal.value.field == row["refused at"]
    assert refusal.value.code in ("invalid_setting", "contradictory_settings")


def test_the_defaults_are_those_of_the_page() -> None:
    rows = read_rows(PAGE, "What holds when nothing is said", ("setting", "default"))
    documented = {
        row["setting"]: _enum(row["setting"], settings_in(row["default"])) if row["default"] else None
        for row in rows
    }
    assert documented == {item.name: getattr(DEFAULTS, item.name) for item in fields(Settings)}


@pytest.mark.parametrize(
    "row",
    parameters(
        read_rows(
            PAGE,
            "Key by key",
            (*SAYS, "level", "override", "blocking", "grace days"),
        )
    ),
)
def test_settings_are_narrowed_key_by_key(row: Row) -> None:
    policies = Policies(
        version=1,
        hospital=read_settings("hospital", said(row["hospital says"])),
        departments={"cardiology": read_settings("department", said(row["department says"]))},
        services={"consultation": read_settings("service", said(row["service says"]))},
    )
    settings = policies.resolve(department="cardiology", service="consultation")
    assert (settings.level, settings.override, settings.blocking, settings.grace_days) == (
        policy.Level(row["level"]),
        policy.OverrideRule(row["override"]),
        settings_in(row["blocking"]),
        int(row["grace days"]),
    ), row


@pytest.mark.parametrize(
    "row",
    parameters(
        read_rows(
            PAGE,
            "The most specific setting counts",
            (
                "hospital says",
                "module says",
                "department says",
                "service says",
                "category says",
                "level",
                "source",
            ),
        )
    ),
)
def test_the_most_specific_setting_counts_and_its_block_is_named(row: Row) -> None:
    subjects = {
        "module": "consultation",
        "department": "cardiology",
        "service": "consultation",
        "patient_category": "staff",
    }
    blocks = [("hospital", "", said(row["hospital says"]))] + [
        (scope, subject, said(row[f"{scope.removeprefix('patient_')} says"]))
        for scope, subject in subjects.items()
    ]
    policies = read_policies(1, blocks)
    asked = {scope.removeprefix("patient_"): subject for scope, subject in subjects.items()}
    assert policies.resolve(**asked).level == policy.Level(row["level"])
    assert policies.source("level", **asked) == row["source"]


def test_the_steps_are_those_of_the_page() -> None:
    columns = (
        "step",
        "service point",
        "asked about an order",
        "conceals what was ordered",
        "asks for everything owed",
    )
    documented = {
        row["step"]: (row["service point"], *(truth(row[column]) for column in columns[2:]))
        for row in read_rows(PAGE, "Steps of the five service points", columns)
    }
    declared = {
        step.name: (point.label, step.needs_order, step.conceals_details, step.settles_encounter)
        for point in installed()
        if point.name.startswith("almoner.")
        for step in point.steps
    }
    assert documented == declared
