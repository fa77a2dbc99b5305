"""Placing and cancelling orders. An order is never blocked; its charges are captured with it.

Every operation takes an idempotency key: the order's id follows from it, so that a repeated request
finds the order that the first one made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from almoner.catalog.models import Service
from almoner.charging.models import ChargeItem
from almoner.charging.operations import Captured, capture
from almoner.charging.rules import Event, EventLine
from almoner.enforcement.facts import Subject
from almoner.hospitals.models import Ward
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import transaction
from almoner.orders.models import (
    Admission,
    Order,
    Prescription,
    PrescriptionLine,
    PrescriptionType,
    Priority,
    TestOrder,
    TestOrderLine,
)
from almoner.patients.operations import find_encounter
from almoner.payments.operations import cancel_charge

PERMISSION_ORDER = "orders.write"
AnyOrder = TypeVar("AnyOrder", bound=Order)


@dataclass(frozen=True, slots=True)
class Placed(Generic[AnyOrder]):
    """An order and what it charged."""

    order: AnyOrder
    captured: Captured


def order_id_for(hospital_id: UUID, kind: str, idempotency_key: str) -> UUID:
    """The id that an order placed under this key has."""
    return uuid5(hospital_id, f"{kind}:{check_key(idempotency_key)}")


def _check_priority(priority: str) -> None:
    if priority not in Priority.values:
        raise DomainError(
            _("Expected one of %(values)s.") % {"values": ", ".join(Priority.values)},
            field="priority",
            code="invalid_priority",
        )


def _check_lines(lines: Sequence[object]) -> None:
    if not 1 <= len(lines) <= 100:
        raise DomainError(_("An order has 1 to 100 lines."), field="lines", code="invalid_lines")


def _services(codes: Sequence[str], kind: str) -> dict[str, Service]:
    found = {service.code: service for service in Service.objects.filter(code__in=codes, is_active=True)}
    for number, code in enumerate(codes):
        if code not in found:
            raise DomainError(
                _("There is no service %(code)r in this hospital's catalog.") % {"code": code},
                field=f"lines[{number}].service",
                code="unknown_service",
            )
        if found[code].kind != kind:
            raise DomainError(
                _("%(code)r is a %(kind)s service, expected %(expected)s.")
                % {"code": code, "kind": found[code].kind, "expected": kind},
                field=f"lines[{number}].service",
                code="wrong_service_kind",
            )
    return found


def order_tests(
    hospital_id: UUID,
    *,
    encounter_id: UUID,
    services: Sequence[str],
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    priority: str = Priority.ROUTINE,
) -> Placed[TestOrder]:
    """Order laboratory tests (section 1.3, phase 1). Never blocked; the laboratory sees the order at once."""
    actor.require(PERMISSION_ORDER)
    _check_priority(priority)
    _check_lines(services)
    order_id = order_id_for(hospital_id, "test_order", idempotency_key)
    with transaction(hospital_id):
        found = _services(services, Service.Kind.LABORATORY)
        encounter = find_encounter(encounter_id)
        captured = capture(
            hospital_id,
            Event(
                kind="lab_test.ordered",
                idempotency_key=idempotency_key,
                encounter_id=encounter_id,
                order_id=order_id,
                lines=tuple(EventLine(code) for code in services),
                priority=priority,
                request_type=encounter.visit_type,
            ),
            actor=actor,
            at=at,
        )
        if captured.replayed:
            return Placed(TestOrder.objects.get(id=order_id), captured)
        order = TestOrder.objects.create(
            id=order_id,
            hospital_id=hospital_id,
            number=f"LAB-{next_number('test_order', 0)}",
            patient_id=captured.patient_id,
            encounter_id=encounter_id,
            priority=priority,
            ordered_at=at,
            ordered_by=actor.name,
        )
        TestOrderLine.objects.bulk_create(
            [
                TestOrderLine(hospital_id=hospital_id, order=order, line=line, service=found[code])
                for line, code in enumerate(services, start=1)
            ]
        )
        return Placed(order, captured)


@dataclass(frozen=True, slots=True)
class Medication:
    """A medication of a prescription and how much of it."""

    service: str
    quantity: Decimal


def prescribe(
    hospital_id: UUID,
    *,
    encounter_id: UUID,
    medications: Sequence[Medication],
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    priority: str = Priority.ROUTINE,
    request_type: str = PrescriptionType.FIRST,
) -> Placed[Prescription]:
    """Prescribe medications (section 1.4): charged by quantity now, delivered when dispensed.

    ``request_type`` (section 3.2): an ``emergency`` medication is never held, ``maintenance`` (a standing one)
    is deferred where the policy defers, ``elective`` waits for payment.
    """
    actor.require(PERMISSION_ORDER)
    _check_priority(priority)
    _check_lines(medications)
    if request_type not in PrescriptionType.values:
        raise DomainError(
            _("Expected one of %(values)s.") % {"values": ", ".join(PrescriptionType.values)},
            field="request_type",
            code="invalid_request_type",
        )
    order_id = order_id_for(hospital_id, "prescription", idempotency_key)
    with transaction(hospital_id):
        found = _services([line.service for line in medications], Service.Kind.MEDICATION)
        captured = capture(
            hospital_id,
            Event(
                kind="medication.prescribed",
                idempotency_key=idempotency_key,
                encounter_id=encounter_id,
                order_id=order_id,
                lines=tuple(EventLine(line.service, line.quantity) for line in medications),
                priority=priority,
                request_type=request_type,
            ),
            actor=actor,
            at=at,
        )
        if captured.replayed:
            return Placed(Prescription.objects.get(id=order_id), captured)
        prescription = Prescription.objects.create(
            id=order_id,
            hospital_id=hospital_id,
            number=f"RX-{next_number('prescription', 0)}",
            patient_id=captured.patient_id,
            encounter_id=encounter_id,
            priority=priority,
            request_type=request_type,
            ordered_at=at,
            ordered_by=actor.name,
        )
        PrescriptionLine.objects.bulk_create(
            [
                PrescriptionLine(
                    hospital_id=hospital_id,
                    prescription=prescription,
                    line=number,
                    service=found[line.service],
                    quantity=line.quantity,
                )
                for number, line in enumerate(medications, start=1)
            ]
        )
        return Placed(prescription, captured)


def admit(
    hospital_id: UUID,
    *,
    encounter_id: UUID,
    ward: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    priority: str = Priority.ROUTINE,
    request_type: str = "first",
) -> Placed[Admission]:
    """Order an admission to ``ward`` (section 1.5, phase 1). Never blocked: the patient awaits a bed.

    One-time charges are captured, daily ones foreseen; they begin when the bed is taken.
    """
    actor.require(PERMISSION_ORDER)
    _check_priority(priority)
    order_id = order_id_for(hospital_id, "admission", idempotency_key)
    with transaction(hospital_id):
        target = Ward.objects.filter(code=ward, is_active=True).first()
        if target is None:
            raise NotFound(
                _("There is no ward %(ward)r at this hospital.") % {"ward": ward},
                field="ward",
                code="unknown_ward",
            )
        known = Admission.objects.filter(id=order_id).first()
        encounter = find_encounter(encounter_id)
        if known is None:
            waiting = Admission.objects.filter(
                encounter_id=encounter_id, cancelled_at=None, discharged_at=None
            )
            if waiting.exists():
                raise Conflict(
                    _("The patient is admitted in this encounter already."),
                    field="encounter_id",
                    code="already_admitted",
                )
            encounter.ward_type = target.ward_type
            encounter.save(update_fields=["ward_type"])
        captured = capture(
            hospital_id,
            Event(
                kind="ward.admitted",
                idempotency_key=idempotency_key,
                encounter_id=encounter_id,
                order_id=order_id,
                priority=priority,
                request_type=request_type,
                body={"ward": ward},
            ),
            actor=actor,
            at=at,
        )
        if known is not None:
            return Placed(known, captured)
        admission = Admission.objects.create(
            id=order_id,
            hospital_id=hospital_id,
            number=f"ADM-{next_number('admission', 0)}",
            patient_id=captured.patient_id,
            encounter_id=encounter_id,
            ward=target,
            priority=priority,
            request_type=request_type,
            ordered_at=at,
            ordered_by=actor.name,
        )
        return Placed(admission, captured)


def find_order(model: type[AnyOrder], order_id: UUID) -> AnyOrder:
    """The order, locked until the transaction ends. Raises ``NotFound``."""
    order = model._default_manager.select_for_update(no_key=True).filter(id=order_id).first()
    if order is None:
        raise NotFound(_("There is no such order at this hospital."), field="order_id", code="unknown_order")
    return order


def subject_of(model: type[Order]) -> Callable[[UUID], Subject]:
    """How a gate finds what is asked about when it is given the id of an order of ``model``."""

    def locate(order_id: UUID) -> Subject:
        order = find_order(model, order_id)
        if order.cancelled_at is not None:
            raise Conflict(_("The order was cancelled."), field="order_id", code="order_cancelled")
        return Subject(order.encounter_id, order.id)

    return locate


def cancel_order(
    hospital_id: UUID, model: type[AnyOrder], order_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> AnyOrder:
    """Cancel an order that was not fulfilled: its charges are taken back, what was paid becomes a deposit.

    Cancelling again changes nothing. Raises ``Conflict`` when something of it was delivered.
    """
    actor.require(PERMISSION_ORDER)
    with transaction(hospital_id):
        order = find_order(model, order_id)
        if order.cancelled_at is not None:
            return order
        items = ChargeItem.objects.filter(order_id=order_id, status__in=["planned", "unpriced", "billable"])
        if items.exclude(delivered_at=None).exists():
            raise Conflict(
                _("Part of this order was delivered already; correct its charges instead."),
                field="order_id",
                code="order_delivered",
            )
        for item in items.order_by("id"):
            cancel_charge(hospital_id, item.id, actor=actor, at=at, source_id=order_id)
        order.cancelled_at = at
        order.save(update_fields=["cancelled_at"])
        audit.record(
            "order.cancelled",
            actor=actor,
            at=at,
            subject_kind=model.__name__,
            subject_id=order_id,
            reason=reason,
        )
        return order
