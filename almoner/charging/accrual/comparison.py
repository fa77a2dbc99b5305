"""What a stay was charged, held against what it makes now that its facts have changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from almoner.charging.accrual.planning import Stay, TimeCharge, plan_stay
from almoner.charging.accrual.writing import Due
from almoner.charging.book import Book
from almoner.charging.models import ChargeItem
from almoner.charging.rules import CONDITION_FAILED, TIME_TYPES

LIVE = ("billable", "unpriced")
_PERIOD = re.compile(r"\d{4}-\d\d-\d\d(T\d\dZ)?")


@dataclass(slots=True)
class Comparison:
    """``due`` is to be written, ``outdated`` to be taken back first, ``foreseen`` to be billed as its period.

    ``unused`` was foreseen and does not come to be charged so.
    """

    due: list[Due] = field(default_factory=list)
    outdated: list[ChargeItem] = field(default_factory=list)
    foreseen: list[tuple[ChargeItem, TimeCharge]] = field(default_factory=list)
    unused: list[ChargeItem] = field(default_factory=list)


def compare(stay: Stay, book: Book, *, until: datetime) -> Comparison:
    """Hold the time charges of ``stay`` against its facts as they are known at ``until``.

    A charge stands as long as the facts it was reckoned from hold, whatever prices and definitions say by
    now; one that somebody took back by hand stays taken back. Needs the hospital's transaction.
    """
    items = ChargeItem.objects.select_related("service").filter(
        event_id=stay.event_id, charge_type__in=TIME_TYPES
    )
    by_period: dict[tuple[str, str], list[ChargeItem]] = {}
    planned: dict[str, ChargeItem] = {}
    for item in items.order_by("revision"):
        if item.status == "planned" or (item.status == "unpriced" and not item.service_period):
            planned[item.rule_code] = item
        elif _PERIOD.fullmatch(item.service_period):
            by_period.setdefault((item.rule_code, item.service_period), []).append(item)
    charged = {key: revisions[-1].rule_version for key, revisions in by_period.items() if revisions[-1].basis}
    found = Comparison()
    for charge in plan_stay(stay, book.time_rules, book.time_zone, until=until, charged=charged):
        key = (charge.rule.code, charge.period.key)
        revisions = by_period.pop(key, [])
        foreseen = planned.pop(charge.rule.code, None)
        if foreseen is not None and not revisions and _is_as_foreseen(charge, foreseen):
            found.foreseen.append((foreseen, charge))
        else:
            if foreseen is not None:
                found.unused.append(foreseen)
            _judge(stay, charge, revisions, found)
    for (code, _), revisions in by_period.items():
        # What was charged by a rule that is gone can be judged by nobody.
        if code in book.time_rules:
            found.outdated += [item for item in revisions if item.status in LIVE]
    return found


def _is_as_foreseen(charge: TimeCharge, foreseen: ChargeItem) -> bool:
    part = charge.part
    return (
        part is not None
        and part.quantity == foreseen.quantity
        and part.rate_minor in (None, foreseen.unit_price_minor)
    )


def _judge(stay: Stay, charge: TimeCharge, revisions: Sequence[ChargeItem], found: Comparison) -> None:
    """Whether what was charged for a period before still holds."""
    live = [item for item in revisions if item.status in LIVE]
    if any(_stands(item, charge) for item in live):
        return
    if not live and any(item.basis == charge.basis for item in revisions):
        return
    found.outdated += live
    found.due.append(Due(stay, charge, max((item.revision + 1 for item in revisions), default=0)))


def _stands(item: ChargeItem, charge: TimeCharge) -> bool:
    """Whether what a charge was reckoned from still holds. What it was not reckoned from does not count: a
    charge that billing priced by hand knows only its ward, one from before facts were kept knows none."""
    if (
        item.status == "unpriced"
        and item.price_source.startswith(CONDITION_FAILED)
        and charge.part is not None
    ):
        return False
    return item.basis in ("", charge.basis) or charge.basis.startswith(f"{item.basis}:")
