"""/orders: tests, prescriptions and admissions. An order is never held; its charges come with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field

from almoner.charging.operations import Captured
from almoner.charging.wire import ChargeItemResource, Priority, charge_item_resource
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import NotFound
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Code, DecimalText, IdempotencyKey, Input, Quantity, Reason, Resource, answer
from almoner.orders import operations
from almoner.orders.findings import findings_of_order
from almoner.orders.models import (
    Admission,
    Order,
    Prescription,
    PrescriptionLine,
    TestOrder,
    TestOrderLine,
)
from almoner.orders.referrals import MAXIMUM_TEXT, refer

SCOPE_READ = "orders.read"
"""May read what was ordered, by name: not for the laboratory, which has its own work list."""
router = Router(tags=["Orders"])

OrderKind = Literal["tests", "prescriptions", "admissions"]
RequestType = Literal["first", "follow_up", "maintenance"]
PrescriptionType = Literal["first", "follow_up", "maintenance", "elective", "emergency"]


class NewTestOrder(Input):
    """Laboratory tests by the codes of their services."""

    encounter_id: UUID
    services: Annotated[list[Code], Field(min_length=1, max_length=100)]
    priority: Priority = "routine"


class NewMedication(Input):
    service: Code
    quantity: Quantity


class NewPrescription(Input):
    """Medications by the codes of their services. ``request_type`` is the kind of medication (section 3.2):

    ``emergency`` is never held, ``maintenance`` is deferred where the policy defers, ``elective`` waits.
    """

    encounter_id: UUID
    medications: Annotated[list[NewMedication], Field(min_length=1, max_length=100)]
    priority: Priority = "routine"
    request_type: PrescriptionType = "first"


class NewAdmission(Input):
    """An admission to a ward (its code). The bed is assigned by the ward."""

    encounter_id: UUID
    ward: Code
    priority: Priority = "routine"
    request_type: RequestType = "first"


class NewOrderCancellation(Input):
    reason: Reason


class OrderLineResource(Resource):
    id: UUID
    line: int
    service: str
    name: str
    quantity: DecimalText


class OrderResource(Resource):
    """An order. ``number`` is what people say; ``ward`` is set on an admission."""

    id: UUID
    number: str
    kind: OrderKind
    patient_id: UUID
    encounter_id: UUID
    priority: str
    ordered_at: datetime
    ordered_by: str
    cancelled_at: datetime | None
    ward: str
    lines: list[OrderLineResource]


class FindingResource(Resource):
    """A released result of a test. ``flag``: L, H, and LL, HH beyond a critical bound. ``version`` above 1: it
    corrects one that was released before."""

    id: UUID
    order_line_id: UUID
    service: str
    parameter: str
    name: str
    value: str
    unit: str
    low: DecimalText | None
    high: DecimalText | None
    flag: str
    version: int
    released_at: datetime
    entered_by: str
    verified_by: str


class FindingList(Resource):
    items: list[FindingResource]


class OrderPage(Page[OrderResource]):
    """Orders."""


class PlacedOrder(OrderResource):
    """An order just placed, and what it charged. Amounts in minor units of ``currency``."""

    currency: str
    total_minor: int
    charge_items: list[ChargeItemResource]


MODELS: dict[str, type[Order]] = {
    "tests": TestOrder,
    "prescriptions": Prescription,
    "admissions": Admission,
}


def _lines(kind: str, orders: Sequence[Order]) -> dict[UUID, list[OrderLineResource]]:
    """The lines of ``orders`` by order, in one statement."""
    found: dict[UUID, list[OrderLineResource]] = {}
    ids = [order.id for order in orders]
    rows: Any = ()
    if kind == "tests":
        rows = TestOrderLine.objects.select_related("service").filter(order__in=ids)
    elif kind == "prescriptions":
        rows = PrescriptionLine.objects.select_related("service").filter(prescription__in=ids)
    for row in sorted(rows, key=lambda row: row.line):
        order_id = row.order_id if kind == "tests" else row.prescription_id
        found.setdefault(order_id, []).append(
            OrderLineResource(
                id=row.id,
                line=row.line,
                service=row.service.code,
                name=row.service.name,
                quantity=Decimal(1) if kind == "tests" else row.quantity,
            )
        )
    return found


def _fields(kind: str, order: Order, lines: list[OrderLineResource]) -> dict[str, Any]:
    return {
        "id": order.id,
        "number": order.number,
        "kind": kind,
        "patient_id": order.patient_id,
        "encounter_id": order.encounter_id,
        "priority": order.priority,
        "ordered_at": order.ordered_at,
        "ordered_by": order.ordered_by,
        "cancelled_at": order.cancelled_at,
        "ward": order.ward.code if isinstance(order, Admission) else "",
        "lines": lines,
    }


def _placed(kind: str, order: Order, captured: Captured, currency: str) -> HttpResponse:
    resource = PlacedOrder(
        **_fields(kind, order, _lines(kind, [order]).get(order.id, [])),
        currency=currency,
        total_minor=captured.total_minor,
        charge_items=[charge_item_resource(item) for item in captured.items],
    )
    return answer(resource, 201, replayed=captured.replayed)


@router.post("/orders/tests", auth=needs(operations.PERMISSION_ORDER), response={201: PlacedOrder})
def order_tests(request: ApiRequest, body: NewTestOrder, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Order laboratory tests. Never held: the laboratory sees the order at once, its names once released."""
    caller = request.auth
    with transaction(caller.hospital_id):
        placed = operations.order_tests(
            caller.hospital_id,
            encounter_id=body.encounter_id,
            services=body.services,
            priority=body.priority,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return _placed("tests", placed.order, placed.captured, caller.currency)


@router.post("/orders/prescriptions", auth=needs(operations.PERMISSION_ORDER), response={201: PlacedOrder})
def prescribe(request: ApiRequest, body: NewPrescription, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Prescribe medications: charged by quantity now, delivered when they are dispensed."""
    caller = request.auth
    with transaction(caller.hospital_id):
        placed = operations.prescribe(
            caller.hospital_id,
            encounter_id=body.encounter_id,
            medications=[operations.Medication(line.service, line.quantity) for line in body.medications],
            priority=body.priority,
            request_type=body.request_type,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return _placed("prescriptions", placed.order, placed.captured, caller.currency)


@router.post("/orders/admissions", auth=needs(operations.PERMISSION_ORDER), response={201: PlacedOrder})
def admit(request: ApiRequest, body: NewAdmission, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Order an admission. One-time charges are captured, daily ones foreseen until a bed is taken."""
    caller = request.auth
    with transaction(caller.hospital_id):
        placed = operations.admit(
            caller.hospital_id,
            encounter_id=body.encounter_id,
            ward=body.ward,
            priority=body.priority,
            request_type=body.request_type,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return _placed("admissions", placed.order, placed.captured, caller.currency)


@router.get("/orders", auth=needs(SCOPE_READ), response=OrderPage)
def list_orders(
    request: ApiRequest,
    kind: Annotated[OrderKind, Query(...)],
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    encounter_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """Orders of a kind, the latest first."""
    with transaction(request.auth.hospital_id):
        rows: Any = MODELS[kind]._default_manager.all()
        if kind == "admissions":
            rows = rows.select_related("ward")
        if patient_id is not None:
            rows = rows.filter(patient=patient_id)
        if encounter_id is not None:
            rows = rows.filter(encounter=encounter_id)
        page = read_page(rows, cursor=cursor, limit=limit, time="ordered_at", show=lambda row: row)
        lines = _lines(kind, page["items"])
        page["items"] = [OrderResource(**_fields(kind, row, lines.get(row.id, []))) for row in page["items"]]
    return answer(OrderPage(**page))


@router.get("/orders/{kind}/{order_id}", auth=needs(SCOPE_READ), response=OrderResource)
def get_order(request: ApiRequest, kind: OrderKind, order_id: UUID) -> HttpResponse:
    """One order with its lines."""
    with transaction(request.auth.hospital_id):
        order = MODELS[kind]._default_manager.filter(id=order_id).first()
        if order is None:
            raise NotFound(
                _("There is no such order at this hospital."), field="order_id", code="unknown_order"
            )
        return answer(OrderResource(**_fields(kind, order, _lines(kind, [order]).get(order_id, []))))


@router.get("/orders/tests/{order_id}/findings", auth=needs(SCOPE_READ), response=FindingList)
def list_findings(request: ApiRequest, order_id: UUID) -> HttpResponse:
    """What the laboratory released of a test order, the latest version of each value."""
    with transaction(request.auth.hospital_id):
        if not TestOrder.objects.filter(id=order_id).exists():
            raise NotFound(
                _("There is no such order at this hospital."), field="order_id", code="unknown_order"
            )
        found = findings_of_order(order_id)
    items = [
        FindingResource(**{name: getattr(one, name) for name in FindingResource.model_fields})
        for one in found
    ]
    return answer(FindingList(items=items))


@router.post(
    "/orders/{kind}/{order_id}/cancellation",
    auth=needs(operations.PERMISSION_ORDER),
    response={201: OrderResource},
)
def cancel_order(
    request: ApiRequest,
    kind: OrderKind,
    order_id: UUID,
    body: NewOrderCancellation,
    idempotency_key: IdempotencyKey,
) -> HttpResponse:
    """Cancel an order that was not fulfilled: its charges are taken back, what was paid becomes a deposit.

    Cancelling it again, under whatever key, changes nothing.
    """
    caller = request.auth
    with transaction(caller.hospital_id):
        order = operations.cancel_order(
            caller.hospital_id,
            MODELS[kind],
            order_id,
            reason=body.reason,
            actor=caller.actor,
            at=caller.at,
        )
        resource = OrderResource(**_fields(kind, order, _lines(kind, [order]).get(order_id, [])))
        return answer(resource, 201, replayed=order.cancelled_at != caller.at)


class NewReferral(Input):
    """``department``: a department of the hospital (its code), or else ``outside``: who it is addressed to."""

    encounter_id: UUID
    department: Code | None = None
    outside: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    text: Annotated[str, Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=r"^[^\x00]*$")]
    priority: Priority = "routine"


class ReferralResource(Resource):
    """A referral. ``visit_id`` is the visit that it became at the department."""

    id: UUID
    number: str
    patient_id: UUID
    encounter_id: UUID
    department: str
    outside: str
    text: str
    priority: str
    ordered_at: datetime
    ordered_by: str
    visit_id: UUID | None


@router.post("/orders/referrals", auth=needs(operations.PERMISSION_ORDER), response={201: ReferralResource})
def refer_patient(request: ApiRequest, body: NewReferral, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Refer a patient to another department, where reception expects them, or elsewhere. Costs nothing."""
    caller = request.auth
    row = refer(
        caller.hospital_id,
        encounter_id=body.encounter_id,
        department=body.department or "",
        outside=body.outside,
        text=body.text,
        priority=body.priority,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    resource = ReferralResource(
        id=row.id,
        number=row.number,
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        department=row.department.code if row.department else "",
        outside=row.outside,
        text=row.text,
        priority=row.priority,
        ordered_at=row.ordered_at,
        ordered_by=row.ordered_by,
        visit_id=row.visit_id,
    )
    return answer(resource, 201, replayed=row.ordered_at != caller.at)
