"""Payment plans that are offered by rule (``auto_payment_plans``, section 4.1): to whom, for what, by which terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from almoner.enforcement.facts import policies_at
from almoner.enforcement.policy import Policies, Settings
from almoner.enforcement.rules import Facts, critical_condition, is_emergency
from almoner.hospitals.models import Hospital
from almoner.kernel.idempotency import content_hash
from almoner.kernel.money import round_half_up
from almoner.kernel.service_points import modules
from almoner.patients.models import Encounter, Patient
from almoner.payments.operations import PlanFees
from almoner.payments.plans import INTERVALS, Frequency, Instalment, Terms, day_after, schedule


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan that staff may agree with the patient as it stands; amounts in minor units of ``currency``.

    For everything open or foreseen of ``encounter_id``; None: for what is open on the account. ``total_minor`` is
    ``owed_minor`` with what the plan itself costs. The first of ``instalments`` is the down payment (number 0)
    when there is one.
    """

    patient_id: UUID
    patient_account_id: UUID
    encounter_id: UUID | None
    owed_minor: int
    total_minor: int
    currency: str
    terms: Terms
    instalments: tuple[Instalment, ...]

    @property
    def code(self) -> str:
        """What tells this offer from another one, so that only what was shown is agreed."""
        content = [
            self.patient_account_id,
            self.encounter_id,
            self.owed_minor,
            self.total_minor,
            self.terms.as_data(),
        ]
        return content_hash(content)[:16]

    @property
    def down_payment_minor(self) -> int:
        """What is due at once."""
        return self.terms.down_payment_minor

    @property
    def fees_minor(self) -> int:
        """What the plan itself costs."""
        return self.total_minor - self.owed_minor

    @property
    def instalment_minor(self) -> int:
        """What each instalment but the last one comes to; the last one takes what rounding leaves."""
        return next(one.amount_minor for one in self.instalments if one.number)


@dataclass(frozen=True, slots=True)
class Owing:
    """What an offer is made from: the open and foreseen charges of a patient (``items`` as
    ``enforcement_status`` gives them), their category, and how they kept the plans they had.

    ``missed_on`` is the last day on which an instalment was missed, ``today`` the hospital's day.
    """

    patient_id: UUID
    currency: str
    category: str
    items: Sequence[Mapping[str, Any]]
    has_plan: bool
    missed_on: date | None
    today: date
    rounding_step_minor: int


def offer_for_visit(
    policies: Policies, owing: Owing, encounter_id: UUID, *, discharging: bool = False
) -> PlanOffer | None:
    """The plan offered for all that is open or foreseen of a visit; None when the rules offer none.

    Nobody who is being treated as an emergency is offered a plan; when ``discharging`` they are, because that
    is what discharge asks for (section 8.2).
    """
    items = [item for item in owing.items if item["encounter_id"] == str(encounter_id)]
    return _offer(policies, owing, items, encounter_id, discharging=discharging)


def offer_for_patient(policies: Policies, owing: Owing) -> PlanOffer | None:
    """The plan offered for all that a patient owes: of the visit when all of it is of one, else of the account."""
    visits = {item["encounter_id"] for item in owing.items}
    if len(visits) == 1 and (only := visits.pop()):
        return offer_for_visit(policies, owing, UUID(only))
    return _offer(policies, owing, [item for item in owing.items if not item["planned"]], None)


def _offer(
    policies: Policies,
    owing: Owing,
    items: Sequence[Mapping[str, Any]],
    encounter_id: UUID | None,
    *,
    discharging: bool = False,
) -> PlanOffer | None:
    account_id = _account_that_owes_most(items)
    items = [item for item in items if item["account_id"] == account_id]
    if owing.has_plan or not items or any(item["due_minor"] is None for item in items):
        return None
    asked = [_settings_of(policies, item, owing.category) for item in items]
    if not all(settings.auto_plans and settings.plan_offered for settings in asked):
        return None
    if not discharging and any(_is_emergency(policies, item, owing.category) for item in items):
        return None
    terms, owed_minor = most_careful(asked), sum(item["due_minor"] for item in items)
    if not _fits(terms, owed_minor) or _missed_lately(terms, owing):
        return None
    department = items[0]["encounter_department"] or "" if encounter_id else ""
    fees = fees_of_settings(policies.resolve(department=department, category=owing.category))
    total_minor = owed_minor + fees.setup_minor + fees.instalment_minor * (terms.plan_instalments or 1)
    agreed = _terms(terms, total_minor, owing)
    if agreed.instalments > total_minor - agreed.down_payment_minor:
        return None
    return PlanOffer(
        patient_id=owing.patient_id,
        patient_account_id=UUID(account_id),
        encounter_id=encounter_id,
        owed_minor=owed_minor,
        total_minor=total_minor,
        currency=owing.currency,
        terms=agreed,
        instalments=schedule(agreed, total_minor, agreed_on=owing.today),
    )


