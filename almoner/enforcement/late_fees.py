"""Late fees (sections 2.1 and 4.2): a charge for what stays unpaid past its grace, once a period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from almoner.catalog.models import Service
from almoner.charging.models import ClinicalEvent
from almoner.charging.operations import capture_batch
from almoner.charging.rules import Event, EventLine
from almoner.enforcement.facts import policies_at
from almoner.enforcement.open_charges import OpenCharge, late_since, open_charges, settings_of
from almoner.enforcement.policy import FeePeriod, Settings
from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import DomainError, IdempotencyMismatch
from almoner.kernel.money import round_half_up
from almoner.kernel.tenancy import transaction

LATE_FEE = "late_fee"
"""The service that late fees are charged as, and the code of the rule that charges them."""
EVENT_KIND = "payment.missed"


@dataclass(frozen=True, slots=True)
class LateFee:
    """What is to be charged to an account for one visit and one period, such as ``2026-03``.

    ``owed_minor`` is what it is charged for.
    """

    account_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    period: str
    owed_minor: int
    amount_minor: int

    @property
    def key(self) -> str:
        """The business key: one fee per account, visit and period, however often it is looked for."""
        return f"late-fee:{self.account_id}:{self.encounter_id or 'account'}:{self.period}"


_CHARGED = """
SELECT item.patient_account_id, item.encounter_id, sum(item.net_minor)::bigint
FROM charging_chargeitem AS item
WHERE item.hospital_id = %(hospital)s AND item.rule_code = %(rule)s AND item.status = 'billable'
GROUP BY item.patient_account_id, item.encounter_id
"""


def find_late_fees(hospital_id: UUID, *, at: datetime) -> list[LateFee]:
    """The late fees that fall due by ``at`` and were not charged for their period yet; nothing is written.

    A fee is a percentage of what is overdue, or a fixed amount, by the most specific setting of each charge;
    at most the cap for a visit. What a payer owes, what is disputed, what a plan on track covers, and late
    fees themselves never bear one. A fee that was waived is not charged again for its period. Raises
    ``DomainError`` when a fee is due and the catalog has no service ``late_fee``.
    """
    with transaction(hospital_id):
        hospital = Hospital.objects.get(id=hospital_id)
        policies = policies_at(hospital_id, hospital.configuration_version)
        today = local_date(at, hospital.time_zone)
        groups: dict[tuple[UUID, UUID | None, Settings], list[OpenCharge]] = {}
        for one in open_charges(hospital_id, due_before=at, at=at, without_plans=("on_track",)):
            settings = settings_of(policies, one)
            is_late = late_since(one, settings, at, hospital.time_zone) is not None
            if settings.late_fees and is_late and one.rule != LATE_FEE:
                groups.setdefault((one.account_id, one.encounter_id, _fee_of(settings)), []).append(one)
        charged = {(account, visit): total for account, visit, total in _charged(hospital_id)}
        fees = _fees(groups, charged, today, hospital.rounding_step_minor)
        if fees and not Service.objects.filter(code=LATE_FEE).exists():
            raise DomainError(
                _("Late fees are charged as the service late_fee: add it to the hospital's services."),
                field="late_fees",
                code="late_fee_service_missing",
            )
        known = set(
            ClinicalEvent.objects.filter(idempotency_key__in=[fee.key for fee in fees]).values_list(
                "idempotency_key", flat=True
            )
        )
    return [fee for fee in fees if fee.key not in known]


def _charged(hospital_id: UUID) -> list[Any]:
    """(account, visit, total in minor units) of the late fees that stand."""
    with connection.cursor() as cursor:
        cursor.execute(_CHARGED, {"hospital": hospital_id, "rule": LATE_FEE})
        return list(cursor.fetchall())


def _fee_of(settings: Settings) -> Settings:
    """What of ``settings`` says how much the fee is: charges alike in this bear one together."""
    return Settings(
        late_fee_percent=settings.late_fee_percent,
        late_fee_amount_minor=settings.late_fee_amount_minor,
        late_fee_period=settings.late_fee_period,
        late_fee_cap_minor=settings.late_fee_cap_minor,
    )


def period_of(period: FeePeriod | None, day: date) -> str:
    """The period that ``day`` is in: ``2026-03-02``, ``2026-W10`` (ISO 8601) or ``2026-03``."""
    if period is FeePeriod.DAILY:
        return day.isoformat()
    if period is FeePeriod.WEEKLY:
        return day.strftime("%G-W%V")
    return day.strftime("%Y-%m")


def fee_minor(settings: Settings, owed_minor: int, rounding_step_minor: int) -> int:
    """What one period costs for ``owed_minor``: the percentage, rounded half up, and the fixed amount."""
    percent = settings.late_fee_percent or Decimal(0)
    return round_half_up(owed_minor * percent / 100, rounding_step_minor) + (
        settings.late_fee_amount_minor or 0
    )


def _fees(
    groups: dict[tuple[UUID, UUID | None, Settings], list[OpenCharge]],
    charged: dict[tuple[UUID, UUID | None], int],
    today: date,
    rounding_step_minor: int,
) -> list[LateFee]:
    """One fee per account, visit and period, within the caps."""
    found: dict[str, LateFee] = {}
    for (account_id, encounter_id, settings), items in groups.items():
        owed = sum(one.owed_minor for one in items)
        amount = fee_minor(settings, owed, rounding_step_minor)
        fee = LateFee(
            account_id,
            items[0].patient_id,
            encounter_id,
            period_of(settings.late_fee_period, today),
            owed,
            amount,
        )
        if settings.late_fee_cap_minor is not None:
            before = charged.get((account_id, encounter_id), 0)
            fee = _with(fee, 0, min(amount, max(settings.late_fee_cap_minor - before, 0)) - amount)
        if fee.amount_minor > 0:
            same = found.get(fee.key)
            found[fee.key] = _with(same, fee.owed_minor, fee.amount_minor) if same else fee
            charged[account_id, encounter_id] = charged.get((account_id, encounter_id), 0) + fee.amount_minor
    return list(found.values())


def _with(fee: LateFee, owed_minor: int, amount_minor: int) -> LateFee:
    """``fee`` with so much more owed, and so much more to pay."""
    return LateFee(
        fee.account_id,
        fee.patient_id,
        fee.encounter_id,
        fee.period,
        fee.owed_minor + owed_minor,
        fee.amount_minor + amount_minor,
    )


def charge_late_fees(
    hospital_id: UUID, fees: Iterable[LateFee], *, actor: Actor, at: datetime
) -> list[LateFee]:
    """Charge ``fees`` through the one way of all charges; those that were charged now.

    Each in its own transaction; one that another run charged meanwhile is passed over: its key is known.
    """
    return [fee for fee in fees if _charge(hospital_id, fee, actor, at)]


def _charge(hospital_id: UUID, fee: LateFee, actor: Actor, at: datetime) -> bool:
    event = Event(
        kind=EVENT_KIND,
        idempotency_key=fee.key,
        patient_id=fee.patient_id,
        encounter_id=fee.encounter_id,
        lines=(EventLine(LATE_FEE, price_minor=fee.amount_minor, price_source="late_fee"),),
        body={"period": fee.period, "owed_minor": fee.owed_minor},
    )
    try:
        [captured] = capture_batch(hospital_id, [event], actor=actor, at=at, historical=True)
    except IdempotencyMismatch:
        return False
    return not captured.replayed
