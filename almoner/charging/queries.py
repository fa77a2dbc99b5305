"""What an event would charge, without anything being written: fees are shown before they are confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging.book import Book, known_book, read_book
from almoner.charging.facts import facts_of_visit
from almoner.charging.operations.capture import context_of, read_contexts
from almoner.charging.rules import Event, draft_charges
from almoner.hospitals.models import Department, Hospital
from almoner.kernel.clock import local_date
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction


@dataclass(frozen=True, slots=True)
class PreviewedCharge:
    """A charge that would be made. ``net_minor`` None: no price is known yet. ``planned``: foreseen only."""

    line: int
    service: str
    name: str
    quantity: Decimal
    net_minor: int | None
    currency: str
    planned: bool
    required_at: tuple[str, ...]


def preview(
    hospital_id: UUID,
    event: Event,
    *,
    at: datetime,
    department: Department | None = None,
    encounter_class: str = "",
) -> list[PreviewedCharge]:
    """What capturing ``event`` at ``at`` would charge, in the order of its charges; amounts in minor units.

    ``department`` and ``encounter_class`` are those of a visit that does not exist yet (a check-in); an event
    of a visit has its own. Raises ``NotFound`` for an unknown patient or encounter, ``DomainError`` as
    ``capture`` does.
    """
    event = event if event.occurred_at else replace(event, occurred_at=at)
    with transaction(hospital_id):
        book = known_book(hospital_id) or read_book(hospital_id)
        [row] = read_contexts(hospital_id, [event], book)
        if row["configuration_version"] != book.version:
            book = read_book(hospital_id)
            [row] = read_contexts(hospital_id, [event], book)
    if row["patient_id"] is None or (event.encounter_id and row["encounter_id"] is None):
        name = "encounter" if event.encounter_id else "patient"
        raise NotFound(
            _("There is no such %(name)s at this hospital.") % {"name": name},
            field=f"{name}_id",
            code=f"unknown_{name}",
        )
    context = context_of(row)
    if department is not None:
        context = replace(
            context,
            department_id=department.id,
            department=department.code,
            department_kind=department.kind,
            encounter_class=encounter_class,
        )
    service_date = local_date(event.instant, book.time_zone)
    if event.kind in book.conditional_kinds:
        facts = facts_of_visit(hospital_id, event, row["patient_id"], context, service_date)
        context = replace(context, facts=facts)
    drafts = draft_charges(event, context, book.rules.get(event.kind, []), book.prices, service_date)
    return [
        PreviewedCharge(
            line=draft.line,
            service=draft.service.code,
            name=draft.service.name,
            quantity=draft.quantity,
            net_minor=draft.price.net_minor if draft.price else None,
            currency=row["currency"],
            planned=draft.rule.planned,
            required_at=draft.rule.required_at,
        )
        for draft in drafts
    ]


def book_of(hospital: Hospital) -> Book:
    """The prices and rules in force as ``hospital`` was read; a statement only when they have changed since."""
    book = known_book(hospital.id)
    if book is not None and book.version == hospital.configuration_version:
        return book
    with transaction(hospital.id):
        return read_book(hospital.id)


def book_in_force(hospital_id: UUID) -> Book:
    """The prices and rules in force in the open transaction, from memory unless they have changed."""
    book = known_book(hospital_id)
    version = Hospital.objects.filter(id=hospital_id).values_list("configuration_version", flat=True).first()
    return book if book is not None and book.version == version else read_book(hospital_id)


def patient_categories(hospital: Hospital) -> list[str]:
    """The patient categories that prices or discounts of the hospital tell apart, and ``general``, the first."""
    prices = book_of(hospital).prices
    named = {line.patient_category for lines in prices.lines.values() for line in lines}
    named |= {discount.patient_category for discount in prices.discounts}
    return ["general", *sorted(named - {"", "general"})]


def services_of(hospital: Hospital, *kinds: str) -> list[tuple[str, str]]:
    """Code and name of the hospital's services of these kinds, by name."""
    services = book_of(hospital).prices.services.values()
    return sorted(
        ((service.code, service.name) for service in services if service.kind in kinds),
        key=lambda service: service[1].casefold(),
    )
