"""A deposit that authorizes a bed or an operation beforehand (section 1.5): what is asked for, and what of it is there.

Pure; amounts in minor units.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from almoner.enforcement.policy import Settings


@dataclass(frozen=True, slots=True)
class RequiredDeposit:
    """``given_minor`` of ``asked_minor`` is held, or was paid (``paid_minor``) for the charges that it is asked for."""

    asked_minor: int
    given_minor: int
    paid_minor: int = 0

    @property
    def held_minor(self) -> int:
        """What of it the patient's deposits give."""
        return max(self.given_minor - self.paid_minor, 0)

    @property
    def short_minor(self) -> int:
        """What is missing."""
        return max(self.asked_minor - self.given_minor, 0)


def required_deposit(
    charges: Iterable[tuple[Settings, int | None, int | None]], deposit_minor: int
) -> RequiredDeposit | None:
    """What the unpaid ``charges`` (settings, net and due amount) of a step ask for: the largest deposit of theirs.

    None when they ask for none.
    """
    asking = [(settings, net, due) for settings, net, due in charges if settings.deposit_required_minor]
    if not asking:
        return None
    paid_minor = sum((net or 0) - (due or 0) for _, net, due in asking if due is not None)
    asked_minor = max(settings.deposit_required_minor or 0 for settings, _, _ in asking)
    return RequiredDeposit(asked_minor, min(deposit_minor + paid_minor, asked_minor), paid_minor)
