"""What a real stay would have cost under a charge definition that is not in force yet (section 2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext

from almoner.catalog.pricing import PricedService
from almoner.charging.accrual.percentages import reckon_percentage
from almoner.charging.accrual.periods import Occupancy, Period
from almoner.charging.accrual.planning import Stay, TimeCharge, facts_of, plan_stay
from almoner.charging.accrual.writing import Priced
from almoner.charging.book import Book, rule_of
from almoner.charging.conditions import ConditionFailed
from almoner.charging.definition_terms import DefinitionTerms, check_definition
from almoner.charging.definitions import PERMISSION_DEFINE, draft_of
from almoner.charging.models import ChargeDefinition, ChargeItem, ClinicalEvent, WardBillingTemplate
from almoner.charging.queries import book_in_force
from almoner.charging.rules import PERCENTAGE, TIME_TYPES, Rule
from almoner.charging.terms import parts_of
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission
from almoner.service_points.ward.stays import read_stays


@dataclass(frozen=True, slots=True)
class PreviewedCharge:
    """One charge that the stay would have had. ``net_minor`` None: no price, or no answer (``problem``)."""

    service_period: str
    service_date: date
    ward_type: str
    quantity: Decimal
    net_minor: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class StayPreview:
    """The charges in order of time, and what those with a price come to; minor units of ``currency``."""

    currency: str
    charges: list[PreviewedCharge]

    @property
    def total_minor(self) -> int:
        return sum(charge.net_minor or 0 for charge in self.charges)

    @property
    def unpriced(self) -> int:
        return sum(charge.net_minor is None for charge in self.charges)


def preview_on_stay(
    hospital_id: UUID, terms: DefinitionTerms, admission_id: UUID, *, actor: Actor, at: datetime
) -> StayPreview:
    """What ``terms`` would have charged the stay of an admission up to ``at``, whatever dates they are for.

    Nothing is written. Raises ``DomainError`` naming the field as ``save_charge_definition`` does,
    ``NotFound`` for an unknown admission, ``Conflict`` for one that never had a bed.
    """
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        check_definition(terms)
        draft = draft_of(replace(terms, starts_on=date(1900, 1, 1), ends_on=None, is_active=True))
        wards = WardBillingTemplate.objects.filter(code=terms.template).values_list("ward_types", flat=True)
        rule = rule_of(draft, "", next(iter(wards), ()))
        book = book_in_force(hospital_id)
        book = replace(book, prices=replace(book.prices, services=_services(book, terms)))
        stay = _stay(admission_id)
        priced = Priced(book, at)
        charges = [
            PreviewedCharge(
                service_period=charge.period.key,
                service_date=charge.period.service_date,
                ward_type=charge.period.place.ward_type,
                quantity=charge.part.quantity if charge.part else charge.period.quantity,
                net_minor=cost.net_minor if cost else None,
                problem=charge.problem,
            )
            for charge in _charges(stay, rule, draft, book, at)
            for cost in [priced.cost(stay, charge)]
        ]
        charges.sort(key=lambda charge: (charge.service_date, charge.service_period))
        return StayPreview(stay.currency, charges)


def _services(book: Book, terms: DefinitionTerms) -> dict[str, PricedService]:
    """The catalog, with the service that the definition would make."""
    known = book.prices.services
    if terms.service in known:
        return known
    return {**known, terms.service: PricedService(new_id(), terms.service, terms.service_name, "ward")}


def _stay(admission_id: UUID) -> Stay:
    if not Admission.objects.filter(id=admission_id).exists():
        raise NotFound(gettext("There is no such admission."), field="admission_id", code="unknown_admission")
    stays = read_stays([admission_id])
    if not stays:
        raise Conflict(gettext("The patient never had a bed."), field="admission_id", code="no_bed")
    return stays[0]


def _charges(
    stay: Stay, rule: Rule, draft: ChargeDefinition, book: Book, at: datetime
) -> Iterator[TimeCharge]:
    if rule.charge_type in TIME_TYPES:
        yield from plan_stay(stay, {rule.code: [rule]}, book.time_zone, until=at)
    elif rule.charge_type == PERCENTAGE:
        charge = reckon_percentage(stay, book, rule, until=at)
        if charge is not None:
            yield charge
    else:
        yield from _triggered(stay, rule, draft, book)


def _triggered(stay: Stay, rule: Rule, draft: ChargeDefinition, book: Book) -> Iterator[TimeCharge]:
    """What the events of the visit would have charged; the lines of an event are known from its charges."""
    events = ClinicalEvent.objects.filter(encounter=stay.encounter_id, kind__in=draft.event_kinds)
    happened = [(event, Decimal(1)) for event in events.order_by("occurred_at", "id")]
    by_line = rule_of(draft, draft.event_kinds[0]).per_line
    if by_line:
        lines = ChargeItem.objects.filter(
            event_id__in=[event.id for event, _ in happened],
            service__code=rule.service,
            status__in=["billable", "unpriced"],
        ).select_related("event")
        happened = [(line.event, line.quantity) for line in lines.order_by("service_date", "id")]
    elif rule.once_per:
        happened = happened[:1]
    for event, quantity in happened:
        day = local_date(event.occurred_at, book.time_zone)
        period = Period("", day, event.occurred_at, quantity, _place(stay, event.occurred_at))
        if not rule.terms.fits(period.place.ward_type, stay.patient_category, period.place.department):
            continue
        try:
            facts = facts_of(stay, period, book.time_zone)
            if rule.terms.condition is not None and not rule.terms.condition.holds(facts):
                continue
        except ConditionFailed as failure:
            yield TimeCharge(rule, period, None, str(failure))
            continue
        for part in parts_of(rule.terms, quantity):
            yield TimeCharge(rule, period, part)


def _place(stay: Stay, at: datetime) -> Occupancy:
    """Where the patient lay at ``at``: the bed taken last before it, or the first one."""
    before = [place for place in stay.occupancies if place.began_at <= at]
    return before[-1] if before else stay.occupancies[0]
