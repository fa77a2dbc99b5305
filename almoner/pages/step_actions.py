"""What the service point bar (section 5.2) offers for a step: pay, agree a plan, override. Forms and what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.facts import StepFacts, Subject
from almoner.enforcement.models import GateDecision, Override
from almoner.enforcement.operations import grant_override
from almoner.enforcement.rules import decide
from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch
from almoner.kernel.money import Money
from almoner.kernel.service_points import steps
from almoner.kernel.tenancy import transaction
from almoner.pages.forms import AmountField, StaffForm
from almoner.pages.plans.forms import PlanForm
from almoner.pages.presenters import METHODS, Formats
from almoner.payments.models import CashPoint, Payment, PaymentPlan
from almoner.payments.operations import Recorded, Share, agree_plan, record_payment

OVERRIDE_HOURS = (1, 4, 12, 24, 72)


def action_urls(step: str, subject: Subject) -> dict[str, str]:
    """Where the dialogs of the bar's actions are, by action code."""
    parts: list[object] = [step, subject.encounter_id]
    name = "step"
    if subject.order_id is not None:
        parts.append(subject.order_id)
        name = "order-step"
    urls = {code: reverse(f"{name}-{code}", args=parts) for code in ("pay", "plan", "override")}
    known = steps().get(step)
    discharging = "?discharging=1" if known is not None and known.settles_encounter else ""
    return {**urls, "offer": reverse("plans:offer-visit", args=[subject.encounter_id]) + discharging}


@dataclass(frozen=True, slots=True)
class StepDue:
    """What a step still asks for. ``advance_minor`` is foreseen, not charged yet: it is held as a deposit.

    ``asked_minor``: what would release the step, where that is a deposit beforehand and not the whole.
    """

    shares: tuple[Share, ...]
    advance_minor: int
    unpriced: bool
    asked_minor: int | None = None

    @classmethod
    def of(cls, read: StepFacts, *, at: datetime) -> StepDue:
        items = read.facts.items
        decision = decide(read.policies, read.facts, at)
        return cls(
            asked_minor=decision.due_minor if decision.deposit and decision.deposit.short_minor else None,
            shares=tuple(
                Share(item.charge_item_id, item.due_minor)
                for item in items
                if item.due_minor and not item.planned
            ),
            advance_minor=sum(item.due_minor or 0 for item in items if item.planned),
            unpriced=any(item.due_minor is None for item in items),
        )

    @property
    def total_minor(self) -> int:
        if self.asked_minor is not None:
            return self.asked_minor
        return self.charged_minor

    @property
    def charged_minor(self) -> int:
        """What the step's charges come to."""
        return self.advance_minor + sum(share.amount_minor for share in self.shares)

    def shares_of(self, amount_minor: int) -> list[Share]:
        """The first ``amount_minor`` of the charges, in their order."""
        given, left = [], amount_minor
        for share in self.shares:
            part = min(share.amount_minor, left)
            if part > 0:
                given.append(Share(share.charge_item_id, part))
                left -= part
        return given