def fees_of_settings(settings: Settings) -> PlanFees:
    """What a plan costs by ``settings``."""
    return PlanFees(settings.plan_fee_amount_minor or 0, settings.plan_fee_per_instalment_minor or 0)


def plan_fee_rule(hospital_id: UUID, patient_id: UUID, encounter_id: UUID | None) -> PlanFees:
    """What a plan costs for the visit (by its department and the patient's category), or without one for what is
    owed on the account (by the category): the rule that ``payments.operations.plan_fees`` asks."""
    version = Hospital.objects.values_list("configuration_version", flat=True).get(id=hospital_id)
    category = Patient.objects.values_list("category", flat=True).get(id=patient_id)
    department = ""
    if encounter_id is not None:
        department = Encounter.objects.values_list("department__code", flat=True).get(id=encounter_id)
    settings = policies_at(hospital_id, version).resolve(department=department, category=category)
    return fees_of_settings(settings)


def _account_that_owes_most(items: Sequence[Mapping[str, Any]]) -> str:
    """Two merged records have an account each, and a plan is of one."""
    owed: dict[str, int] = {}
    for item in items:
        owed[item["account_id"]] = owed.get(item["account_id"], 0) + (item["due_minor"] or 0)
    return max(sorted(owed), key=lambda account: owed[account], default="")


def _settings_of(policies: Policies, item: Mapping[str, Any], category: str) -> Settings:
    module_of = modules()
    return policies.resolve(
        department=item["department"] or item["encounter_department"] or "",
        service=item["service"],
        module=next((module_of[step] for step in item["steps"] if step in module_of), ""),
        category=category,
    )


def _is_emergency(policies: Policies, item: Mapping[str, Any], category: str) -> bool:
    """Whether the charge is of a visit that is going on as an emergency (section 8.1)."""
    department = item["encounter_department"] or ""
    visit = Facts(
        step="",
        currency="",
        department_kind=item["department_kind"] or "",
        encounter_class=item["encounter_class"] or "",
        triage_level=item["triage_level"],
        conditions=tuple(item["conditions"] or ()),
    )
    settings = policies.resolve(department=department, category=category)
    critical = is_emergency(visit, settings) or critical_condition(visit, settings)
    return bool(critical) and not item["visit_ended"]


def most_careful(asked: Sequence[Settings]) -> Settings:
    """The terms of a plan over charges with settings of their own: of each setting the most careful one."""
    least = [one.plan_minimum_minor for one in asked if one.plan_minimum_minor is not None]
    most = [one.plan_maximum_minor for one in asked if one.plan_maximum_minor is not None]
    return Settings(
        plan_minimum_minor=max(least, default=None),
        plan_maximum_minor=min(most, default=None),
        plan_instalments=min(one.plan_instalments or 1 for one in asked),
        plan_interval=min((one.plan_interval or Frequency.MONTHLY for one in asked), key=INTERVALS.index),
        plan_down_percent=max(one.plan_down_percent or 0 for one in asked),
        plan_history_months=max(one.plan_history_months or 0 for one in asked),
    )


def _fits(terms: Settings, total_minor: int) -> bool:
    least, most = terms.plan_minimum_minor, terms.plan_maximum_minor
    return total_minor >= max(least or 0, 1) and (most is None or total_minor <= most)


def _missed_lately(terms: Settings, owing: Owing) -> bool:
    if owing.missed_on is None or not terms.plan_history_months:
        return False
    return day_after(owing.missed_on, Frequency.MONTHLY, terms.plan_history_months) > owing.today


def _terms(terms: Settings, total_minor: int, owing: Owing) -> Terms:
    """A percentage of the total at once, rounded half up to the hospital's step; equal parts from the next
    interval on."""
    interval = terms.plan_interval or Frequency.MONTHLY
    percent = Decimal(terms.plan_down_percent or 0)
    down_minor = round_half_up(total_minor * percent / 100, owing.rounding_step_minor)
    return Terms(
        instalments=terms.plan_instalments or 1,
        first_due_on=day_after(owing.today, interval, 1),
        frequency=interval,
        down_payment_minor=min(down_minor, total_minor - 1),
    )
