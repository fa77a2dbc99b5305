"""What cannot be about the charges of wards: refused by the operation and by the file, at the same field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.definitions import save_charge_definition
from almoner.interop.hospital_file.operations import check, export, load
from almoner.interop.hospital_file.problems import HospitalFileInvalid
from almoner.kernel.actor import system
from almoner.kernel.errors import DomainError
from tests.support.ward import WardHospital, make_ward_hospital

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
FILE = """\
hospital: {slug: s, name: S, currency: USD, time_zone: UTC}
departments:
  inpatient: {kind: ward}
wards:
  general_ward: {ward_type: general, department: inpatient}
charge_definitions:
"""
OTHER = "  - {code: levy, name: L, billing_type: percentage, percent: 1, base: {definitions: [fee]}}\n"
# What is asked for, how a file says it, the field, and what the refusal says.
BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "negative rate": (
        {"billing_type": "hourly", "rate_minor": -500},
        "billing_type: hourly, rate: -5",
        "rate",
        "zero or more",
    ),
    "cap below the minimum": (
        {"billing_type": "hourly", "rate_minor": 1, "minimum_minor": 900, "cap_minor": 800, "cap_per": "day"},
        "billing_type: hourly, rate: 1, minimum: 9, cap: 8, cap_per: day",
        "cap",
        "below the minimum",
    ),
    "gap between tiers": (
        {"billing_type": "hourly", "tiers": ((1, 3, 500), (5, None, 400))},
        "billing_type: hourly, tiers: [{first: 1, last: 3, rate: 5}, {first: 5, rate: 4}]",
        "tiers",
        "begin with unit 4, got 5",
    ),
    "percentage of itself": (
        {"billing_type": "percentage", "percent": Decimal(5), "base": {"definitions": ["fee"]}},
        "billing_type: percentage, percent: 5, base: {definitions: [fee]}",
        "base",
        "its own base: fee of fee",
    ),
    "percentage of its own service": (
        {"billing_type": "percentage", "percent": Decimal(5), "base": {"services": ["fee"]}},
        "billing_type: percentage, percent: 5, base: {services: [fee]}",
        "base",
        "its own base: fee of fee",
    ),
    "circular bases": (
        {"billing_type": "percentage", "percent": Decimal(5), "base": {"definitions": ["levy"]}},
        "billing_type: percentage, percent: 5, base: {definitions: [levy]}",
        "base",
        "its own base: fee of levy of fee",
    ),
    "an end before the beginning": (
        {"billing_type": "hourly", "rate_minor": 1, "ends_on": date(2019, 1, 1)},
        "billing_type: hourly, rate: 1, starts_on: 2020-01-01, ends_on: 2019-01-01",
        "ends_on",
        "not before 2020-01-01",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_is_refused_at_the_field_with_the_reason(case: str) -> None:
    _, said, field, reason = BAD[case]
    problems = check(f"{FILE}  - {{code: fee, name: Fee, {said}}}\n{OTHER}")
    mine = [problem for problem in problems if problem.path.startswith(f"charge_definitions[0].{field}")]
    assert len(mine) == 1 and reason in mine[0].message, problems


@pytest.mark.django_db
@pytest.mark.parametrize("case", BAD)
def test_the_operation_refuses_the_same(case: str) -> None:
    place = make_ward_hospital()
    place.define("fee", "percentage", percent=Decimal(1))
    place.define("levy", "percentage", percent=Decimal(1), base={"definitions": ["fee"]})
    terms, _, field, reason = BAD[case]
    told = {"service": "fee", "service_name": "Fee", "starts_on": date(2020, 1, 1), **terms}
    with pytest.raises(DomainError) as refused:
        save_charge_definition(
            place.id, DefinitionTerms(code="fee", **told), actor=place.hospital.actor, at=AT
        )
    assert refused.value.field.removesuffix("_minor") == field
    assert reason in refused.value.message


@pytest.mark.django_db
def test_a_time_zone_does_not_change_while_somebody_is_admitted() -> None:
    place: WardHospital = make_ward_hospital()
    admission_id = place.admit("general", AT)
    moved = export(place.hospital.slug).replace("time_zone: UTC", "time_zone: Asia/Tokyo")
    with pytest.raises(HospitalFileInvalid) as refused:
        load(moved, actor=system("test"), at=AT)
    [problem] = refused.value.problems
    assert problem.path == "hospital.time_zone" and "patients are admitted (1)" in problem.message
    place.discharge(admission_id, AT)
    assert load(moved, actor=system("test"), at=AT).plan.new.hospital["time_zone"] == "Asia/Tokyo"