class PayForm(StaffForm):
    """Take a payment for a step. ``tendered`` (cash) may be more than the amount: the rest is change."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {
        "amount_minor": "amount",
        "tendered_minor": "tendered",
        "shares": "amount",
    }
    amount = AmountField(label=_("Amount"))
    method = forms.ChoiceField(label=_("Method"), choices=list(METHODS.items()))
    tendered = AmountField(label=_("Cash handed over"), required=False)
    cash_point = forms.ChoiceField(label=_("Cash point"))
    reference = forms.CharField(label=_("Reference"), max_length=200, required=False)

    def __init__(self, *args: Any, currency: str, cash_points: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("amount", "tendered"):
            self.fields[name].currency = currency  # type: ignore[attr-defined]
        self.fields["cash_point"].choices = cash_points  # type: ignore[attr-defined]

    def refuse(self, error: DomainError) -> None:
        if error.code == "exceeds_outstanding":
            left = Money(error.detail["outstanding_minor"], self.fields["amount"].currency)  # type: ignore[attr-defined]
            self.add_error("amount", _("Only %(amount)s is open here.") % {"amount": left})
        else:
            super().refuse(error)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        amount, tendered = data.get("amount"), data.get("tendered")
        if tendered is not None and data.get("method") != "cash":
            self.add_error("tendered", _("Only cash gives change. Leave this empty."))
        elif amount is not None and tendered is not None and tendered < amount:
            self.add_error("tendered", _("This is less than the amount."))
        return data


def cash_points() -> list[tuple[str, str]]:
    """Code and name of the cash points where money is taken; one statement."""
    return list(CashPoint.objects.filter(is_active=True).order_by("code").values_list("code", "name"))


def take_payment(
    hospital: Hospital, read: StepFacts, subject: Subject, form: PayForm, *, actor: Actor, at: datetime
) -> Recorded:
    """Record the payment of a valid ``form`` for the step's charges; an advance is kept as a deposit.

    What is paid above the step's charges is refused unless the step asks for an advance. A form that was sent
    before (a double click, the back button) gives the payment that it made.
    """
    data = form.cleaned_data
    before = _payment_of(hospital.id, form.key)
    if before is not None:
        if (before.encounter_id, before.amount_minor) != (subject.encounter_id, data["amount"]):
            raise IdempotencyMismatch(form.key)
        return before_as_recorded(before)
    due = StepDue.of(read, at=at)
    keeps = bool(due.advance_minor or due.asked_minor)
    return record_payment(
        hospital.id,
        patient_account_id=read.patient_account_id,
        method=data["method"],
        amount_minor=data["amount"],
        tendered_minor=data["tendered"],
        currency=read.facts.currency,
        cash_point=data["cash_point"],
        reference=data["reference"],
        encounter_id=subject.encounter_id,
        shares=due.shares_of(data["amount"]) or ([] if keeps else None),
        excess="deposit" if keeps else "refuse",
        idempotency_key=form.key,
        time_zone=hospital.time_zone,
        actor=actor,
        at=at,
    )


def _payment_of(hospital_id: UUID, key: str) -> Payment | None:
    with transaction(hospital_id):
        return Payment.objects.filter(idempotency_key=key).first()


def before_as_recorded(payment: Payment) -> Recorded:
    """A payment of an earlier request, as ``record_payment`` gave it."""
    return Recorded(
        payment_id=payment.id,
        receipt=payment.receipt,
        amount_minor=payment.amount_minor,
        change_minor=payment.change_minor,
        unallocated_minor=payment.unallocated_minor,
        replayed=True,
    )


def make_plan(
    hospital: Hospital, read: StepFacts, subject: Subject, form: PlanForm, *, actor: Actor, at: datetime
) -> PaymentPlan:
    """Agree the plan of a valid ``form`` for the visit that the step belongs to."""
    data = form.cleaned_data
    return agree_plan(
        hospital.id,
        patient_account_id=read.patient_account_id,
        encounter_id=subject.encounter_id,
        total_minor=data["total"],
        terms=form.terms,
        patient_agreed_by=data["patient_agreed_by"],
        idempotency_key=form.key,
        actor=actor,
        at=at,
    )


class OverrideForm(StaffForm):
    """Let a step go ahead unpaid, with a reason and an end. Charges stay; billing reviews it."""

    reason = forms.CharField(
        label=_("Why it cannot wait"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
    triage_level = forms.TypedChoiceField(
        label=_("Triage level"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", _("as recorded")), *((str(level), str(level)) for level in range(1, 6))],
    )
    condition = forms.SlugField(
        label=_("Condition"),
        max_length=40,
        required=False,
        help_text=_("Where the policy names conditions that may not wait, such as chest_pain"),
    )
    expires_at = forms.ChoiceField(label=_("Valid until"))
    retroactive = forms.BooleanField(label=_("Count from when it was held"), required=False)

    def __init__(self, *args: Any, formats: Formats, at: datetime, held_at: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sent = self.data.get("expires_at", "") if self.is_bound else ""
        ends = [at + timedelta(hours=hours) for hours in OVERRIDE_HOURS]
        today = formats.local_date(at)
        choices = [(end.isoformat(), formats.moment(end, today=today)) for end in ends]
        self.fields["expires_at"].initial = choices[OVERRIDE_HOURS.index(12)][0]
        # A form sent again carries the time that it was opened with: no choice of now, but the same override.
        if sent and sent not in dict(choices):
            end = _instant(sent)
            choices.insert(0, (sent, formats.moment(end, today=today) if end else sent))
        self.fields["expires_at"].choices = choices  # type: ignore[attr-defined]
        if held_at:
            self.fields["retroactive"].help_text = _("It was held %(when)s.") % {"when": held_at}
        else:
            del self.fields["retroactive"]

    def clean_expires_at(self) -> datetime:
        end = _instant(self.cleaned_data["expires_at"])
        if end is None:
            raise forms.ValidationError(_("Choose one of the times."))
        return end


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def last_held(step: str, subject: Subject) -> GateDecision | None:
    """The latest decision that held the step; one statement."""
    return (
        GateDecision.objects.filter(
            encounter_id=subject.encounter_id,
            order_id=subject.order_id,
            step=step,
            outcome=GateDecision.Outcome.HELD,
        )
        .order_by("-decided_at", "-id")
        .first()
    )


def override_step(
    hospital_id: UUID,
    step: str,
    subject: Subject,
    form: OverrideForm,
    held: GateDecision | None,
    *,
    actor: Actor,
    at: datetime,
) -> Override:
    """Grant the override of a valid ``form``; retroactively when it says so and the step was held."""
    data = form.cleaned_data
    return grant_override(
        hospital_id,
        step=step,
        subject=subject,
        reason=data["reason"],
        triage_level=data["triage_level"],
        condition=data["condition"],
        expires_at=data["expires_at"],
        held_decision_id=held.id if held is not None and data.get("retroactive") else None,
        idempotency_key=form.key,
        actor=actor,
        at=at,
    )
