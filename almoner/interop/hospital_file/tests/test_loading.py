"""A load makes the hospital what the file says, as a dated version, or changes nothing at all."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

import pytest

from almoner.catalog.models import Discount, Package, Service, TariffLine, Tax
from almoner.charging.models import ChargeRule
from almoner.hospitals.models import Bed, ConfigurationVersion, Department, Hospital, Ward
from almoner.identity.models import AuditRecord
from almoner.interop.hospital_file.operations import Loaded, export, load, plan
from almoner.interop.hospital_file.problems import HospitalFileInvalid
from almoner.interop.hospital_file.tests.samples import small
from almoner.kernel.actor import Actor, system
from almoner.kernel.errors import Conflict, NotFound, PermissionRefused
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import LedgerAccount
from almoner.patients.models import Payer
from almoner.payments.models import CashPoint

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MORE = """\
taxes:
  vat: {name: VAT, percent: 19}
wards:
  east:
    ward_type: general
    department: laboratory
    beds: [E1, E2]
    charges:
      - {code: room, name: Room, billing_type: daily, amount: $200}
      - {code: setup, name: Setup, billing_type: one_time, amount: $15}
payers:
  acme: {name: Acme Insurance}
tariffs:
  - {service: cbc, payer: acme, price: $30, starts_on: 2026-01-01, ends_on: 2026-06-30}
  - {service: cbc, payer: acme, price: $32, starts_on: 2026-07-01}
discounts:
  staff: {name: Staff, percent: 20, patient_category: staff}
packages:
  check_up: {name: Check-up, price: $90, services: [cbc, consultation_cardiology]}
cash_points:
  main: {name: Main}
charge_rules:
  handling: {event_kind: lab_test.ordered, service: cbc, per_line: true, line_flag: frozen}
