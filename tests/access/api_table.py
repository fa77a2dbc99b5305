"""Who may call what: every operation of the API, by hand. An operation that is not here fails the test.

A key is given the permissions of a role; what no role but the administrator's has (``billing.read``,
``enforcement.check``, ...) is for programs, whose keys name their scopes.
"""

from __future__ import annotations

from tests.access.table import (
    ADMINISTRATOR,
    AGREES_PLANS,
    BILLING,
    CORRECTS,
    DOCTOR,
    DOCTORS,
    GIVES_BACK,
    LABORATORY,
    LABORATORY_STAFF,
    NURSE,
    OVERRIDES,
    PHARMACIST,
    PHARMACY_STAFF,
    RECEPTION,
    RECEPTIONIST,
    REVIEWS,
    STAFF,
    TAKES_PAYMENTS,
    WARD_STAFF,
)

PROGRAMS = frozenset({ADMINISTRATOR})
RECORDS_EVENTS = frozenset({ADMINISTRATOR, RECEPTIONIST, DOCTOR, LABORATORY, PHARMACIST, NURSE, BILLING})

API_TABLE: dict[str, frozenset[str]] = {
    # The hospital
    "list_hospitals": STAFF,
    "get_hospital": STAFF,
    "list_departments": STAFF,
    "list_wards": STAFF,
    "list_service_points": STAFF,
    # Patients and visits
    "register_patient": RECEPTION,
    "list_patients": PROGRAMS,
    "get_patient": PROGRAMS,
    "merge_patient": RECEPTION,
    "add_coverage": RECEPTION,
    "list_coverages": PROGRAMS,
    "list_payers": PROGRAMS,
    "open_encounter": RECEPTION,
    "list_encounters": PROGRAMS,
    "get_encounter": PROGRAMS,
    "set_triage": RECEPTION,
    "close_encounter": RECEPTION,
    # Events and charges
    "capture_event": RECORDS_EVENTS,
    "capture_events": RECORDS_EVENTS,
    "list_events": PROGRAMS,
    "get_event": PROGRAMS,
    "list_charge_items": PROGRAMS,
    "get_charge_item": PROGRAMS,
    "price_charge_item": CORRECTS,
    "cancel_charge_item": CORRECTS,
    "revise_charge_item": CORRECTS,
    # Money
    "record_payment": TAKES_PAYMENTS,
    "list_payments": PROGRAMS,
    "get_payment": PROGRAMS,
    "void_payment": GIVES_BACK,
    "refund_payment": GIVES_BACK,
    "apply_deposits": TAKES_PAYMENTS,
    "agree_payment_plan": AGREES_PLANS,
    "list_payment_plans": PROGRAMS,
    "list_cash_points": PROGRAMS,
    # Gates and overrides
    "check_gate": PROGRAMS,
    "list_gate_decisions": PROGRAMS,
    "get_gate_decision": PROGRAMS,
    "grant_override": OVERRIDES,
    "list_overrides": PROGRAMS,
    "get_override": PROGRAMS,
    "revoke_override": REVIEWS,
    "review_override": REVIEWS,
    "get_billing_status": PROGRAMS,
    "get_service_point_status": PROGRAMS,
    # Orders
    "order_tests": DOCTORS,
    "prescribe": DOCTORS,
    "admit": DOCTORS,
    "list_orders": PROGRAMS,
    "list_findings": PROGRAMS,
    "get_order": PROGRAMS,
    "cancel_order": DOCTORS,
    # Reception and consultation
    "check_in_patient": RECEPTION,
    "start_consultation": DOCTORS,
    "finish_consultation": DOCTORS,
    "use_equipment": DOCTORS,
    "provide_services": RECORDS_EVENTS,
    # Laboratory
    "list_laboratory_orders": LABORATORY_STAFF,
    "get_laboratory_order": LABORATORY_STAFF,
    "process_order": LABORATORY_STAFF,
    "enter_result": LABORATORY_STAFF,
    "list_samples": LABORATORY_STAFF,
    "collect_samples": LABORATORY_STAFF,
    "receive_sample": LABORATORY_STAFF,
    "reject_sample": LABORATORY_STAFF,
    "verify_results": LABORATORY_STAFF,
    "tell_critical": LABORATORY_STAFF,
    # Pharmacy
    "dispense": PHARMACY_STAFF,
    "substitute_medication": PHARMACY_STAFF,
    "return_medication": PHARMACY_STAFF,
    "receive_stock": PHARMACY_STAFF,
    "adjust_stock": PHARMACY_STAFF,
    "list_stock": PHARMACY_STAFF,
    "get_stock_item": PHARMACY_STAFF,
    # Ward
    "list_beds": WARD_STAFF,
    "assign_bed": WARD_STAFF,
    "list_beds_of_admission": WARD_STAFF,
    "transfer": WARD_STAFF,
    "accrue_daily_charges": WARD_STAFF,
    "discharge": WARD_STAFF,
}
