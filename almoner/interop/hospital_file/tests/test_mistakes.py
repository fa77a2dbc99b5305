"""Every mistake in a file is named with its place and what was expected, all of them at once."""

from __future__ import annotations

import pytest

from almoner.interop.hospital_file.operations import check
from almoner.interop.hospital_file.tests.samples import small

HEAD = """\
hospital: {slug: s, name: S, currency: USD, time_zone: UTC}
departments:
  cardiology: {consultation_fee: $75}
wards:
  general: {ward_type: general, department: cardiology}
payers:
  acme: {name: Acme}
services:
  cbc: {name: Blood Count, kind: laboratory, price: 40}
"""
# What is added below HEAD (10 lines and on), and how the problems begin.
MISTAKES = {
    "late fees without the service that they are charged as": (
        "per_service_configuration:\n  - service_id: cbc\n    billing_rules: {late_fees: enabled}\n",
        ["12:32: per_service_configuration[0].billing_rules.late_fees: Late fees are charged as the service"],
    ),
    "a fee of plans without the service that it is charged as": (
        "module_rules:\n  ward: {plan_fee_amount: $5}\n",
        ["11:27: module_rules.ward.plan_fee_amount: The fees of plans are charged as the service plan_fee"],
    ),
    "plans by themselves where there are none": (
        """\
system_configuration:
  payment_enforcement: {payment_plans: disabled}
  service_policies: {auto_payment_plans: enabled}
""",
        ["12:42: system_configuration.service_policies.auto_payment_plans: No plan can be made by itself"],
    ),
    "a plan that releases where there is none": (
        "module_rules:\n  ward: {payment_plans: not_available, payment_plan_satisfies: true}\n",
        ["11:64: module_rules.ward.payment_plan_satisfies: No plan can release anything"],
    ),
    "a part that is enough where none may be paid": (
        """\
system_configuration: {service_policies: {allow_partial_payments: disabled}}
module_rules:
  ward: {minimum_part_percent: 50}
""",
        ["12:32: module_rules.ward.minimum_part_percent: No part is enough where no part may be paid."],
    ),
    "conditions of an override that is never given": (
        """\
system_configuration:
  payment_enforcement: {emergency_override: never}
  gate: {override_conditions: [labour]}
""",
        ["12:31: system_configuration.gate.override_conditions: Staff may never override here"],
    ),
    "a cap below one fee": (
        "module_rules:\n  ward: {late_fee_amount: $5, late_fee_cap: $4}\n",
        ["11:45: module_rules.ward.late_fee_cap: The cap is below the fixed amount of one fee."],
    ),
    "both always and later": (
        "module_rules:\n  ward: {allow: [stat], defer: [stat, urgent]}\n",
        ["11:32: module_rules.ward.defer: What always goes ahead cannot be what may be paid later"],
    ),
    "a level of no conditions": (
        "module_rules:\n  ward: {critical_condition_triage: 3}\n",
        ["11:37: module_rules.ward.critical_condition_triage: No block names critical_conditions"],
    ),
    "unknown key": (
        "taxes:\n  vat: {name: VAT, procent: 5, percent: 5}\n",
        ["11:20: taxes.vat.procent: Unknown key 'procent'. Did you mean 'percent'?"],
    ),
    "unknown section": ("servces: {}\n", ["10:1: servces: Unknown key 'servces'. Did you mean 'services'?"]),
    "department at the top of a whole file": (
        "radiology:\n  consultation_fee: 5\n",
        ["10:1: radiology: A department's block stands under 'departments:'"],
    ),
    "missing key": (
        "taxes:\n  vat: {name: VAT}\n",
        ["11:3: taxes.vat: Expected the key 'percent' here (needed: name, percent)."],
    ),
    "a list where a block belongs": (
        "taxes: [a]\n",
        ["10:8: taxes: Expected a block of keys (name, percent, inclusive), got a list."],
    ),
    "a word where a block belongs": ("taxes:\n  vat: yes\n", ["11:8: taxes.vat: Expected a block of keys"]),
    "a block where a list belongs": (
        "tariffs: {a: b}\n",
        ["10:10: tariffs: Expected a list, got a block of keys."],
    ),
    "a list where an amount belongs": (
        "packages:\n  p: {name: P, price: [1], services: [cbc]}\n",
        ["11:23: packages.p.price: Expected an amount such as 75 or $75.00, got a list."],
    ),
    "a negative amount": (
        "packages:\n  p: {name: P, price: -1, services: [cbc]}\n",
        ["11:23: packages.p.price: Expected an amount of zero or more, got '-1'."],
    ),
    "an amount in another currency": (
        "packages:\n  p: {name: P, price: €5, services: [cbc]}\n",
        ["11:23: packages.p.price: Expected an amount in USD, got '€5'."],
    ),
    "too many decimals": (
        "packages:\n  p: {name: P, price: 5.001, services: [cbc]}\n",
        ["11:23: packages.p.price: USD has 2 decimal places, got '5.001'."],
    ),
    "a percentage above 100": (
        "taxes:\n  vat: {name: VAT, percent: 101}\n",
        ["11:29: taxes.vat.percent: Expected a percentage from 0 to 100"],
    ),
    "a date that does not exist": (
        "tariffs:\n  - {service: cbc, price: 1, starts_on: 2026-02-30}\n",
        ["11:41: tariffs[0].starts_on: Expected a date such as 2026-01-31, got '2026-02-30'."],
    ),
    "an end before the start": (
        "tariffs:\n  - {service: cbc, payer: acme, price: 1, starts_on: 2026-02-02, ends_on: 2026-02-01}\n",
        [
            "11:75: tariffs[0].ends_on: Expected a date not before 2026-02-02, the day it begins, got 2026-02-01."
        ],
    ),
    "a quoted boolean": (
        "taxes:\n  vat: {name: VAT, percent: 5, inclusive: 'true'}\n",
        ["11:43: taxes.vat.inclusive: Expected true or false (without quotes), got 'true'."],
    ),
    "an unquoted boolean as a name": (
        "taxes:\n  vat: {name: true, percent: 5}\n",
        ["11:15: taxes.vat.name: Expected text of 1 to 100 characters, got true (put it in quotes"],
    ),
    "an empty value": (
        "taxes:\n  vat:\n    name:\n    percent: 5\n",
        ["12:10: taxes.vat.name: Expected text of 1 to 100 characters, got nothing."],
    ),
    "a code with a space": ("cash_points:\n  a b: {name: X}\n", ["11:3: cash_points.a b: Expected a code"]),
    "an unknown service": (
        "tariffs:\n  - {service: cbd, price: 1}\n",
        ["11:15: tariffs[0].service: There is no service 'cbd'. Did you mean 'cbc'?"],
    ),
    "an unknown payer": (
        "tariffs:\n  - {service: cbc, price: 1, payer: acne}\n",
        ["11:37: tariffs[0].payer: There is no payer 'acne'. Did you mean 'acme'? Known: acme."],
    ),
    "an unknown ward type": (
        "tariffs:\n  - {service: cbc, price: 1, ward_type: icu}\n",
        ["11:41: tariffs[0].ward_type: There is no ward type 'icu'. Known: general."],
    ),
    "an unknown department, tax and kind": (
        "packages: {}\ncharge_rules:\n  r: {event_kind: patient.arrived, service: cbc, department: dermatology}\n",
        [
            "12:19: charge_rules.r.event_kind: There is no event kind 'patient.arrived'.",
            "12:62: charge_rules.r.department: There is no department 'dermatology'.",
        ],
    ),
    "an unknown step": (
        "charge_rules:\n  r: {event_kind: patient.checked_in, service: cbc, required_at: [consultation.begin]}\n",
        ["11:67: charge_rules.r.required_at[0]: There is no step 'consultation.begin'."],
    ),
    "a rule without a service": (
        "charge_rules:\n  r: {event_kind: patient.checked_in}\n",
        ["11:3: charge_rules.r: Expected a service, or per_line: true"],
    ),
    "a type of charge that a rule cannot have": (
        "charge_rules:\n  r: {event_kind: ward.admitted, service: cbc, charge_type: percentage}\n",
        ["11:61: charge_rules.r.charge_type: Expected one of one_time, daily, hourly, quantity_based here"],
    ),
    "a definition with a gap between its tiers": (
        "charge_definitions:\n  - {code: d, name: D, billing_type: hourly, tiers: [{first: 2, rate: 5}]}\n",
        ["11:53: charge_definitions[0].tiers: Expected tier 1 to begin with unit 1, got 2."],
    ),
    "a condition that cannot be read": (
        "charge_definitions:\n  - {code: d, name: D, billing_type: daily, rate: 5, condition: 'patient_age >'}\n",
        ["11:65: charge_definitions[0].condition: The condition cannot be read"],
    ),
    "a percentage of itself": (
        "charge_definitions:\n  - {code: d, name: D, billing_type: percentage, percent: 5, base: {definitions: [d]}}\n",
        ["11:68: charge_definitions[0].base: A percentage cannot be part of its own base: d of d."],
    ),
    "two versions in force at once": (
        (
            "charge_definitions:\n  - {code: d, name: D, billing_type: daily, rate: 5, ends_on: 2026-03-01}\n"
            "  - {code: d, billing_type: daily, rate: 6, starts_on: 2026-03-01}\n"
        ),
        ["12:5: charge_definitions[1]: The version from 2000-01-01 is in force until 2026-03-01"],
    ),
    "a definition of a service that is not there": (
        "charge_definitions:\n  - {code: d, billing_type: daily, rate: 5}\n",
        ["11:12: charge_definitions[0].code: There is no service 'd'."],
    ),
    "a charge by quantity of a whole event": (
        "charge_rules:\n  r: {event_kind: lab_test.ordered, service: cbc, charge_type: quantity_based}\n",
        ["11:64: charge_rules.r.charge_type: Expected per_line: true with it"],
    ),
    "a discount of both kinds": (
        "discounts:\n  d: {name: D, percent: 5, amount: 5}\n",
        ["11:3: discounts.d: Expected either percent or amount."],
    ),
    "a package in itself": (
        "packages:\n  p: {name: P, price: 5, services: [cbc, p]}\n",
        ["11:42: packages.p.services[1]: A package cannot contain itself."],
    ),
    "a rule that a fee makes already": (
        "charge_rules:\n  cardiology.consultation_fee: {event_kind: ward.admitted, service: cbc}\n",
        [
            "11:3: charge_rules.cardiology.consultation_fee: The charge rule cardiology.consultation_fee stands in line 3"
        ],
    ),
    "settings of a service in two places": (
        (
            "Per Service Configuration:\n"
            "  - {service_id: cbc, billing_rules: {late_fees: enabled}}\n"
            "  - {service_id: cbc, billing_rules: {late_fees: disabled}}\n"
        ),
        [
            "12:23: per_service_configuration[1].billing_rules: The billing rule of the service cbc stands in line 11"
        ],
    ),
    "prices that hold at once": (
        (
            "tariffs:\n"
            "  - {service: cbc, price: 1, payer: acme, starts_on: 2026-01-01}\n"
            "  - {service: cbc, price: 2, payer: acme, starts_on: 2026-06-01, ends_on: 2026-12-31}\n"
        ),
        ["12:5: tariffs[1]: This price of 'cbc' from 2026-06-01 overlaps the one in line 11"],
    ),
    "a price beside the standard one": (
        "tariffs:\n  - {service: cbc, price: 1, starts_on: 2026-01-01}\n",
        ["11:5: tariffs[0]: This price of 'cbc' from 2026-01-01 overlaps the one in line 9"],
    ),
    "a fee priced again": (
        "tariffs:\n  - {service: consultation_cardiology, price: 1}\n",
        [
            "11:5: tariffs[0]: This price of 'consultation_cardiology' from 2000-01-01 overlaps the one in line 3"
        ],
    ),
    "grace beyond thirty days": (
        "system_configuration: {payment_enforcement: {grace_periods: 31 days}}\n",
        [
            "10:61: system_configuration.payment_enforcement.grace_periods: Expected a whole number from 0 to 30 (days)"
        ],
    ),
}