"""


def _load(text: str, **options: Any) -> Loaded:
    return load(text, actor=system("test"), at=AT, **options)


def _rich(slug: str) -> str:
    return (
        small(slug).replace("    price: $40\n", "    price: $40\n    tax: vat\n    flags: [frozen]\n") + MORE
    )


@pytest.mark.django_db
def test_from_which_refund_on_two_are_asked_is_the_hospitals_and_comes_out_as_it_went_in() -> None:
    text = small("two").replace("  currency: USD\n", "  currency: USD\n  refund_approval_above: $200\n")
    _load(text)
    assert Hospital.objects.get(slug="two").refund_approval_above_minor == 20000
    assert "refund_approval_above: 200.00" in export("two")
    _load(small("two"))
    assert Hospital.objects.get(slug="two").refund_approval_above_minor is None


@pytest.mark.django_db
def test_loading_a_new_hospital_creates_it_opens_its_books_and_writes_everything() -> None:
    loaded = _load(_rich("fresh"))
    hospital = Hospital.objects.get(slug="fresh")
    assert (hospital.id, hospital.configuration_version, loaded.version) == (loaded.hospital_id, 1, 1)
    assert (hospital.currency, hospital.time_zone, hospital.rounding_step_minor) == (
        "USD",
        "Europe/Berlin",
        1,
    )
    with transaction(hospital.id):
        assert LedgerAccount.objects.filter(code="patient_receivable").exists()
        cbc = Service.objects.select_related("tax", "department").get(code="cbc")
        assert (cbc.tax.code, cbc.department.code, cbc.flags) == ("vat", "laboratory", ["frozen"])
        assert Ward.objects.select_related("department").get(code="east").department.code == "laboratory"
        assert set(Bed.objects.values_list("code", flat=True)) == {"E1", "E2"}
        room = ChargeRule.objects.get(code="east.room")
        assert (room.event_kind, room.service, room.ward_type, room.charge_type, room.planned) == (
            "ward.admitted",
            "room_east",
            "general",
            "daily",
            True,
        )
        assert not ChargeRule.objects.get(code="east.setup").planned
        assert Package.objects.get().services == ["cbc", "consultation_cardiology"]
        assert Service.objects.get(code="check_up").name == "Check-up"
        assert (Payer.objects.get().name, CashPoint.objects.get().name) == ("Acme Insurance", "Main")
        lines = TariffLine.objects.filter(payer="acme").order_by("starts_on")
        assert [(line.price_minor, line.ends_on) for line in lines] == [
            (3000, date(2026, 6, 30)),
            (3200, None),
        ]


@pytest.mark.django_db
def test_every_load_is_a_dated_version_with_its_document_and_an_audit_record() -> None:
    first = _load(small("dated"))
    text = small("dated").replace("$75", "$80")
    second = load(text, actor=system("tester"), at=AT)
    assert (first.version, second.version) == (1, 2)
    with transaction(first.hospital_id):
        version = ConfigurationVersion.objects.get(number=2)
        assert (version.document, version.loaded_at, version.loaded_by) == (text, AT, "system:tester")
        assert version.sha256 == hashlib.sha256(text.encode()).hexdigest()
        record = AuditRecord.objects.get(action="configuration.loaded", data__number=2)
        assert record.data == {
            "number": 2,
            "sha256": version.sha256,
            "added": 0,
            "changed": 1,
            "removed": 0,
        }


@pytest.mark.django_db
def test_a_file_that_changes_nothing_makes_no_version() -> None:
    _load(_rich("same"))
    again = _load("# another comment\n" + _rich("same"))
    assert (again.version, again.plan.changes) == (1, [])
    with transaction(again.hospital_id):
        assert ConfigurationVersion.objects.count() == 1


@pytest.mark.django_db
def test_a_plan_says_old_and_new_and_writes_nothing() -> None:
    loaded = _load(small("planned"))
    text = (
        small("planned").replace("$75", "$80").replace("$40", "$40.50").replace("  laboratory:\n", "  lab:\n")
    )
    text = text.replace("department: laboratory", "department: lab")
    shown = plan(text)
    said = {(change.kind, change.section, change.label): change.describe("USD") for change in shown.changes}
    assert said == {
        ("added", "departments", "lab"): ["name: Lab", "kind: diagnostic"],
        ("removed", "departments", "laboratory"): ["name: Laboratory", "kind: diagnostic"],
        ("changed", "services", "cbc"): ["department: laboratory -> lab"],
        ("changed", "prices", "consultation_cardiology from 2000-01-01"): ["price: $75.00 -> $80.00"],
        ("changed", "prices", "cbc from 2000-01-01"): ["price: $40.00 -> $40.50"],
    }
    assert shown.version == 1
    with transaction(loaded.hospital_id):
        assert TariffLine.objects.get(service__code="cbc").price_minor == 4000
        assert ConfigurationVersion.objects.count() == 1


@pytest.mark.django_db
def test_what_a_file_no_longer_holds_becomes_inactive_or_goes() -> None:
    _load(_rich("shrinking"))
    loaded = _load(small("shrinking").split("services:")[0])
    with transaction(loaded.hospital_id):
        assert set(Service.objects.filter(is_active=True).values_list("code", flat=True)) == {
            "consultation_cardiology"
        }
        assert Service.objects.count() == 5
        for model in (Ward, Bed, Payer, CashPoint):
            assert list(model.objects.values_list("is_active", flat=True).distinct()) == [False]
        for gone in (Discount, Package, Tax):
            assert not gone.objects.exists()
        assert [line.service.code for line in TariffLine.objects.select_related("service")] == [
            "consultation_cardiology"
        ]
        assert list(ChargeRule.objects.values_list("code", flat=True)) == ["cardiology.consultation_fee"]


@pytest.mark.django_db
def test_what_comes_back_is_the_same_row_again() -> None:
    loaded = _load(_rich("returning"))
    with transaction(loaded.hospital_id):
        before = dict(Service.objects.values_list("code", "id")), dict(Bed.objects.values_list("code", "id"))
    _load(small("returning").split("services:")[0])
    _load(_rich("returning"))
    with transaction(loaded.hospital_id):
        after = dict(Service.objects.values_list("code", "id")), dict(Bed.objects.values_list("code", "id"))
        assert not Service.objects.filter(is_active=False).exists()
    assert after == before
    assert plan(_rich("returning")).changes == []


@pytest.mark.django_db
def test_prices_may_move_their_dates_past_each_other() -> None:
    _load(_rich("moving"))
    moved = _rich("moving").replace("2026-06-30", "2026-09-30").replace("2026-07-01", "2026-10-01")
    loaded = _load(moved)
    with transaction(loaded.hospital_id):
        lines = TariffLine.objects.filter(payer="acme").order_by("starts_on")
        assert [(line.starts_on, line.ends_on) for line in lines] == [
            (date(2026, 1, 1), date(2026, 9, 30)),
            (date(2026, 10, 1), None),
        ]
    assert plan(moved).changes == []


@pytest.mark.django_db
def test_a_file_with_mistakes_writes_nothing() -> None:
    loaded = _load(small("careful"))
    with pytest.raises(HospitalFileInvalid) as refusal:
        _load(small("careful").replace("$75", "$80").replace("diagnostic", "diagnostics"))
    assert [problem.path for problem in refusal.value.problems] == ["departments.laboratory.kind"]
    assert Hospital.objects.get(slug="careful").configuration_version == 1
    with transaction(loaded.hospital_id):
        assert TariffLine.objects.get(service__code="consultation_cardiology").price_minor == 7500


@pytest.mark.django_db
def test_the_currency_of_open_books_cannot_change() -> None:
    _load(small("dollars"))
    with pytest.raises(HospitalFileInvalid) as refusal:
        plan(small("dollars").replace("USD", "EUR").replace("$", ""))
    assert [(problem.line, problem.path) for problem in refusal.value.problems] == [(4, "hospital.currency")]


@pytest.mark.django_db
def test_changes_agreed_to_are_refused_when_the_hospital_moved_on_meanwhile() -> None:
    _load(small("meanwhile"))
    agreed = plan(small("meanwhile").replace("$75", "$80"))
    _load(small("meanwhile").replace("$75", "$90"))
    with pytest.raises(Conflict, match="changed in the meantime"):
        _load(small("meanwhile").replace("$75", "$80"), based_on=agreed.version)
    assert Hospital.objects.get(slug="meanwhile").configuration_version == 2


@pytest.mark.django_db
def test_only_an_actor_with_the_permission_loads() -> None:
    with pytest.raises(PermissionRefused):
        load(small("forbidden"), actor=Actor("user:nobody", frozenset({"hospitals.read"})), at=AT)
    loaded = load(small("allowed"), actor=Actor("user:boss", frozenset({"configuration.load"})), at=AT)
    assert loaded.version == 1
    assert not Hospital.objects.filter(slug="forbidden").exists()


@pytest.mark.django_db
def test_an_unknown_hospital_is_said() -> None:
    with pytest.raises(NotFound):
        export("nowhere")
    with pytest.raises(NotFound):
        plan("cardiology:\n  consultation_fee: 5\n", hospital="nowhere")
    with pytest.raises(HospitalFileInvalid, match="Expected 'other', the hospital that was named"):
        plan(small("one"), hospital="other")


@pytest.mark.django_db
def test_hospitals_are_loaded_apart() -> None:
    one, other = _load(small("one_side")), _load(small("other_side").replace("$75", "$99"))
    with transaction(one.hospital_id):
        assert TariffLine.objects.get(service__code="consultation_cardiology").price_minor == 7500
        assert Department.objects.count() == 2
    with transaction(other.hospital_id):
        assert TariffLine.objects.get(service__code="consultation_cardiology").price_minor == 9900
