"""The laboratory's section of the file: what it says is in force, and what it no longer says is not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from almoner.hospitals.models import Hospital
from almoner.interop.hospital_file.operations import check, export, load
from almoner.kernel.actor import system
from almoner.kernel.tenancy import transaction
from almoner.service_points.laboratory.catalogue import ranges_in_force, results_are_verified
from almoner.service_points.laboratory.models import TestDefinition
from tests.support.hospital import NOON

FILE = """
hospital: {slug: lakeview, name: Lakeview, currency: USD, time_zone: UTC}
services:
  cbc: {name: Blood count, kind: laboratory, price: 40}
  chat: {name: Talk, kind: other, price: 1}
"""
LABORATORY = """
laboratory:
  verify_results: true
  tests:
    cbc:
      specimen: EDTA blood
      parameters:
        hb:
          name: Haemoglobin
          unit: g/dL
          ranges:
            - {sex: female, from_age: 12 years, low: 12, high: 15.5}
            - {below_age: 18 months, low: 11}
"""


def loaded(text: str) -> Hospital:
    hospital_id = load(text, actor=system("test"), at=NOON).hospital_id
    return Hospital.objects.get(id=hospital_id)


@pytest.mark.django_db
def test_what_the_file_says_is_in_force_and_exported_again() -> None:
    hospital = loaded(FILE + LABORATORY)
    with transaction(hospital.id):
        assert results_are_verified()
        test = TestDefinition.objects.get()
        assert (test.specimen, test.parameters) == (
            "EDTA blood",
            [{"code": "hb", "name": "Haemoglobin", "unit": "g/dL"}],
        )
        ranges = ranges_in_force([test.service_id])[test.service_id, "hb"]
        assert {(one.sex, one.from_months, one.to_months, one.bounds.low) for one in ranges} == {
            ("female", 144, None, Decimal(12)),
            ("", 0, 18, Decimal(11)),
        }
    exported = export(hospital.slug)
    assert "from_age: 12 years" in exported and "below_age: 18 months" in exported
    assert not load(exported, actor=system("test"), at=NOON).plan.changes


@pytest.mark.django_db
def test_a_range_that_the_file_no_longer_says_is_taken_away() -> None:
    hospital = loaded(FILE + LABORATORY)
    loaded(FILE + LABORATORY.replace("            - {below_age: 18 months, low: 11}\n", ""))
    with transaction(hospital.id):
        [(_, ranges)] = ranges_in_force([TestDefinition.objects.get().service_id]).items()
        assert [one.sex for one in ranges if not one.bounds.are_none] == ["female"]
    loaded(FILE)
    with transaction(hospital.id):
        assert not results_are_verified() and not TestDefinition.objects.exists()


@pytest.mark.parametrize(
    ("instead_of", "write", "problem"),
    [
        ("low: 12, high: 15.5", "low: 16, high: 15.5", "Expected at least the lower bound."),
        ("low: 12, high: 15.5", "low: 12, critical_low: 13", "Expected at most the lower bound."),
        ("low: 12, high: 15.5", "below_age: 12 years, low: 1", "Expected an age above the first one."),
        ("low: 12, high: 15.5", "unit: x", "unit"),
        ("12 years", "twelve", "Expected an age such as 12 years or 18 months"),
        ("sex: female, from_age: 12 years", "below_age: 18 months", "stands here already"),
        (", low: 12, high: 15.5", "", "Expected a bound"),
        ("    cbc:\n      spec", "    chat:\n      spec", "Expected a laboratory service"),
        ("    cbc:\n      spec", "    cbx:\n      spec", "There is no service"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(instead_of: str, write: str, problem: str) -> None:
    text = LABORATORY.replace(instead_of, write)
    assert text != LABORATORY
    assert any(problem in str(one) for one in check(FILE + text))
