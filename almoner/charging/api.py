"""/events and /charge-items: what happened, and what it costs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Header, Query, Router

from almoner.charging.models import ChargeItem, ClinicalEvent
from almoner.charging.operations import (
    PERMISSION_CAPTURE,
    PERMISSION_CORRECT,
    capture,
    capture_batch,
    price_unpriced,
)
from almoner.charging.rules import Event
from almoner.charging.wire import (
    SCOPE_BILLING,
    CapturedBatch,
    CapturedInBatch,
    CapturedResource,
    ChargeItemPage,
    ChargeItemResource,
    EventBatch,
    EventPage,
    EventResource,
    ItemStatus,
    NewEvent,
    StatedPrice,
    captured_fields,
    charge_item_resources,
    event_lines,
)
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.paging import Cursor, Limit, read_page
from almoner.kernel.service_points import event_kinds, steps
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import (
    IdempotencyKey,
    Text,
    answer,
)
from almoner.patients.merging import records_of

router = Router(tags=["Charges"])


class IdempotencyKeyMissing(DomainError):
    status = 400
    code = "idempotency_key_missing"


def _event(body: NewEvent, idempotency_key: str, field: str = "kind") -> Event:
    kind = event_kinds().get(body.kind)
    if kind is not None and kind.delivers:
        title = steps()[kind.delivers].title if kind.delivers in steps() else kind.delivers
        raise DomainError(
            _("%(kind)s fulfils a step that a gate guards (%(title)s): call that step's own endpoint.")
            % {"kind": body.kind, "title": title},
            field=field,
            code="gated_event_kind",
        )
    return Event(
        kind=body.kind,
        idempotency_key=idempotency_key,
        occurred_at=body.occurred_at,
        patient_id=body.patient_id,
        encounter_id=body.encounter_id,
        order_id=body.order_id,
        lines=event_lines(body.lines),
        priority=body.priority,
        request_type=body.request_type,
        body=body.body,
    )


@router.post("/events", auth=needs(PERMISSION_CAPTURE), response={201: CapturedResource})
def capture_event(request: ApiRequest, body: NewEvent, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Record something that happened: it is priced, charged and posted in one transaction.

    Kinds that fulfil a gated step (`consultation.started`, `lab_test.processed`, `medication.dispensed`,
    `bed.assigned`, ...) are refused here: they come from the step's own endpoint, which asks the gate.
    """
    caller = request.auth
    captured = capture(caller.hospital_id, _event(body, idempotency_key), actor=caller.actor, at=caller.at)
    resource = CapturedResource(**captured_fields(captured, caller.currency))
    return answer(resource, 201, replayed=captured.replayed)


@router.post("/events/batch", auth=needs(PERMISSION_CAPTURE), response={201: CapturedBatch})
def capture_events(
    request: ApiRequest,
    body: EventBatch,
    idempotency_key: Annotated[
        str | None,
        Header(
            None,
            alias="Idempotency-Key",
            pattern=r"^[!-~]{1,128}$",
            description="Needed unless every event of the batch has a key of its own.",
        ),
    ],
) -> HttpResponse:
    """Record up to 1,000 events, all of them or none. Refusals name the event: `events[3].lines[0].service`."""
    caller = request.auth
    events = []
    for place, event in enumerate(body.events):
        key = event.idempotency_key or (f"{idempotency_key}:{place}" if idempotency_key else "")
        if not key:
            raise IdempotencyKeyMissing(
                "Send an Idempotency-Key, or give every event an idempotency_key of its own.",
                field=f"events[{place}].idempotency_key",
            )
        events.append(_event(event, key, f"events[{place}].kind"))
    outcome = capture_batch(caller.hospital_id, events, actor=caller.actor, at=caller.at)
    resource = CapturedBatch(
        events=[
            CapturedInBatch(**captured_fields(captured, caller.currency), replayed=captured.replayed)
            for captured in outcome
        ]
    )
    return answer(resource, 201, replayed=all(captured.replayed for captured in outcome))


def _events_with_charges(rows: list[ClinicalEvent]) -> list[EventResource]:
    charges: dict[UUID, list[ChargeItemResource]] = {}
    items = ChargeItem.objects.select_related("service").filter(event__in=rows).order_by("line", "id")
    for item in charge_item_resources(list(items)):
        charges.setdefault(item.event_id, []).append(item)
    return [
        EventResource(
            id=row.id,
            kind=row.kind,
            idempotency_key=row.idempotency_key,
            occurred_at=row.occurred_at,
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
            patient_id=row.patient_id,
            encounter_id=row.encounter_id,
            order_id=row.order_id,
            after_discharge=row.after_discharge,
            body=row.body,
            charge_items=charges.get(row.id, []),
        )
        for row in rows
    ]


