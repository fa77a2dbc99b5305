"""Values as pages show them: in the hospital's locale, currency and time zone, ready for a template."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.concealment import PERMISSION_READ_BLOCKED
from almoner.enforcement.plan_offers import PlanOffer
from almoner.enforcement.queries import BillingStatus, PaymentStatus, ServicePointStatus
from almoner.enforcement.rules import Decision, Outcome
from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.dates import date_locale
from almoner.kernel.money import Money
from almoner.kernel.service_points import Step, steps
from almoner.pages.names import ActorNames
from almoner.payments.operations import PERMISSION_PLAN

METHODS = {
    "cash": _("Cash"),
    "card": _("Card"),
    "bank_transfer": _("Bank transfer"),
    "cheque": _("Cheque"),
    "mobile_money": _("Mobile money"),
}
METHOD_NAMES = {**METHODS, "several": _("Several methods")}
"""What a payment says it was paid by."""
PLANS = {
    "on_track": _("On Track"),
    "behind": _("Behind"),
    "completed": _("Completed"),
    "cancelled": _("Cancelled"),
    "replaced": _("Replaced"),
}
STATUSES = {
    PaymentStatus.GOOD_STANDING: (_("Good Standing"), "good"),
    PaymentStatus.PAYMENT_DUE: (_("Payment Due"), "due"),
    PaymentStatus.OVERDUE: (_("Overdue"), "overdue"),
}


@lru_cache(maxsize=8192)
def _money(minor: int, currency: str, locale: str) -> str:
    return Money(minor, currency).format(locale)


@lru_cache(maxsize=8192)
def _time(at: datetime, zone: ZoneInfo, locale: str) -> str:
    return str(format_time(at, format="short", tzinfo=zone, locale=locale))


@lru_cache(maxsize=2048)
def _day(day: date, form: str, locale: str) -> str:
    return str(format_date(day, format=form, locale=locale))


@lru_cache(maxsize=2048)
def _month_and_day(day: date, locale: str) -> str:
    return str(format_skeleton("MMMd", day, locale=locale))


@dataclass(frozen=True, slots=True)
class Formats:
    """How money, dates and times are written: figures as the hospital does (``locale``), so that everybody there
    reads and types the same ones; the words of a date in the reader's language (``date_locale``). And who did
    something: ``person``.

    What was written once is kept: lists and pages that refresh themselves write the same again and again.
    """

    currency: str
    locale: str
    date_locale: str
    zone: ZoneInfo
    person: ActorNames

    @classmethod
    def of(cls, hospital: Hospital) -> Formats:
        return cls(
            hospital.currency,
            hospital.locale,
            date_locale(get_language() or "en", hospital.locale),
            ZoneInfo(hospital.time_zone),
            person=ActorNames(hospital.id),
        )

    def money(self, minor: int) -> str:
        return _money(minor, self.currency, self.locale)

    def write(self, value: Money | datetime) -> str:
        """What stands in a sentence."""
        if isinstance(value, Money):
            return _money(value.minor, value.currency, self.locale)
        return f"{self.day(self.local_date(value))} {self.time(value)}"

    def time(self, at: datetime) -> str:
        return _time(at.replace(second=0, microsecond=0), self.zone, self.date_locale)

    def local_date(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def day(self, day: date, form: str = "medium") -> str:
        return _day(day, form, self.date_locale)

    def moment(self, at: datetime, *, today: date) -> str:
        """The time alone when it is today, else the day and the month."""
        local = self.local_date(at)
        return self.time(at) if local == today else _month_and_day(local, self.date_locale)


CLASSES = {"emergency": _("Emergency"), "inpatient": _("Inpatient")}


def visit_tags(encounter_class: str, triage_level: int | None) -> tuple[tuple[str, str], ...]:
    """What stands out about a visit: kind (a class of the style sheet) and word."""
    tags = []
    if encounter_class in CLASSES:
        tags.append((encounter_class, str(CLASSES[encounter_class])))
    if triage_level is not None:
        kind = "critical" if triage_level <= 2 else "triage"
        tags.append((kind, _("Triage %(level)d") % {"level": triage_level}))
    return tuple(tags)


@dataclass(frozen=True, slots=True)
class BillingWidget:
    """``components/billing_status.html`` (section 5.1). ``tone``: good, due or overdue; "" = nothing to show.

    ``offer`` says the plan that the rules offer, ``offer_url`` is where it is accepted by who may.
    """

    outstanding: str
    owes: bool
    status: Any
    tone: str
    credit: str
    next_due: str
    next_due_amount: str
    blocked_count: int
    blocked_services: tuple[str, ...]
    plan: Any
    offer: str
    offer_url: str


def billing_widget(status: BillingStatus, formats: Formats, actor: Actor, *, today: date) -> BillingWidget:
    """``status`` for ``actor``: who may not read which services are blocked gets their number alone."""
    label, tone = STATUSES[status.payment_status]
    names = [
        _("%(service)s (%(amount)s)") % {"service": blocked.title, "amount": formats.money(blocked.due_minor)}
        for blocked in status.blocked_services
    ]
    next_due = status.next_payment_due
    return BillingWidget(
        outstanding=formats.money(status.outstanding_minor),
        owes=status.outstanding_minor > 0,
        status=label,
        tone=tone,
        credit=formats.money(status.available_credit_minor) if status.available_credit_minor else "",
        next_due=formats.moment(next_due, today=today) if next_due else "",
        next_due_amount=formats.money(status.next_payment_due_minor) if next_due else "",
        blocked_count=len(names),
        blocked_services=tuple(names) if actor.may(PERMISSION_READ_BLOCKED) else (),
        plan=PLANS.get(status.plan_status, ""),
        offer=offer_says(status.plan_offer, formats) if status.plan_offer else "",
        offer_url=reverse("plans:offer-patient", args=[status.patient_id])
        if status.plan_offer and actor.may(PERMISSION_PLAN)
        else "",
    )


def offer_says(offer: PlanOffer, formats: Formats) -> str:
    """A plan that the rules offer, in one line."""
    amounts = {
        "n": offer.terms.instalments,
        "amount": formats.money(offer.instalment_minor),
        "down": formats.money(offer.down_payment_minor),
    }
    if offer.down_payment_minor:
        said = ngettext(
            "Pay %(down)s now and %(amount)s in one instalment",
            "Pay in %(n)d instalments of %(amount)s, %(down)s now",
            offer.terms.instalments,
        )
    else:
        said = ngettext(
            "Pay %(amount)s in one instalment",
            "Pay in %(n)d instalments of %(amount)s",
            offer.terms.instalments,
        )
    return said % amounts


@dataclass(frozen=True, slots=True)
class ActionButton:
    """``why_not`` says why the button is disabled; empty: it can be pressed. ``url`` is where it leads.

    ``proceed`` posts there; every other action opens a dialog from there.
    """

    code: str
    title: str
    icon: str
    why_not: str
    url: str


def offer_button(offer: PlanOffer, formats: Formats, actor: Actor, url: str) -> ActionButton:
    """A plan that the rules offer, to be accepted in one dialog."""
    why_not = "" if actor.may(PERMISSION_PLAN) else done_by(actor, PERMISSION_PLAN)
    return ActionButton("offer", offer_says(offer, formats), "calendar-dollar", why_not, url)


def done_by(actor: Actor, permission: str) -> str:
    """Who may do what ``actor`` may not."""
    return str(_("This is done by: %(roles)s.")) % {"roles": ", ".join(actor.who_may(permission))}


@dataclass(frozen=True, slots=True)
class PaymentLine:
    amount: str
    method: Any
    when: str
    voided: bool


@dataclass(frozen=True, slots=True)
class ServicePointBar:
    """``components/service_point_bar.html`` (section 5.2). ``tone``: required, deferred or paid."""

    id: str
    title: str
    cost: str
    due: str
    balance: str
    status: Any
    tone: str
    reason: str
    is_held: bool
    actions: tuple[ActionButton, ...] = ()
    payments: tuple[PaymentLine, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class _Look:
    title: Any
    icon: str


ACTION_LOOKS = {
    "proceed": _Look("", icon="player-play"),
    "pay": _Look(_("Process payment"), icon="cash"),
    "plan": _Look(_("Set up payment plan"), icon="calendar-dollar"),
    "override": _Look(_("Emergency override"), icon="ambulance"),
}
"""How the actions of a step look; what going ahead is called, the step says."""
_PAYMENT_STATUSES = {"Required": _("Required"), "Deferred": _("Deferred"), "Paid": _("Paid")}


def service_point_bar(
    status: ServicePointStatus, formats: Formats, actor: Actor, urls: dict[str, str], *, today: date
) -> ServicePointBar:
    """``status`` for ``actor``. ``urls`` says where each action leads (by action code); an action without an
    address is left out.

    An action that the gate offers but the actor may not do stays visible and says who may. The reason of a
    step that asks for everything, or was released by a person, can tell what was ordered: who may not read
    which services are blocked is not told it.
    """
    step = steps()[status.step]
    buttons = []
    for action in status.actions:
        if action.code not in urls:
            continue
        why_not = action.why_not
        if action.enabled and action.permission and not actor.may(action.permission):
            why_not = done_by(actor, action.permission)
        look = ACTION_LOOKS[action.code]
        title = str(look.title or step.action)
        buttons.append(ActionButton(action.code, title, look.icon, str(why_not), urls[action.code]))
        if action.code == "plan" and status.plan_offer:
            buttons.append(offer_button(status.plan_offer, formats, actor, urls["offer"]))
    return ServicePointBar(
        id=f"point-{status.step.replace('.', '-')}-{status.patient_id}",
        title=str(step.title),
        cost=formats.money(status.cost_minor),
        due=formats.money(status.due_minor),
        balance=formats.money(status.balance_minor),
        status=_PAYMENT_STATUSES[status.payment_status],
        tone=status.payment_status.lower(),
        reason=told_reason(status.decision, step, formats, actor),
        is_held=not status.decision.may_proceed,
        actions=tuple(buttons),
        payments=tuple(
            PaymentLine(
                amount=formats.money(payment.amount_minor),
                method=METHOD_NAMES.get(payment.method, payment.method),
                when=formats.moment(payment.received_at, today=today),
                voided=payment.voided,
            )
            for payment in status.recent_payments
        ),
    )


def told_reason(decision: Decision, step: Step, formats: Formats, actor: Actor) -> str:
    """Why the gate answered so, as far as ``actor`` may know."""
    if actor.may(PERMISSION_READ_BLOCKED) or (step.conceals_details and decision.outcome is Outcome.HELD):
        return decision.says.read(formats.write)
    if decision.outcome is Outcome.HELD:
        return str(_("Payment required: %(amount)s.") % {"amount": formats.money(decision.due_minor)})
    return str(_("This service can go ahead."))


def duration(minutes: int) -> str:
    """How long, as a glance reads it: ``45 min``, ``2 h 05``, ``3 days``."""
    if minutes < 60:
        return _("%(minutes)d min") % {"minutes": minutes}
    if minutes < 24 * 60:
        return _("%(hours)d h %(minutes)02d") % {"hours": minutes // 60, "minutes": minutes % 60}
    days = minutes // (24 * 60)
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
