"""Files for the tests: a small whole one, and the blocks of the specification as they are printed there."""

from __future__ import annotations

SMALL = """\
hospital:
  slug: {slug}
  name: Small Hospital
  currency: USD
  time_zone: Europe/Berlin
departments:
  cardiology:
    consultation_fee: $75
  laboratory:
    kind: diagnostic
services:
  cbc:
    name: Complete Blood Count
    kind: laboratory
    department: laboratory
    price: $40
"""

SECTION_1_2 = """\
cardiology:
  consultation_fee: $75
  payment_required_before_consultation: true
  emergency_override: true
  equipment_fee: $25

general_medicine:
  consultation_fee: $30
  payment_required_before_consultation: false
  emergency_override: true
  equipment_fee: $0

emergency:
  consultation_fee: $50
  payment_required_before_consultation: false
  emergency_override: always
  trauma_surcharge: $30
"""

SECTION_2_1 = """\
Ward Billing Types:
  one_time:
    - Admission Fee
    - Discharge Processing
    - Room Setup
    - Special Equipment Installation

  daily:
    - Room Charge
    - Nursing Care
    - Meals
    - Utilities
    - Medical Equipment Rental

  hourly:
    - ICU Monitoring
    - Ventilator Usage
    - Specialized Nursing
    - Emergency Care

  percentage:
    - Service Charge (% of total bill)
    - Insurance Deductible (% of covered amount)
    - Late Payment Penalty (% of outstanding)

  quantity_based:
    - Meals Consumed
    - Procedures Performed
    - Medications Administered
    - Diagnostic Tests

  event_triggered:
    - Emergency Response
    - Code Blue Response
    - Transfer Between Wards
    - Visitor Accommodation
"""

SECTION_3_1 = """\
Payment Enforcement Levels:
  strict:
    - No service without payment
    - Immediate payment required
    - Cannot proceed to next step

  moderate:
    - Can defer payment for limited time
    - Can proceed with payment plan
    - Blocks non-essential services

  flexible:
    - Payment reminders only
    - Can accumulate charges
    - Monthly billing cycles

  emergency_override:
    - All services available regardless of payment
    - Charges still accumulate
    - Payment required before discharge
"""

SECTION_4_1 = """\
System Configuration:
  payment_enforcement:
    global_policy: {global_policy}
    emergency_override: {emergency_override}
    payment_plans: {payment_plans}
    grace_periods: {grace_periods}

  service_policies:
    require_payment_before_service: by_service_type
    allow_partial_payments: {allow_partial_payments}
    auto_payment_plans: {auto_payment_plans}
    payment_reminders: {payment_reminders}

  billing_cycles:
    real_time: immediate charge creation
    daily_batch: end of day billing
    weekly_batch: weekly billing runs
    monthly_batch: monthly billing cycles
"""
VALUES_4_1 = {
    "global_policy": ["strict", "moderate", "flexible", "emergency_only"],
    "emergency_override": ["always", "conditional", "never"],
    "payment_plans": ["enabled", "disabled"],
    "grace_periods": ["0", "30", "7 days", "1 day"],
    "allow_partial_payments": ["enabled", "disabled"],
    "auto_payment_plans": ["enabled", "disabled"],
    "payment_reminders": ["enabled", "disabled"],
}

LATE_FEE = """\
  late_fee:
    name: Late fee
    kind: other
"""
"""Another service of ``SMALL``, which late fees are charged as."""

SECTION_4_2 = """\
Per Service Configuration:
  service_id: "consultation_cardiology"
  billing_rules:
    charge_timing: {charge_timing}
    payment_required: {payment_required}
    payment_timing: {payment_timing}
    emergency_override: {emergency_override}
    partial_payment: {partial_payment}
    payment_plans: {payment_plans}
    grace_period: {grace_period}
    late_fees: {late_fees}
    service_blocking: {service_blocking}
"""
VALUES_4_2 = {
    "charge_timing": ["on_checkin", "before_service", "during_service", "after_service"],
    "payment_required": ["mandatory", "optional", "deferred"],
    "payment_timing": ["immediate", "within_24h", "end_of_visit", "monthly"],
    "emergency_override": ["allowed", "not_allowed"],
    "partial_payment": ["allowed", "not_allowed"],
    "payment_plans": ["available", "not_available"],
    "grace_period": ["0", "30", "14 days"],
    "late_fees": ["enabled", "disabled"],
    "service_blocking": ["enabled", "disabled"],
}


def small(slug: str = "small") -> str:
    """A whole file with two departments and a test."""
    return SMALL.format(slug=slug)


def first_values(values: dict[str, list[str]]) -> dict[str, str]:
    """The first allowed value of every key."""
    return {key: allowed[0] for key, allowed in values.items()}
