"""/patients/{id}/plan-offer: the plan that the hospital's rules offer, and its acceptance."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.charging.wire import SCOPE_BILLING
from almoner.enforcement.plan_acceptance import accept_plan_offer
from almoner.enforcement.plan_offers import PlanOffer
from almoner.enforcement.queries import plan_offer
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Input, Resource, Text, answer
from almoner.payments.operations import PERMISSION_PLAN
from almoner.payments.plan_wire import PaymentPlanResource, plan_resources

router = Router(tags=["Payments"])


class OfferedInstalment(Resource):
    """Number 0 is the down payment."""

    number: int
    due_on: date
    amount_minor: int


class PlanOfferResource(Resource):
    """A plan that may be agreed as it stands, by its ``code``; for a visit, or for the account (null).

    ``fees_minor`` of the total is what the plan itself costs.
    """

    code: str
    patient_account_id: UUID
    encounter_id: UUID | None
    total_minor: int
    fees_minor: int
    down_payment_minor: int
    currency: str
    frequency: str
    instalments: list[OfferedInstalment]


class PlanOfferAnswer(Resource):
    """``offer`` is null when the hospital's rules offer no plan."""

    offer: PlanOfferResource | None


class NewPlanAcceptance(Input):
    """The patient takes the plan of ``code``. ``discharging``: it is the arrangement at discharge."""

    code: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    encounter_id: UUID | None = None
    discharging: bool = False
    patient_agreed_by: Text = ""


def offer_resource(offer: PlanOffer) -> PlanOfferResource:
    return PlanOfferResource(
        code=offer.code,
        patient_account_id=offer.patient_account_id,
        encounter_id=offer.encounter_id,
        total_minor=offer.total_minor,
        fees_minor=offer.fees_minor,
        down_payment_minor=offer.down_payment_minor,
        currency=offer.currency,
        frequency=offer.terms.frequency.value,
        instalments=[
            OfferedInstalment(number=one.number, due_on=one.due_on, amount_minor=one.amount_minor)
            for one in offer.instalments
        ],
    )


@router.get("/patients/{patient_id}/plan-offer", auth=needs(SCOPE_BILLING), response=PlanOfferAnswer)
def get_plan_offer(
    request: ApiRequest,
    patient_id: UUID,
    encounter_id: Annotated[UUID | None, Query(None)],
    discharging: Annotated[bool, Query(False)],
) -> HttpResponse:
    """The plan that the rules offer for a visit, or without ``encounter_id`` for what the patient owes."""
    caller = request.auth
    offer = plan_offer(caller.hospital_id, patient_id, encounter_id, at=caller.at, discharging=discharging)
    return answer(PlanOfferAnswer(offer=offer_resource(offer) if offer else None))


@router.post(
    "/patients/{patient_id}/plan-offer/acceptance",
    auth=needs(PERMISSION_PLAN),
    response={201: PaymentPlanResource},
)
def accept_plan(
    request: ApiRequest, patient_id: UUID, body: NewPlanAcceptance, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Agree the plan that is offered, if it is still the one of ``code`` (409 otherwise). Its down payment is an
    ordinary payment."""
    caller = request.auth
    with transaction(caller.hospital_id):
        plan = accept_plan_offer(
            caller.hospital_id,
            patient_id,
            body.encounter_id,
            code=body.code,
            patient_agreed_by=body.patient_agreed_by,
            discharging=body.discharging,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        [resource] = plan_resources([plan], caller.at)
        return answer(resource, 201, replayed=plan.agreed_at != caller.at)
