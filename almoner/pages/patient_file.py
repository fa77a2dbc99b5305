"""Everything about a patient that a page shows, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from almoner.enforcement.concealment import concealed_orders, concealing_steps
from almoner.enforcement.queries import BillingStatus, billing_status
from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction
from almoner.messaging.queries import with_opt_outs
from almoner.patients.diagnoses import PERMISSION_READ_DIAGNOSES
from almoner.patients.models import Patient

MAXIMUM_VISITS = 12
MAXIMUM_CHARGES = 80
MAXIMUM_PAYMENTS = 20
MAXIMUM_ARRANGEMENTS = 20


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit. ``diagnoses`` are (code or empty, text) of those that stand, for who may read them."""

    encounter_id: UUID
    number: str
    encounter_class: str
    department: str
    reason: str
    started_at: datetime
    ended_at: datetime | None
    diagnoses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge, or the concealed ones of one order together (then ``name`` is empty).

    ``dispute``: what the patient says is wrong, until it is resolved. ``state``: cancelled, planned, unpriced, held, open, payer (the payer's part is open) or paid.
    """

    charge_item_id: UUID
    encounter_id: UUID | None
    order_id: UUID | None
    name: str
    quantity: str
    order_number: str
    department: str
    service_date: date
    net_minor: int | None
    open_minor: int
    state: str
    delivered: bool
    dispute: str = ""


@dataclass(frozen=True, slots=True)
class MoneyIn:
    """A payment. ``unallocated_minor`` of it is held as a deposit, ``refunded_minor`` was given back."""

    payment_id: UUID
    receipt: str
    method: str
    amount_minor: int
    unallocated_minor: int
    refunded_minor: int
    received_at: datetime
    received_by: str
    voided: bool
    by_payer: bool


@dataclass(frozen=True, slots=True)
class Arrangement:
    """An override or a payment plan. ``ends``: when the override expires; of a plan, when it was agreed."""

    kind: str
    id: UUID
    title: str
    says: str
    by: str
    at: datetime
    ends: datetime
    status: str
    total_minor: int


@dataclass(frozen=True, slots=True)
class PatientFile:
    """A patient, how they stand, and what led to it. Concealed details are not in it."""

    patient: Patient
    status: BillingStatus
    visits: tuple[Visit, ...]
    charges: tuple[Charge, ...]
    payments: tuple[MoneyIn, ...]
    arrangements: tuple[Arrangement, ...]


def find_patient(patient_id: UUID) -> Patient:
    """The record with this id and its opt-outs; it may have been merged into another. Raises ``NotFound``."""
    patient = with_opt_outs(Patient.objects.filter(id=patient_id)).first()
    if patient is None:
        raise NotFound(
            _("There is no such patient at this hospital."), field="patient_id", code="unknown_patient"
        )
    return patient


def read_patient_file(patient: Patient, *, actor: Actor, at: datetime) -> PatientFile:
    """The file of ``patient`` as ``actor`` may see it at ``at``; six statements. Needs the transaction."""
    hospital_id = require_transaction()
    status = billing_status(hospital_id, patient.id, at=at)
    return PatientFile(
        patient=patient,
        status=status,
        visits=tuple(_visits(hospital_id, patient.id, actor)),
        charges=tuple(_charges(hospital_id, patient.id, status, actor, at)),
        payments=tuple(MoneyIn(*row) for row in _rows(_PAYMENTS, hospital_id, patient.id, MAXIMUM_PAYMENTS)),
        arrangements=tuple(
            Arrangement(*row)
            for row in _rows(_ARRANGEMENTS, hospital_id, patient.id, MAXIMUM_ARRANGEMENTS, at=at)
        ),
    )


def _rows(sql: str, hospital_id: UUID, patient_id: UUID, limit: int, **more: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"hospital": hospital_id, "patient": patient_id, "limit": limit, **more})
        return list(cursor.fetchall())


def _visits(hospital_id: UUID, patient_id: UUID, actor: Actor) -> Iterator[Visit]:
    may_read = actor.may(PERMISSION_READ_DIAGNOSES)
    for *visit, found in _rows(_VISITS, hospital_id, patient_id, MAXIMUM_VISITS, diagnoses=may_read):
        yield Visit(*[*visit, tuple((code, text) for code, text in found or ())])


_VISITS = """
SELECT encounter.id, encounter.number, encounter.encounter_class, department.name, encounter.reason,
       encounter.started_at, encounter.ended_at,
       CASE WHEN %(diagnoses)s THEN ARRAY(
           SELECT ARRAY[diagnosis.code, diagnosis.text] FROM patients_diagnosis AS diagnosis
           WHERE diagnosis.hospital_id = %(hospital)s AND diagnosis.encounter_id = encounter.id
             AND diagnosis.withdrawn_at IS NULL
           ORDER BY diagnosis.recorded_at, diagnosis.id) END
FROM patients_encounter AS encounter
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
WHERE encounter.hospital_id = %(hospital)s AND encounter.patient_id = %(patient)s
ORDER BY encounter.started_at DESC, encounter.id DESC
LIMIT %(limit)s
"""

_CHARGES = """
SELECT item.id, item.encounter_id, item.order_id, service.name, item.quantity, item.required_at,
       coalesce(test_order.number, prescription.number, admission.number, ''), coalesce(department.name, ''),
       item.service_date, item.net_minor, item.status, item.delivered_at IS NOT NULL,
       coalesce(open_item.patient_minor, 0), coalesce(open_item.payer_minor, 0),
       coalesce((SELECT dispute.reason FROM charging_chargedispute AS dispute
                 LEFT JOIN charging_disputeresolution AS resolution
                     ON resolution.hospital_id = %(hospital)s AND resolution.dispute_id = dispute.id
                 WHERE dispute.hospital_id = %(hospital)s AND dispute.charge_item_id = item.id
                   AND resolution.id IS NULL LIMIT 1), '')
FROM charging_chargeitem AS item
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
LEFT JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = item.department_id
LEFT JOIN ledger_openitem AS open_item ON open_item.hospital_id = %(hospital)s AND open_item.id = item.id
LEFT JOIN orders_testorder AS test_order
    ON test_order.hospital_id = %(hospital)s AND test_order.id = item.order_id
LEFT JOIN orders_prescription AS prescription
    ON prescription.hospital_id = %(hospital)s AND prescription.id = item.order_id
LEFT JOIN orders_admission AS admission
    ON admission.hospital_id = %(hospital)s AND admission.id = item.order_id
WHERE item.hospital_id = %(hospital)s AND item.patient_account_id IN (
    SELECT id FROM patients_patientaccount WHERE hospital_id = %(hospital)s AND patient_id = %(patient)s)
ORDER BY item.service_date DESC, item.captured_at DESC, item.event_id, item.line, item.id
LIMIT %(limit)s
"""

_PAYMENTS = """
SELECT payment.id,
       payment.receipt_series || '-' || payment.receipt_year || '-' || lpad(payment.receipt_number::text, 6, '0'),
       payment.method, payment.amount_minor, payment.unallocated_minor,
       coalesce((SELECT sum(refund.amount_minor) FROM payments_refund AS refund
                 WHERE refund.hospital_id = %(hospital)s AND refund.payment_id = payment.id), 0)::bigint,
       payment.received_at, payment.received_by, void.id IS NOT NULL, payment.payer_id IS NOT NULL
FROM payments_payment AS payment
LEFT JOIN payments_paymentvoid AS void
    ON void.hospital_id = %(hospital)s AND void.payment_id = payment.id
WHERE payment.hospital_id = %(hospital)s AND payment.patient_account_id IN (
    SELECT id FROM patients_patientaccount WHERE hospital_id = %(hospital)s AND patient_id = %(patient)s)
ORDER BY payment.received_at DESC, payment.id DESC
LIMIT %(limit)s
"""

_ARRANGEMENTS = """
(SELECT 'override', override.id, override.step, override.reason, override.created_by, override.created_at,
        override.expires_at, CASE WHEN revocation.id IS NULL THEN '' ELSE 'revoked' END, 0::bigint
 FROM enforcement_override AS override
 LEFT JOIN enforcement_overriderevocation AS revocation
     ON revocation.hospital_id = %(hospital)s AND revocation.override_id = override.id
 WHERE override.hospital_id = %(hospital)s AND override.encounter_id IN (
     SELECT id FROM patients_encounter WHERE hospital_id = %(hospital)s AND patient_id = %(patient)s)
 ORDER BY override.expires_at DESC LIMIT %(limit)s)
UNION ALL
(SELECT 'plan', plan.id, '', (SELECT count(*)::text FROM payments_planinstalment AS part
                             WHERE part.hospital_id = %(hospital)s AND part.plan_id = plan.id),
        plan.agreed_by, plan.agreed_at, plan.agreed_at, standing.status, plan.total_minor
 FROM payments_paymentplan AS plan
 CROSS JOIN LATERAL payments_plan_standing(%(hospital)s, plan.id, %(at)s) AS standing
 WHERE plan.hospital_id = %(hospital)s AND plan.patient_account_id IN (
     SELECT id FROM patients_patientaccount WHERE hospital_id = %(hospital)s AND patient_id = %(patient)s)
 ORDER BY plan.agreed_at DESC LIMIT %(limit)s)
ORDER BY 6 DESC
"""


def _charges(
    hospital_id: UUID, patient_id: UUID, status: BillingStatus, actor: Actor, at: datetime
) -> list[Charge]:
    rows = _rows(_CHARGES, hospital_id, patient_id, MAXIMUM_CHARGES)
    hiding = concealing_steps()
    waiting = [
        (step, row[1], row[2])
        for row in rows
        if row[1] and row[2] and not row[11]
        for step in hiding.intersection(row[5])
    ]
    concealed = concealed_orders(hospital_id, dict.fromkeys(waiting), actor=actor, at=at)
    held = {(blocked.encounter_id, blocked.order_id, blocked.step) for blocked in status.blocked_services}
    charges: list[Charge] = []
    together: dict[UUID, int] = {}
    for row in rows:
        (item_id, encounter_id, order_id, name, quantity, required_at, number, department, day, net_minor,
         item_status, delivered, open_minor, payer_minor, dispute) = row  # fmt: skip
        is_held = not delivered and any((encounter_id, order_id, step) in held for step in required_at)
        charge = Charge(
            charge_item_id=item_id,
            encounter_id=encounter_id,
            order_id=order_id,
            name="" if order_id in concealed else name,
            quantity="" if order_id in concealed or quantity == 1 else f"{quantity.normalize():f}",
            order_number=number,
            department=department,
            service_date=day,
            net_minor=net_minor,
            open_minor=open_minor,
            state=_state(item_status, open_minor, payer_minor, is_held),
            delivered=delivered,
            dispute="" if order_id in concealed else dispute,
        )
        if order_id not in concealed:
            charges.append(charge)
        elif order_id in together:
            charges[together[order_id]] = _added(charges[together[order_id]], charge)
        else:
            together[order_id] = len(charges)
            charges.append(charge)
    return charges


def _state(item_status: str, open_minor: int, payer_minor: int, is_held: bool) -> str:
    if item_status in ("cancelled", "entered_in_error"):
        return "cancelled"
    if is_held:
        return "held"
    if item_status != "billable":
        return item_status
    if open_minor > 0:
        return "open"
    return "payer" if payer_minor > 0 else "paid"


def _added(one: Charge, other: Charge) -> Charge:
    """Two concealed charges of an order as one: what they come to, and no more."""
    if other.state == "cancelled":
        return one
    if one.state == "cancelled":
        return other
    return replace(
        one,
        net_minor=(one.net_minor or 0) + (other.net_minor or 0),
        open_minor=one.open_minor + other.open_minor,
        state=one.state if one.state == "held" else other.state,
    )
