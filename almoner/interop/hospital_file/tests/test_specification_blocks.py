"""The blocks of the specification load as they are printed, and allow exactly the values that it allows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from almoner.catalog.models import Service, TariffLine
from almoner.charging.models import ChargeRule
from almoner.enforcement import policy
from almoner.enforcement.models import PaymentPolicy
from almoner.hospitals.models import Department, Hospital
from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.operations import check, load, plan
from almoner.interop.hospital_file.tests.samples import (
    LATE_FEE,
    SECTION_1_2,
    SECTION_2_1,
    SECTION_3_1,
    SECTION_4_1,
    SECTION_4_2,
    VALUES_4_1,
    VALUES_4_2,
    first_values,
    small,
)
from almoner.kernel.actor import system
from almoner.kernel.tenancy import transaction

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DEMO = Path(__file__).resolve().parents[1] / "demo.yaml"


def _policy(scope: str, subject: str = "") -> object:
    return PaymentPolicy.objects.get(scope=scope, subject=subject).settings


@pytest.mark.django_db
def test_the_department_block_of_section_1_2_loads_exactly_as_printed() -> None:
    load(small("printed"), actor=system("test"), at=AT)
    loaded = load(SECTION_1_2, actor=system("test"), at=AT, hospital="printed")
    with transaction(loaded.hospital_id):
        prices = {
            line.service.code: (line.service.name, line.price_minor)
            for line in TariffLine.objects.select_related("service")
        }
        assert prices == {
            "cbc": ("Complete Blood Count", 4000),
            "consultation_cardiology": ("Cardiology Consultation", 7500),
            "equipment_cardiology": ("Cardiology Equipment Fee", 2500),
            "consultation_general_medicine": ("General Medicine Consultation", 3000),
            "equipment_general_medicine": ("General Medicine Equipment Fee", 0),
            "consultation_emergency": ("Emergency Consultation", 5000),
            "trauma_surcharge_emergency": ("Emergency Trauma Surcharge", 3000),
        }
        rule = ChargeRule.objects.get(code="cardiology.consultation_fee")
        assert (rule.event_kind, rule.service, rule.department, rule.fee, rule.required_at) == (
            "patient.checked_in",
            "consultation_cardiology",
            "cardiology",
            "consultation_fee",
            ["consultation.start"],
        )
        assert ChargeRule.objects.get(code="cardiology.equipment_fee").required_at == ["equipment.use"]
        assert Department.objects.get(code="emergency").kind == "emergency"
        assert _policy("department", "cardiology") == {
            "payment_required_before_consultation": True,
            "emergency_override": True,
        }
        assert _policy("department", "emergency") == {
            "payment_required_before_consultation": False,
            "emergency_override": "always",
        }


@pytest.mark.django_db
def test_a_department_block_concerns_only_the_departments_it_names() -> None:
    whole = small("named").replace(
        "  cardiology:\n",
        "  cardiology:\n    name: Heart Clinic\n    kind: specialist\n    trauma_surcharge: $5\n",
    )
    load(whole, actor=system("test"), at=AT)
    loaded = load(SECTION_1_2, actor=system("test"), at=AT, hospital="named")
    with transaction(loaded.hospital_id):
        cardiology = Department.objects.get(code="cardiology")
        assert (cardiology.name, cardiology.kind) == ("Heart Clinic", "specialist")
        assert Department.objects.filter(is_active=True).count() == 4
        assert Service.objects.get(code="cbc").is_active
        assert not Service.objects.get(code="trauma_surcharge_cardiology").is_active
        assert not ChargeRule.objects.filter(code="cardiology.trauma_surcharge").exists()
    assert plan(SECTION_1_2, hospital="named").changes == []


@pytest.mark.django_db
def test_a_part_needs_a_hospital_and_says_which_sections_it_may_hold() -> None:
    load(small("part"), actor=system("test"), at=AT)
    assert "--hospital SLUG" in check(SECTION_1_2)[0].message
    problems = check(SECTION_1_2 + "services: {}\nfoo: 1\n", hospital="part", file="f")
    assert [str(problem).split(".")[0] for problem in problems] == [
        (
            "f:18:1: services: The section 'services' needs the whole file with its 'hospital' section (almoner "
            "config export writes it); a part may hold departments, system_configuration, "
            "module_rules, patient_categories, ward_billing_templates, messaging, payment_enforcement_levels, ward_billing_types, per_service_configuration, charge_definitions, and department blocks"
        ),
        "f:19:1: foo: Unknown key 'foo'",
    ]


@pytest.mark.django_db
def test_a_mistake_in_a_part_is_placed_in_the_part() -> None:
    load(small("mistaken"), actor=system("test"), at=AT)
    text = SECTION_1_2.replace("$30\n", "thirty\n", 1).replace("always", "sometimes")
    assert [(problem.line, problem.path) for problem in check(text, hospital="mistaken")] == [
        (8, "departments.general_medicine.consultation_fee"),
        (16, "departments.emergency.emergency_override"),
    ]


@pytest.mark.django_db
def test_sections_2_1_and_3_1_load_as_printed_and_are_kept() -> None:
    loaded = load(small("vocabulary") + SECTION_2_1 + SECTION_3_1, actor=system("test"), at=AT)
    with transaction(loaded.hospital_id):
        settings = _policy("hospital")
        assert isinstance(settings, dict)
        assert list(map(len, settings["ward_billing_types"].values())) == [5, 4, 4, 3, 4, 4]
        assert settings["ward_billing_types"]["percentage"][0] == "Service Charge (% of total bill)"
        assert settings["payment_enforcement_levels"]["moderate"] == [
            "Can defer payment for limited time",
            "Can proceed with payment plan",
            "Blocks non-essential services",
        ]


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in VALUES_4_1 for value in VALUES_4_1[key]])
def test_every_value_of_section_4_1_is_accepted(key: str, value: str) -> None:
    chosen = first_values(VALUES_4_1) | {"auto_payment_plans": "disabled"} | {key: value}
    assert check(small() + SECTION_4_1.format(**chosen)) == []


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in VALUES_4_2 for value in VALUES_4_2[key]])
def test_every_value_of_section_4_2_is_accepted(key: str, value: str) -> None:
    chosen = first_values(VALUES_4_2) | {key: value}
    assert check(small() + LATE_FEE + SECTION_4_2.format(**chosen)) == []


@pytest.mark.parametrize("key", VALUES_4_1)
def test_another_value_in_section_4_1_is_refused_at_its_place(key: str) -> None:
    text = small() + SECTION_4_1.format(**first_values(VALUES_4_1) | {key: "perhaps"})
    problems = check(text)
    assert [problem.path.rsplit(".", 1)[-1] for problem in problems] == [key]
    assert f"{key}: perhaps" in text.splitlines()[problems[0].line - 1]


@pytest.mark.parametrize("key", VALUES_4_2)
def test_another_value_in_section_4_2_is_refused_at_its_place(key: str) -> None:
    text = small() + LATE_FEE + SECTION_4_2.format(**first_values(VALUES_4_2) | {key: "perhaps"})
    problems = check(text)
    assert [problem.path for problem in problems] == [f"per_service_configuration[0].billing_rules.{key}"]
    assert f"{key}: perhaps" in text.splitlines()[problems[0].line - 1]


@pytest.mark.django_db
def test_the_settings_of_sections_4_1_and_4_2_are_kept_in_their_own_words() -> None:
    text = (
        small("words")
        + LATE_FEE
        + SECTION_4_1.format(**first_values(VALUES_4_1) | {"grace_periods": "7 days"})
    )
    text += "  billing_cycle: weekly_batch\n"
    text += SECTION_4_2.format(**first_values(VALUES_4_2) | {"payment_timing": "within_24h"})
    loaded = load(text, actor=system("test"), at=AT)
    assert Hospital.objects.get(slug="words").billing_cycle == "weekly_batch"
    with transaction(loaded.hospital_id):
        assert _policy("hospital") == {
            "payment_enforcement": {
                "global_policy": "strict",
                "emergency_override": "always",
                "payment_plans": "enabled",
                "grace_periods": 7,
            },
            "service_policies": {
                "require_payment_before_service": "by_service_type",
                "allow_partial_payments": "enabled",
                "auto_payment_plans": "enabled",
                "payment_reminders": "enabled",
            },
        }
        assert Service.objects.get(code="consultation_cardiology").payment_timing == "within_24h"
        rules = _policy("service", "consultation_cardiology")
        assert isinstance(rules, dict)
        assert (rules["payment_required"], rules["grace_period"]) == ("mandatory", 0)


def test_the_gate_reads_every_setting_that_a_department_may_have() -> None:
    read = {key.removesuffix("_minor") for key in policy._KEYS}
    assert set(structure.DEPARTMENT_POLICY_KEYS) <= read
    assert set(structure.GlobalEnforcement.model_fields) <= read


@pytest.mark.django_db
def test_sections_4_1_and_4_2_alone_change_only_what_they_say() -> None:
    load(small("alone") + LATE_FEE, actor=system("test"), at=AT)
    part = SECTION_4_1.format(**first_values(VALUES_4_1)) + SECTION_4_2.format(**first_values(VALUES_4_2))
    changes = plan(part, hospital="alone").changes
    assert {(change.section, change.label) for change in changes} == {
        ("policies", "hospital"),
        ("policies", "service consultation_cardiology"),
        ("services", "consultation_cardiology"),
    }
    load(part, actor=system("test"), at=AT, hospital="alone")
    assert plan(part, hospital="alone").changes == []


@pytest.mark.django_db
def test_the_demo_hospital_has_the_prices_of_the_workflows_in_section_6() -> None:
    text = DEMO.read_text(encoding="utf-8")
    for block in SECTION_1_2.strip().split("\n\n"):
        assert "\n".join(f"  {line}" for line in block.splitlines()) in text
    state = plan(text.replace("slug: riverside", "slug: workflows")).new
    prices = {
        key.service: record["price_minor"] for key, record in state["prices"].items() if key.for_everybody
    }
    assert (prices["consultation_cardiology"], prices["cbc"] + prices["lipid_panel"]) == (7500, 6500)
    assert prices["room_charge_general"] == 20000
    assert state["services"]["consultation_cardiology"]["name"] == "Cardiology Consultation"
    rule = state["charge_rules"]["general.room_charge"]
    assert (rule["charge_type"], rule["planned"], rule["required_at"]) == ("daily", True, ("bed.assign",))