def _of_patient(rows: QuerySet[Any], patient_id: UUID | None, encounter_id: UUID | None) -> QuerySet[Any]:
    if patient_id is not None:
        rows = rows.filter(patient__in=records_of(patient_id))
    if encounter_id is not None:
        rows = rows.filter(encounter=encounter_id)
    return rows


@router.get("/events", auth=needs(SCOPE_BILLING), response=EventPage)
def list_events(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    encounter_id: Annotated[UUID | None, Query(None)],
    kind: Annotated[Text, Query("")],
    after_discharge: Annotated[bool | None, Query(None, description="True: the work list of late events.")],
) -> HttpResponse:
    """Events with their charges, the latest recorded first."""
    with transaction(request.auth.hospital_id):
        rows = _of_patient(ClinicalEvent.objects.all(), patient_id, encounter_id)
        if kind:
            rows = rows.filter(kind=kind)
        if after_discharge is not None:
            rows = rows.filter(after_discharge=after_discharge)
        page = read_page(rows, cursor=cursor, limit=limit, time="recorded_at", show=lambda row: row)
        page["items"] = _events_with_charges(page["items"])
    return answer(EventPage(**page))


@router.get("/events/{event_id}", auth=needs(SCOPE_BILLING), response=EventResource)
def get_event(request: ApiRequest, event_id: UUID) -> HttpResponse:
    """One event with its charges."""
    with transaction(request.auth.hospital_id):
        row = ClinicalEvent.objects.filter(id=event_id).first()
        if row is None:
            raise NotFound(
                _("There is no such event at this hospital."), field="event_id", code="unknown_event"
            )
        return answer(_events_with_charges([row])[0])


@router.get("/charge-items", auth=needs(SCOPE_BILLING), response=ChargeItemPage)
def list_charge_items(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    encounter_id: Annotated[UUID | None, Query(None)],
    order_id: Annotated[UUID | None, Query(None)],
    status: Annotated[
        ItemStatus | None, Query(None, description="`unpriced` is the billing office's work list.")
    ],
) -> HttpResponse:
    """Charge items, the latest first."""
    with transaction(request.auth.hospital_id):
        rows = _of_patient(ChargeItem.objects.select_related("service"), patient_id, encounter_id)
        if order_id is not None:
            rows = rows.filter(order_id=order_id)
        if status is not None:
            rows = rows.filter(status=status)
        page = read_page(rows, cursor=cursor, limit=limit, show=lambda row: row)
        page["items"] = charge_item_resources(page["items"])
    return answer(ChargeItemPage(**page))


def find_charge_item(item_id: UUID) -> ChargeItem:
    """The charge item with its service. Raises ``NotFound``. Needs the hospital's transaction."""
    item = ChargeItem.objects.select_related("service").filter(id=item_id).first()
    if item is None:
        raise NotFound(
            _("There is no such charge item at this hospital."),
            field="charge_item_id",
            code="unknown_charge_item",
        )
    return item


@router.get("/charge-items/{charge_item_id}", auth=needs(SCOPE_BILLING), response=ChargeItemResource)
def get_charge_item(request: ApiRequest, charge_item_id: UUID) -> HttpResponse:
    """One charge item."""
    with transaction(request.auth.hospital_id):
        return answer(charge_item_resources([find_charge_item(charge_item_id)])[0])


@router.post(
    "/charge-items/{charge_item_id}/price",
    auth=needs(PERMISSION_CORRECT),
    response={201: ChargeItemResource},
)
def price_charge_item(request: ApiRequest, charge_item_id: UUID, body: StatedPrice) -> HttpResponse:
    """Give an unpriced charge its price and post it: from the tariffs in force now, or as stated.

    A charge that has its price is refused (409), so that repeating this changes nothing.
    """
    caller = request.auth
    with transaction(caller.hospital_id):
        price_unpriced(
            charge_item_id, unit_price_minor=body.unit_price_minor, actor=caller.actor, at=caller.at
        )
        return answer(charge_item_resources([find_charge_item(charge_item_id)])[0], 201)
