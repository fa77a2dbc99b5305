"""What a payment plan costs: a fee for the agreement, and one for each instalment after the down payment.

How much is a policy, and policies are kept by a room above this one. That room's ``AppConfig`` names its rule
(``plan_fee_rule``, a dotted name). Fees are charges like any other, of the service ``plan_fee``; they are part of
what the plan comes to. The fee of an instalment is for the time that it gives: those whose day has not come are
taken back when the plan is settled early, cancelled or replaced. The fee of the agreement stays, unless the plan is
cancelled before anything was paid by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from uuid import UUID

from django.apps import apps
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.charging.rules import Event, EventLine
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict
from almoner.patients.models import PatientAccount
from almoner.payments.models import PaymentPlan, PlanInstalment
from almoner.payments.operations.deposits import apply_deposits, release
from almoner.payments.operations.shared import PERMISSION_RECORD
from almoner.payments.plans import Frequency, Terms

PLAN_FEE = "plan_fee"
"""The service that fees are charged as, and the code of the rule that charges them."""
EVENT_KIND = "payment_plan.agreed"


@dataclass(frozen=True, slots=True)
class PlanFees:
    """What a plan costs, in minor units: once, and for each instalment after the down payment."""

    setup_minor: int = 0
    instalment_minor: int = 0

    def total_minor(self, terms: Terms) -> int:
        """What a plan of ``terms`` costs in all."""
        return self.setup_minor + self.instalment_minor * count_of(terms)


def count_of(terms: Terms) -> int:
    """How many instalments follow the down payment."""
    return len(terms.parts) if terms.frequency is Frequency.DATES else terms.instalments


@cache
def _read_rule() -> Callable[[UUID, UUID, UUID | None], PlanFees] | None:
    names = [getattr(config, "plan_fee_rule", "") for config in apps.get_app_configs()]
    return next((import_string(name) for name in names if name), None)


def fees_for(hospital_id: UUID, patient_id: UUID, encounter_id: UUID | None) -> PlanFees:
    """What a plan for the visit, or for the patient's account, costs here. Needs the hospital's transaction."""
    rule = _read_rule()
    return rule(hospital_id, patient_id, encounter_id) if rule else PlanFees()


def charge_fees(
    plan_id: UUID,
    account: PatientAccount,
    encounter_id: UUID | None,
    fees: PlanFees,
    terms: Terms,
    *,
    actor: Actor,
    at: datetime,
) -> int:
    """Charge what the plan costs, each fee as a charge of its own; returns what they come to, in minor units.

    Raises ``Conflict`` when a discount or a tax makes it another amount than the one that was shown.
    """
    amounts = [fees.setup_minor] if fees.setup_minor else []
    amounts += [fees.instalment_minor] * count_of(terms) if fees.instalment_minor else []
    if not amounts:
        return 0
    event = Event(
        kind=EVENT_KIND,
        idempotency_key=f"{EVENT_KIND}:{plan_id}",
        patient_id=account.patient_id,
        encounter_id=encounter_id,
        lines=tuple(EventLine(PLAN_FEE, price_minor=minor, price_source=PLAN_FEE) for minor in amounts),
        body={"plan_id": str(plan_id), "setup_minor": fees.setup_minor},
    )
    may_charge = actor.also(charging.PERMISSION_CAPTURE)
    [captured] = charging.capture_batch(
        account.hospital_id, [event], actor=may_charge, at=at, historical=True
    )
    if captured.total_minor != sum(amounts):
        raise Conflict(
            _("A discount or a tax changes the fee of a plan: the service plan_fee may have neither."),
            code="plan_fee_changed",
        )
    return captured.total_minor


def fees_of(plan: PaymentPlan) -> list[ChargeItem]:
    """The charges of what ``plan`` costs, as they were made; one statement."""
    return list(
        ChargeItem.objects.filter(event__idempotency_key=f"{EVENT_KIND}:{plan.id}")
        .select_related("event")
        .order_by("line", "id")
    )


def not_earned(plan: PaymentPlan, items: list[ChargeItem], today: date) -> list[ChargeItem]:
    """Those of the fees ``items`` that are for instalments whose day has not come."""
    standing = [item for item in items if item.status == "billable"]
    if not standing:
        return []
    has_setup = bool(items[0].event.body["setup_minor"])
    of_instalments = items[1:] if has_setup else items
    days = (
        PlanInstalment.objects.filter(plan=plan, number__gt=0)
        .order_by("number")
        .values_list("due_on", flat=True)
    )
    to_come = {item.id for item, day in zip(of_instalments, days, strict=False) if day > today}
    return [item for item in standing if item.id in to_come]


def take_back_fees(plan: PaymentPlan, items: list[ChargeItem], *, actor: Actor, at: datetime) -> int:
    """Reverse the fees ``items`` of ``plan``; what was paid for them pays what else is open. Returns minor units
    taken back."""
    released_minor = 0
    for item in items:
        released_minor += release(item.hospital_id, item.id, actor=actor, at=at)
        charging.cancel(item.id, actor=actor, at=at)
    if released_minor:
        apply_deposits(
            plan.hospital_id,
            plan.patient_account_id,
            idempotency_key=f"plan-fees:{plan.id}",
            maximum_minor=released_minor,
            actor=actor.also(PERMISSION_RECORD),
            at=at,
            reason="fee of a plan taken back",
        )
    return sum(item.net_minor or 0 for item in items)
