"""Whether a part of a charge may be paid: as the most specific setting says, at once, and never by half."""

from __future__ import annotations

import pytest

from almoner.enforcement.facts import known_policies
from almoner.kernel.errors import DomainError
from almoner.payments.models import Payment
from tests.support.hospital import TestHospital, TestPatient, enforce, make_hospital

pytestmark = pytest.mark.django_db


def owing(hospital: TestHospital, category: str = "general") -> TestPatient:
    """A patient who owes a consultation, $75.00, and a blood count, $30.00."""
    patient = hospital.patient(category=category)
    hospital.capture("service.provided", "consultation", patient=patient)
    hospital.capture("service.provided", "blood_count", patient=patient)
    return patient


def refused(hospital: TestHospital, patient: TestPatient, amount_minor: int) -> str:
    with pytest.raises(DomainError) as refusal:
        hospital.pay(patient, amount_minor)
    assert (refusal.value.code, refusal.value.field) == ("part_not_allowed", "amount_minor")
    with hospital.transaction():
        assert not Payment.objects.filter(patient_account=patient.account_id).exists()
    return refusal.value.message


def test_the_hospital_says_whether_a_part_may_be_paid() -> None:
    hospital = make_hospital()
    patient = owing(hospital)
    enforce(hospital, "hospital", service_policies={"allow_partial_payments": "disabled"})
    message = refused(hospital, patient, 5000)
    assert message == (
        "Consultation is paid in one sum. This payment covers $50.00 of it and leaves $25.00 open."
    )
    assert refused(hospital, patient, 9000).startswith("Blood count is paid in one sum.")
    assert hospital.pay(patient, 7500).unallocated_minor == 0
    enforce(hospital, "hospital", service_policies={"allow_partial_payments": "enabled"})
    assert hospital.pay(patient, 1000).unallocated_minor == 0


def test_the_most_specific_setting_decides() -> None:
    hospital = make_hospital()
    enforce(hospital, "hospital", service_policies={"allow_partial_payments": "disabled"})
    enforce(hospital, "service", "consultation", partial_payment="allowed")
    patient = owing(hospital)
    assert hospital.pay(patient, 5000).amount_minor == 5000
    enforce(hospital, "patient_category", "staff", partial_payment="not_allowed")
    assert "Consultation" in refused(hospital, owing(hospital, "staff"), 5000)


def test_a_change_counts_from_the_next_payment_on_even_where_the_process_knows_the_old_policies() -> None:
    hospital = make_hospital()
    patient = owing(hospital)
    assert hospital.pay(patient, 100).amount_minor == 100
    known = known_policies(hospital.id)
    assert known is not None
    enforce(hospital, "department", "cardiology", partial_payment="not_allowed")
    enforce(hospital, "hospital", service_policies={"allow_partial_payments": "disabled"})
    assert known_policies(hospital.id) is known
    with pytest.raises(DomainError) as refusal:
        hospital.pay(patient, 100)
    assert refusal.value.code == "part_not_allowed"


def test_a_deposit_and_what_pays_a_charge_off_are_no_parts() -> None:
    hospital = make_hospital()
    enforce(hospital, "hospital", service_policies={"allow_partial_payments": "disabled"})
    patient = owing(hospital)
    assert hospital.pay(patient, 5000, shares=[], excess="deposit").unallocated_minor == 5000
    assert hospital.pay(patient, 10500).unallocated_minor == 0
