"""How long a deposit lasts at what a day in the bed costs. Pure; amounts in minor units."""

from __future__ import annotations

from datetime import date, timedelta

MAXIMUM_DAYS = 3650


def lasts_until(deposit_minor: int, owed_minor: int, daily_minor: int, *, charged_until: date) -> date | None:
    """The last day that what is left of a deposit pays for; None without a deposit, or when a day costs nothing.

    What the patient owes already comes first. ``charged_until`` is the last day that was charged: what is not
    enough for the next one lasts until then.
    """
    if deposit_minor <= 0 or daily_minor <= 0:
        return None
    days = max(deposit_minor - owed_minor, 0) // daily_minor
    return charged_until + timedelta(days=min(days, MAXIMUM_DAYS))