@pytest.mark.parametrize(("added", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_place_and_expectation(added: str, expected: list[str]) -> None:
    said = [str(problem) for problem in check(HEAD + added, file="f")]
    assert len(said) == len(expected), said
    for problem, beginning in zip(said, expected, strict=True):
        assert problem.startswith(f"f:{beginning}"), problem


def test_the_head_alone_is_right() -> None:
    assert check(HEAD) == []


def test_all_mistakes_are_said_at_once_in_order_of_lines() -> None:
    text = """\
hospital:
  slug: all wrong
  name: X
  curency: USD
  currency: USX
departments:
  cardiology:
    consultation_fee: seventy-five
    kind: specialised
    emergency_override: maybe
    colour: blue
services:
  cbc: {name: CBC, kind: lab, department: laboratry, price: 40}
  lipid: {kind: laboratory}
tariffs:
  - {price: 5}
  - {service: cbx, price: 5}
"""
    problems = check(text, file="f")
    places = [(problem.line, problem.path) for problem in problems]
    assert places == [
        (1, "hospital"),
        (2, "hospital.slug"),
        (4, "hospital.curency"),
        (5, "hospital.currency"),
        (8, "departments.cardiology.consultation_fee"),
        (9, "departments.cardiology.kind"),
        (10, "departments.cardiology.emergency_override"),
        (11, "departments.cardiology.colour"),
        (13, "services.cbc.kind"),
        (13, "services.cbc.department"),
        (14, "services.lipid"),
        (16, "tariffs[0]"),
        (17, "tariffs[1].service"),
    ]


def test_one_mistake_is_not_said_again_where_it_is_referred_to() -> None:
    text = (
        HEAD.replace("kind: laboratory", "kind: lab")
        + "tariffs:\n  - {service: cbc, payer: acme, price: 1}\n"
    )
    assert [problem.path for problem in check(text)] == ["services.cbc.kind"]


def test_two_wards_of_a_type_cannot_both_charge() -> None:
    charge = "charges: [{code: room, name: Room, billing_type: daily, amount: 5}]"
    text = HEAD.replace(
        "  general: {ward_type: general, department: cardiology}\n",
        f"  east: {{ward_type: general, department: cardiology, {charge}}}\n"
        f"  west: {{ward_type: general, department: cardiology, {charge}}}\n",
    )
    problems = check(text, file="f")
    assert [problem.path for problem in problems] == ["wards.west.charges"]
    assert "list them once" in problems[0].message


@pytest.mark.parametrize("billing_type", ["percentage", "quantity_based", "event_triggered"])
def test_ward_charges_that_need_a_definition_are_refused(billing_type: str) -> None:
    charge = f"charges: [{{code: c, name: C, billing_type: {billing_type}, amount: 5}}]"
    text = HEAD.replace("department: cardiology}", f"department: cardiology, {charge}}}")
    assert [problem.message for problem in check(text)] == [
        (
            "Expected one of one_time, daily, hourly here; "
            f"charge_definitions can charge by the type '{billing_type}'."
        )
    ]


def test_two_settings_that_contradict_each_other_are_refused() -> None:
    text = HEAD.replace(
        "{consultation_fee: $75}",
        "{consultation_fee: $75, payment_enforcement: none, payment_required_before_consultation: true}",
    )
    problems = check(text, file="f")
    assert [problem.line for problem in problems] == [3]
    assert "two different things" in problems[0].message


def test_a_service_that_comes_from_a_fee_can_be_refined_but_not_priced_again() -> None:
    refined = small() + "  consultation_cardiology: {name: Heart consultation, flags: [heart]}\n"
    assert check(refined) == []
    priced = small() + "  consultation_cardiology: {price: 80}\n"
    assert "This service comes from line 8" in check(priced)[0].message


@pytest.mark.parametrize(
    ("kind", "substitutes", "problem"),
    [
        ("medication", "generic", ""),
        ("medication", "brand", "Expected another medication."),
        ("medication", "cbc", "Expected another medication."),
        ("medication", "nothing", "There is no service 'nothing'"),
        ("procedure", "generic", "Only a medication has substitutes."),
    ],
)
def test_substitutes_are_other_medications_of_the_file(kind: str, substitutes: str, problem: str) -> None:
    text = (
        small()
        + f"  brand: {{name: Brand, kind: {kind}, substitutes: [{substitutes}]}}\n"
        + "  generic: {name: Generic, kind: medication}\n"
    )
    found = [one.message for one in check(text)]
    assert len(found) == bool(problem)
    assert all(problem in message for message in found)
