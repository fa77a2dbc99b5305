"""A population comes in whole, once, and every row agrees with the ledger."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from almoner.charging.models import ChargeItem, ClinicalEvent
from almoner.hospitals.models import Department
from almoner.interop.synthea.tests.support import (
    SAMPLE,
    TRANSACTIONS,
    bring_in,
    changed,
    count,
    hospital_id,
    ledger_digest,
    read_rows,
    write_rows,
)
from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import OpenItem, PatientBalance, Posting
from almoner.patients.models import Coverage, Encounter, Patient
from almoner.payments.models import Payment

TABLES = [
    "patients_patient",
    "patients_patientaccount",
    "patients_coverage",
    "patients_encounter",
    "patients_payer",
    "hospitals_department",
    "catalog_service",
    "catalog_tariffline",
    "charging_clinicalevent",
    "charging_chargeitem",
    "payments_payment",
    "payments_allocation",
    "ledger_journalentry",
    "ledger_posting",
    "kernel_numberseries",
]

pytestmark = pytest.mark.django_db


def test_every_row_of_the_sample_reconciles() -> None:
    result = bring_in(SAMPLE)
    assert list(result.findings) == []
    assert (result.rows, result.reconciled, result.lines, result.final_open_minor) == (30, 30, 9, 0)


def test_totals_by_kind_and_method_agree_between_file_and_ledger() -> None:
    result = bring_in(SAMPLE)
    kinds = {
        name: (total.rows, total.file_minor, total.ledger_minor) for name, total in result.by_kind.items()
    }
    assert kinds == {
        "CHARGE": (9, 129_113, 129_113),
        "open at the end": (9, 0, 0),
        "PAYMENT": (12, 121_113, 121_113),
        "ADJUSTMENT": (1, 8_000, 8_000),
        "TRANSFEROUT": (4, 13_055, 13_055),
        "TRANSFERIN 2": (1, 6_000, 6_000),
        "TRANSFERIN p": (3, 7_055, 7_055),
    }
    methods = {name: (total.file_minor, total.ledger_minor) for name, total in result.by_method.items()}
    assert methods == {
        "CASH": (18_173, 18_173),
        "CC": (1_500, 1_500),
        "CHECK": (2_000, 2_000),
        "COPAY": (6_240, 6_240),
        "ECHECK": (93_200, 93_200),
    }


def test_people_departments_coverage_and_visits_come_with_the_money() -> None:
    bring_in(SAMPLE, "whole")
    with transaction(hospital_id("whole")):
        ana = Patient.objects.get(name="Ana Example")
        assert (ana.birth_date, ana.sex) == (date(1950, 2, 3), "female")
        assert sorted(Department.objects.values_list("name", flat=True)) == [
            "Harbor Street Clinic",
            "Hill Road Hospital",
        ]
        periods = Coverage.objects.filter(patient=ana).order_by("starts_on", "priority")
        assert [(c.payer.code, c.priority, c.starts_on, c.ends_on) for c in periods] == [
            ("state-health-plan", 1, date(2019, 1, 1), date(2020, 1, 1)),
            ("state-health-plan", 1, date(2020, 1, 1), None),
            ("exampleton-mutual", 2, date(2020, 1, 1), None),
        ]
        assert Encounter.objects.count() == 4
        assert ClinicalEvent.objects.filter(kind="patient.checked_in").count() == 4
        emergency = Encounter.objects.get(reason="Fracture")
        assert emergency.encounter_class == "emergency"


def test_charges_keep_the_prices_of_the_file_and_the_local_service_date() -> None:
    bring_in(SAMPLE, "prices")
    with transaction(hospital_id("prices")):
        rays = ChargeItem.objects.get(service__code="snomed-399208008")
        assert (rays.quantity, rays.unit_price_minor, rays.net_minor) == (2, 25_000, 50_000)
        assert rays.price_source == "import"
        free = ChargeItem.objects.get(service__code="snomed-171207006")
        assert (free.net_minor, free.status) == (0, "billable")
        assert {item.service.kind for item in ChargeItem.objects.filter(service__code="rxnorm-308192")} == {
            "medication"
        }
        at_night = ChargeItem.objects.get(service__code="snomed-50849002")
        assert at_night.service_date == date(2021, 9, 10)


def test_an_insurers_payment_settles_the_insurers_part_and_a_patients_the_patients() -> None:
    bring_in(SAMPLE, "sides")
    with transaction(hospital_id("sides")):
        payers = {
            payment.reference.split()[0]: payment.payer_id is not None for payment in Payment.objects.all()
        }
        assert payers == {"ECHECK": True, "COPAY": False, "CASH": False, "CC": False, "CHECK": False}
        stay = ChargeItem.objects.get(service__code="snomed-185347001")
        paid = Posting.objects.filter(charge_item_id=stay.id, payment_id__isnull=False)
        by_payer = {(p.account_code, p.amount_minor) for p in paid}
        assert by_payer == {
            ("payer_receivable", -15_000),
            ("payer_receivable", -4_500),
            ("patient_receivable", -1_500),
        }


def test_receipts_have_no_gap_in_any_series() -> None:
    bring_in(SAMPLE, "receipts")
    with transaction(hospital_id("receipts")):
        series: dict[tuple[str, int], list[int]] = {}
        for payment in Payment.objects.order_by("receipt_number"):
            series.setdefault((payment.receipt_series, payment.receipt_year), []).append(
                payment.receipt_number
            )
        assert series
        for numbers in series.values():
            assert numbers == list(range(1, len(numbers) + 1))


def test_a_second_run_adds_nothing() -> None:
    bring_in(SAMPLE, "twice")
    before = {table: count("twice", table) for table in TABLES}, ledger_digest("twice")
    again = bring_in(SAMPLE, "twice")
    assert again.posted == 0
    assert (again.rows, again.reconciled) == (30, 30)
    assert ({table: count("twice", table) for table in TABLES}, ledger_digest("twice")) == before


def test_an_open_balance_at_the_end_is_a_balance_and_no_error(tmp_path: Path) -> None:
    def leave_open(rows: list[dict[str, str]]) -> None:
        charge, payment = rows[-2:]
        payment["PAYMENTS"], payment["OUTSTANDING"], charge["OUTSTANDING"] = "46.18", "100.00", "100.00"

    result = bring_in(changed(tmp_path / "open", leave_open), "open")
    assert (list(result.findings), result.final_open_minor) == ([], 10_000)
    with transaction(hospital_id("open")):
        balance = PatientBalance.objects.get(receivable_minor__gt=0)
        assert balance.receivable_minor == 10_000


def test_a_payment_made_at_the_hospital_afterwards_is_explained(tmp_path: Path) -> None:
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now
    from almoner.payments.operations import refund_payment

    bring_in(SAMPLE, "later")
    with transaction(hospital_id("later")):
        payment = Payment.objects.get(reference__startswith="CC ")
    refund_payment(
        hospital_id("later"),
        payment.id,
        amount_minor=500,
        reason="charged too much",
        idempotency_key="refund",
        actor=system("test"),
        at=now(),
    )
    result = bring_in(SAMPLE, "later")
    [finding] = result.findings
    assert (finding["explained"], finding["kind"], finding["difference_minor"]) == (True, "CHARGE", 500)
    assert "+ since 5.00 = 5.00" in finding["arithmetic"]
    assert result.unexplained == 0


def test_a_hospital_in_another_currency_refuses() -> None:
    bring_in(SAMPLE, "dollars")
    from almoner.interop.synthea.operations import import_population
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now

    with pytest.raises(Conflict) as refused:
        import_population(
            SAMPLE,
            slug="dollars",
            name="",
            currency="EUR",
            time_zone="UTC",
            actor=system("import"),
            at=now(),
        )
    assert refused.value.field == "--currency"


def test_a_hospital_with_fees_of_its_own_refuses_and_stays_as_it_was() -> None:
    from almoner.charging.models import ChargeRule

    bring_in(SAMPLE, "own-fees")
    with transaction(hospital_id("own-fees")):
        ChargeRule.objects.create(
            hospital_id=hospital_id("own-fees"),
            code="fee",
            event_kind="patient.checked_in",
            service="snomed-185345009",
        )
    before = ledger_digest("own-fees")
    with pytest.raises(Conflict):
        bring_in(SAMPLE, "own-fees")
    assert ledger_digest("own-fees") == before


def test_open_items_are_zero_when_the_file_says_so() -> None:
    bring_in(SAMPLE, "settled")
    with transaction(hospital_id("settled")):
        assert OpenItem.objects.exclude(patient_minor=0, payer_minor=0).count() == 0
        assert OpenItem.objects.count() == 9


def test_rows_of_a_claim_may_stand_anywhere_between_those_of_others(tmp_path: Path) -> None:
    def interleave(rows: list[dict[str, str]]) -> None:
        lines: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in rows:
            lines.setdefault((row["CLAIMID"], row["PROCEDURECODE"]), []).append(row)
        rows[:] = [line[turn] for turn in range(8) for line in lines.values() if turn < len(line)]

    folder = changed(tmp_path / "mixed", interleave)
    assert [row["ID"] for row in read_rows(folder)] != [row["ID"] for row in read_rows(SAMPLE)]
    result = bring_in(folder)
    assert (result.reconciled, list(result.findings)) == (30, [])


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    folder = changed(tmp_path / "turned", lambda rows: None)
    write_rows(folder, [dict(reversed(row.items())) for row in read_rows(folder)], TRANSACTIONS)
    assert bring_in(folder).reconciled == 30
