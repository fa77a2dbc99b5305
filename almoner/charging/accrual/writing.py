"""Writing time charges: each period once, at the price of its date, one balanced entry per stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.utils.translation import gettext

from almoner.catalog.pricing import Buyer, Price, price, total
from almoner.charging.accrual.planning import Stay, TimeCharge
from almoner.charging.book import Book
from almoner.charging.rules import due_at, payment_timing, rate_source
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict
from almoner.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Due:
    """A charge of a stay that is to be written. ``revision`` counts what was written for its period before."""

    stay: Stay
    charge: TimeCharge
    revision: int = 0


@dataclass(slots=True)
class Priced:
    """The charges of a run with what they cost; those that cost the same for the same reason share one row."""

    book: Book
    at: datetime
    rows: list[dict[str, Any]] = field(default_factory=list)
    _places: dict[tuple[object, ...], int] = field(default_factory=dict)

    def place_of(self, stay: Stay, charge: TimeCharge) -> int:
        """The place (from 1) of the charge's row in ``rows``."""
        rule, period, where = charge.rule, charge.period, charge.period.place
        cover = stay.cover_on(period.service_date)
        key = (
            rule.code,
            rule.terms.version,
            period.key,
            charge.part,
            charge.problem,
            where.ward_type,
            where.department_id,
            stay.patient_category,
            cover.payer_id if cover else None,
        )
        place = self._places.get(key)
        if place is None:
            self.rows.append(self._row(stay, charge))
            place = self._places[key] = len(self.rows)
        return place

    def cost(self, stay: Stay, charge: TimeCharge) -> Price | None:
        """What the charge costs before it is written; None when no price is known."""
        if charge.part is None:
            return None
        where, cover = charge.period.place, stay.cover_on(charge.period.service_date)
        buyer = Buyer(
            charge.period.service_date,
            cover.payer if cover else "",
            stay.patient_category,
            where.ward_type,
            where.department,
        )
        prices, part = self.book.prices, charge.part
        service = prices.services[charge.rule.service]
        if part.rate_minor is None:
            return price(prices, service, part.quantity, buyer, {})
        return total(prices, service, part.rate_minor, part.quantity, buyer, rate_source(charge.rule))

    def _row(self, stay: Stay, charge: TimeCharge) -> dict[str, Any]:
        rule, period = charge.rule, charge.period
        service, cost = self.book.prices.services[rule.service], self.cost(stay, charge)
        cover = stay.cover_on(period.service_date)
        timing = payment_timing(rule, service)
        return {
            "rule_code": rule.code,
            "rule_version": rule.terms.version,
            "basis": charge.basis,
            "service_period": period.key,
            "service_date": period.service_date,
            "due_at": due_at(timing, self.book.billing_cycle, self.at, self.book.time_zone),
            "department_id": service.department_id or period.place.department_id,
            "service_id": service.id,
            "payer_id": cover.payer_id if cover else None,
            "charge_type": rule.charge_type,
            "quantity": str(charge.part.quantity if charge.part else period.quantity),
            "unit_price_minor": cost.unit_price_minor if cost else None,
            "gross_minor": cost.gross_minor if cost else None,
            "discount_minor": cost.discount_minor if cost else 0,
            "tax_minor": cost.tax_minor if cost else 0,
            "net_minor": cost.net_minor if cost else None,
            "price_source": cost.source if cost else charge.problem[:200],
            "discount_source": cost.discount_source if cost else "",
            "tax_source": cost.tax_source if cost else "",
        }


class StaleBook(Conflict):
    """Prices or rules changed while charges were reckoned; nothing was written."""

    code = "configuration_changed"


def write(hospital_id: UUID, due: Sequence[Due], book: Book, *, actor: Actor, at: datetime) -> list[UUID]:
    """Write the charges that are not there yet, delivered at ``at``; returns the ids of those written now.

    A charge without a price is written as unpriced, for the billing office. Needs the hospital's
    transaction. Raises ``StaleBook``.
    """
    if not due:
        return []
    priced = Priced(book, at)
    stays: dict[UUID, int] = {}
    rows: list[dict[str, Any]] = []
    places, charges, revisions = [], [], []
    for one in due:
        stay = one.stay
        place = stays.get(stay.admission_id)
        if place is None:
            rows.append(
                {
                    "entry_id": new_id(),
                    "event_id": stay.event_id,
                    "order_id": stay.admission_id,
                    "patient_id": stay.patient_id,
                    "patient_account_id": stay.patient_account_id,
                    "encounter_id": stay.encounter_id,
                    "currency": stay.currency,
                }
            )
            place = stays[stay.admission_id] = len(rows)
        places.append(place)
        charges.append(priced.place_of(stay, one.charge))
        revisions.append(one.revision)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM charging_accrue(%s, %s, %s, %s, %s::json, %s::json, %s::uuid[], %s::int[], %s::int[],"
            " %s::int[])",
            [
                hospital_id,
                book.version,
                at,
                actor.name,
                orjson.dumps(rows).decode(),
                orjson.dumps(priced.rows).decode(),
                [new_id() for _ in due],
                places,
                charges,
                revisions,
            ],
        )
        written = [row[0] for row in cursor.fetchall()]
    if written == [None]:
        raise StaleBook(gettext("Prices changed while charges were reckoned. Please try again."))
    return written
