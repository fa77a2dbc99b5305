"""Settings that make no sense together: each may be said, but not beside the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from almoner.enforcement.policy import OverrideRule, Policies, Settings, keys_of, read_policies

LATE_FEE_SERVICE = "late_fee"
PLAN_FEE_SERVICE = "plan_fee"
_Blocks = Mapping[Any, Mapping[str, Any]]
"""What blocks say, by (scope, subject)."""


@dataclass(frozen=True, slots=True)
class Senseless:
    """What one block says, and cannot mean; ``block`` is the part of a hospital's that ``key`` stands in, or ""."""

    scope: str
    subject: str
    block: str
    key: str
    message: str


def find_senseless(rows: _Blocks, services: Collection[Any]) -> Iterator[Senseless]:
    """Every such pair in the settings ``rows`` (by scope and subject) of a hospital with these ``services``.

    A setting is held against what is in force beside it in its own block, and is named where it is said.
    """
    policies = read_policies(0, ((scope, subject, said) for (scope, subject), said in rows.items()))
    for (scope, subject), said in rows.items():
        own = policies.block(scope, subject)
        for setting, message in _in_block(own, _in_force(policies, scope, subject), policies, services):
            block, key = keys_of(scope, said, setting)
            yield Senseless(scope, subject, block, key, message)
    hospital = rows.get(("hospital", "")) or {}
    if _says(hospital, "service_policies", "auto_payment_plans") and policies.hospital.plan_offered is False:
        message = gettext("No plan can be made by itself where payment plans are disabled.")
        yield Senseless("hospital", "", "service_policies", "auto_payment_plans", message)


def _says(hospital: Mapping[str, Any], block: str, key: str) -> bool:
    return str((hospital.get(block) or {}).get(key, "")).lower() in ("enabled", "true")


def _in_force(policies: Policies, scope: str, subject: str) -> Settings:
    if scope == "hospital":
        return policies.resolve()
    return policies.resolve(**{scope.removeprefix("patient_"): subject})


def _in_block(
    own: Settings, now: Settings, policies: Policies, services: Collection[Any]
) -> Iterator[tuple[str, str]]:
    if own.late_fees and LATE_FEE_SERVICE not in services:
        yield (
            "late_fees",
            gettext("Late fees are charged as the service late_fee: add it to the services first."),
        )
    for setting in ("plan_fee_amount_minor", "plan_fee_per_instalment_minor"):
        if getattr(own, setting) and PLAN_FEE_SERVICE not in services:
            yield (
                setting,
                gettext(
                    "The fees of plans are charged as the service plan_fee: add it to the services first."
                ),
            )
    yield from ((setting, says()) for setting, holds, says in _PAIRS if holds(own, now))
    if own.critical_condition_triage is not None and not policies.critical_conditions():
        yield (
            "critical_condition_triage",
            gettext("No block names critical_conditions that this level could be asked of."),
        )


def _twice(own: Settings, now: Settings) -> bool:
    both = set(now.allow or ()) & set(now.defer or ())
    return bool(both) and (own.allow is not None or own.defer is not None)


def _cap_below(own: Settings, now: Settings) -> bool:
    said = own.late_fee_cap_minor is not None or own.late_fee_amount_minor is not None
    cap, amount = now.late_fee_cap_minor, now.late_fee_amount_minor
    return said and cap is not None and amount is not None and cap < amount


_PAIRS: tuple[tuple[str, Callable[[Settings, Settings], bool], Callable[[], str]], ...] = (
    ("late_fee_cap_minor", _cap_below, lambda: gettext("The cap is below the fixed amount of one fee.")),
    (
        "plan_satisfies",
        lambda own, now: bool(own.plan_satisfies) and now.plan_offered is False,
        lambda: gettext("No plan can release anything where payment plans are disabled."),
    ),
    (
        "minimum_part_percent",
        lambda own, now: own.minimum_part_percent is not None and now.partial_payment is False,
        lambda: gettext("No part is enough where no part may be paid."),
    ),
    (
        "override_conditions",
        lambda own, now: bool(own.override_conditions) and now.override is OverrideRule.NEVER,
        lambda: gettext("Staff may never override here, so no condition can permit it."),
    ),
    (
        "defer",
        _twice,
        lambda: gettext(
            "What always goes ahead cannot be what may be paid later: expected it in one of both."
        ),
    ),
)
