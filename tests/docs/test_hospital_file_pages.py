"""The pages about the hospital file: their examples are right, and they leave no key out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.operations import check

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "hospital-file.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "hospital-file.md").read_text(encoding="utf-8")
HOSPITAL = "hospital: {slug: s, name: S, currency: USD, time_zone: UTC}\ndepartments:\n"
BLOCKS = {
    "hospital": [structure.HospitalBlock],
    "departments": [structure.Department],
    "wards": [structure.Ward, structure.WardCharge],
    "services": [structure.Service],
    "per_service_configuration": [structure.ServiceRules, structure.BillingRules],
    "taxes": [structure.Tax],
    "tariffs": [structure.TariffLine],
    "discounts": [structure.Discount],
    "packages": [structure.Package],
    "payers": [structure.Named],
    "cash_points": [structure.CashPoint],
    "charge_rules": [structure.ChargeRule],
    "ward_billing_templates": [structure.WardBillingTemplate],
    "charge_definitions": [structure.ChargeDefinition, structure.RateTier, structure.PercentageBase],
    "system_configuration": [
        structure.SystemConfiguration,
        structure.GlobalEnforcement,
        structure.ServicePolicies,
        structure.BillingCycles,
    ],
    "module_rules": [structure.PolicySettings],
    "patient_categories": [structure.PolicySettings],
    "laboratory": [
        structure.Laboratory,
        structure.LaboratoryTest,
        structure.TestParameter,
        structure.ReferenceRange,
    ],
    "messaging": [structure.Messaging, structure.MessageWording],
    "payment_enforcement_levels": [structure.EnforcementLevels],
    "ward_billing_types": [structure.WardBillingTypes],
}


def test_every_yaml_block_of_the_how_to_is_right() -> None:
    blocks = re.findall(r"```yaml( part)?\n(.*?)```", HOW_TO, re.DOTALL)
    assert len(blocks) == 3
    for part, text in blocks:
        whole = HOSPITAL + "".join(f"  {line}\n" for line in text.splitlines()) if part else text
        assert check(whole) == []


def test_the_problems_that_the_how_to_shows_are_those_of_its_file() -> None:
    text = re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)[0]
    text = text.replace("emergency_override: true", "emergency_override: maybe")
    text = text.replace("department: laboratory", "department: laboratry")
    problems = check(text, file="lakeview.yaml")
    assert len(problems) == 2
    for problem in problems:
        assert f"\n{problem}\n" in HOW_TO


def test_every_section_has_a_chapter() -> None:
    assert (
        set(re.findall(r"^## ([a-z_]+)$", REFERENCE, re.MULTILINE)) == set(structure.SECTIONS) == set(BLOCKS)
    )


@pytest.mark.parametrize("section", BLOCKS)
def test_the_reference_names_every_key_of_a_section(section: str) -> None:
    chapter = _chapter(section)
    if "(#departments)" in chapter:
        chapter += _chapter("departments")
    keys = {key for model in BLOCKS[section] for key in model.model_fields}
    assert {key for key in keys if f"`{key}`" not in chapter} == set()


def _chapter(section: str) -> str:
    return REFERENCE.split(f"\n## {section}\n")[1].split("\n## ")[0]
