"""/messages, and how patients are reached: the outbox for programs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Input, Resource, answer
from almoner.messaging import operations
from almoner.messaging.models import Channel, Message
from almoner.messaging.queries import opt_outs_of
from almoner.patients.merging import records_of
from almoner.patients.models import Patient
from almoner.patients.operations import surviving

router = Router(tags=["Messages"])

ChannelName = Literal["email", "sms"]
StateName = Literal["queued", "sent", "failed", "suppressed"]


class MessageResource(Resource):
    """A message to a patient. ``kind`` is what it reminds of, ``due_on`` the day and ``amount_minor`` the amount
    that it names.

    ``state``: queued (tried at ``not_before``), sent, failed (``last_error``), or suppressed (``reason``:
    opted_out, no_address, no_longer_due).
    """

    id: UUID
    kind: str
    patient_id: UUID
    channel: str
    address: str
    locale: str
    subject: str
    body: str
    amount_minor: int
    currency: str
    due_on: date
    state: str
    reason: str
    attempts: int
    last_error: str
    written_at: datetime
    not_before: datetime
    finished_at: datetime | None


class MessagePage(Page[MessageResource]):
    """Messages."""


class Contact(Input):
    """Where a patient is reached, in which language (``en``, ``es``, ``hi``; empty: the hospital's), and by which
    channels they want no messages. All of it, as it shall be."""

    phone: Annotated[str, Field(max_length=operations.MAXIMUM_PHONE, pattern=r"^[0-9+() .-]*$")] = ""
    email: Annotated[str, Field(max_length=254, pattern=r"^[^\x00]*$")] = ""
    language: Annotated[str, Field(max_length=10, pattern=r"^[a-z-]*$")] = ""
    no_messages_by: Annotated[list[ChannelName], Field(max_length=len(Channel))] = []


class ContactResource(Resource):
    """How a patient is reached, and by which channels they want no messages."""

    patient_id: UUID
    phone: str
    email: str
    language: str
    no_messages_by: list[ChannelName]


def _shown(row: Message, currency: str) -> MessageResource:
    said = {name: getattr(row, name) for name in MessageResource.model_fields if name != "currency"}
    return MessageResource(**said, currency=currency)


def _contact(patient: Patient) -> ContactResource:
    standing = opt_outs_of(patient.id)
    channels: tuple[ChannelName, ...] = ("email", "sms")
    return ContactResource(
        patient_id=patient.id,
        phone=patient.phone,
        email=patient.email,
        language=patient.language,
        no_messages_by=[one for one in channels if one in standing],
    )


@router.get("/messages", auth=needs(operations.PERMISSION_MANAGE), response=MessagePage)
def list_messages(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    state: Annotated[StateName | None, Query(None)],
) -> HttpResponse:
    """Messages to patients, the latest written first."""
    with transaction(request.auth.hospital_id):
        rows = Message.objects.all()
        if patient_id is not None:
            rows = rows.filter(patient__in=records_of(patient_id))
        if state is not None:
            rows = rows.filter(state=state)
        currency = request.auth.currency
        page = read_page(rows, cursor=cursor, limit=limit, show=lambda row: _shown(row, currency))
        return answer(MessagePage(**page))


@router.post(
    "/messages/{message_id}/resending",
    auth=needs(operations.PERMISSION_MANAGE),
    response={201: MessageResource},
)
def resend_message(request: ApiRequest, message_id: UUID) -> HttpResponse:
    """Try a failed message again. One that did not fail is refused (409), so a repeated request sends nothing twice."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.send_again(caller.hospital_id, message_id, actor=caller.actor, at=caller.at)
        return answer(_shown(row, caller.currency), 201)


@router.get(
    "/patients/{patient_id}/contact", auth=needs(operations.PERMISSION_CONTACT), response=ContactResource
)
def get_contact(request: ApiRequest, patient_id: UUID) -> HttpResponse:
    """Where a patient is reached, and by which channels they want no messages."""
    with transaction(request.auth.hospital_id):
        return answer(_contact(surviving(patient_id)))


@router.post(
    "/patients/{patient_id}/contact",
    auth=needs(operations.PERMISSION_CONTACT),
    response={201: ContactResource},
)
def set_contact(request: ApiRequest, patient_id: UUID, body: Contact) -> HttpResponse:
    """Say where a patient is reached and what they want; the same again changes nothing."""
    caller = request.auth
    with transaction(caller.hospital_id):
        patient = operations.set_contact(
            caller.hospital_id,
            patient_id,
            phone=body.phone,
            email=body.email,
            language=body.language,
            actor=caller.actor,
            at=caller.at,
        )
        for channel in Channel:
            change = operations.opt_out if channel in body.no_messages_by else operations.opt_in
            change(caller.hospital_id, patient.id, channel, actor=caller.actor, at=caller.at)
        return answer(_contact(patient), 201)
