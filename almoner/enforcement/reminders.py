"""Whom to remind of what (section 4.1, ``payment_reminders``): what falls due soon, what is overdue, instalments.

What a payer owes and what is disputed is never reminded of; what a plan covers is reminded of by its
instalments. Amounts come from where the billing status has them: the ledger's open items and balances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection

from almoner.enforcement.facts import policies_at
from almoner.enforcement.open_charges import (
    OpenCharge,
    is_asked_for,
    late_since,
    open_charges,
    settings_of,
)
from almoner.enforcement.policy import Policies
from almoner.hospitals.models import Hospital
from almoner.kernel.clock import local_date
from almoner.messaging.kinds import Notice
from almoner.messaging.queries import read_rules
from almoner.messaging.rules import MessagingRules, step_after, step_before

DUE_SOON, OVERDUE = "balance.due_soon", "balance.overdue"
INSTALMENT_DUE, INSTALMENT_MISSED = "instalment.due_soon", "instalment.missed"


@dataclass(frozen=True, slots=True)
class _Day:
    """A day at a hospital, and what it goes by."""

    at: datetime
    today: date
    time_zone: str
    policies: Policies
    rules: MessagingRules


def find_reminders(hospital_id: UUID, *, at: datetime, patient_id: UUID | None = None) -> list[Notice]:
    """What patients are to be reminded of at ``at``, overdue bills first (``messaging.kinds.Finder``).

    A bill is what a visit owes: of what is overdue the oldest day counts, of what falls due the next one. Bills
    that a deposit covers are passed over.
    """
    hospital = Hospital.objects.get(id=hospital_id)
    day = _Day(
        at,
        local_date(at, hospital.time_zone),
        hospital.time_zone,
        policies_at(hospital_id, hospital.configuration_version),
        read_rules(),
    )
    return [*_of_bills(hospital_id, day, patient_id), *_of_plans(hospital_id, day, patient_id)]


def _of_bills(hospital_id: UUID, day: _Day, patient_id: UUID | None) -> list[Notice]:
    horizon = day.at + timedelta(days=max(day.rules.days_before, default=0) + 1)
    charges = open_charges(
        hospital_id,
        due_before=horizon,
        at=day.at,
        without_plans=("on_track", "behind"),
        patient_id=patient_id,
    )
    overdue: dict[str, list[tuple[date, OpenCharge]]] = {}
    soon: dict[str, list[tuple[date, OpenCharge]]] = {}
    for charge in charges:
        settings = settings_of(day.policies, charge)
        if not settings.reminders or not is_asked_for(charge, settings):
            continue
        thing = f"visit:{charge.encounter_id}" if charge.encounter_id else f"account:{charge.account_id}"
        since = late_since(charge, settings, day.at, day.time_zone)
        if since is not None:
            overdue.setdefault(thing, []).append((since, charge))
        elif _falls_due(charge, day):
            soon.setdefault(thing, []).append((local_date(charge.due_at, day.time_zone), charge))
    notices = [*_overdue(overdue, day), *_due_soon(soon, day)]
    covered = _covered(hospital_id, {notice.patient_id for notice in notices})
    return [notice for notice in notices if notice.patient_id not in covered]


def _falls_due(charge: OpenCharge, day: _Day) -> bool:
    """Whether there is still time: it was charged on an earlier day, and falls due today or later."""
    due_on = local_date(charge.due_at, day.time_zone)
    charged_on = local_date(charge.captured_at, day.time_zone)
    return charged_on < min(due_on, day.today) and due_on >= day.today


def _overdue(bills: dict[str, list[tuple[date, OpenCharge]]], day: _Day) -> Iterator[Notice]:
    for thing, found in bills.items():
        since, oldest = min(found, key=lambda one: (one[0], one[1].due_at))
        step = step_after(day.rules.days_after, (day.today - since).days)
        if step is not None:
            yield Notice(
                kind=OVERDUE,
                thing=thing,
                step=f"{since.isoformat()}+{step}",
                patient_id=oldest.patient_id,
                amount_minor=sum(charge.owed_minor for _since, charge in found),
                due_on=local_date(oldest.due_at, day.time_zone),
            )


def _due_soon(bills: dict[str, list[tuple[date, OpenCharge]]], day: _Day) -> Iterator[Notice]:
    for thing, found in bills.items():
        due_on = min(on for on, _charge in found)
        step = step_before(day.rules.days_before, (due_on - day.today).days)
        if step is not None:
            together = [charge for on, charge in found if on == due_on]
            yield Notice(
                kind=DUE_SOON,
                thing=thing,
                step=f"{due_on.isoformat()}-{step}",
                patient_id=together[0].patient_id,
                amount_minor=sum(charge.owed_minor for charge in together),
                due_on=due_on,
            )


_COVERED = """
SELECT account.patient_id FROM patients_patientaccount AS account
JOIN ledger_patientbalance AS balance ON balance.hospital_id = %(hospital)s AND balance.id = account.id
WHERE account.hospital_id = %(hospital)s AND account.patient_id = ANY (%(patients)s)
GROUP BY account.patient_id HAVING sum(balance.deposit_minor) >= sum(balance.receivable_minor)
"""


def _covered(hospital_id: UUID, patient_ids: set[UUID]) -> set[UUID]:
    """The patients whose available credit covers all that they owe; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_COVERED, {"hospital": hospital_id, "patients": list(patient_ids)})
        return {row[0] for row in cursor.fetchall()}


_PLANS = """
SELECT plan.id, patient.id, coalesce(department.code, ''), patient.category, plan.grace_days, standing.status,
       standing.next_due_on,
       least(CASE standing.status WHEN 'behind' THEN standing.behind_minor ELSE standing.next_due_minor END,
             plan.total_minor - standing.paid_minor - disputed.minor)::bigint
FROM payments_paymentplan AS plan
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = plan.patient_account_id
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = account.patient_id
LEFT JOIN patients_encounter AS visit ON visit.hospital_id = %(hospital)s AND visit.id = plan.encounter_id
LEFT JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = visit.department_id
CROSS JOIN LATERAL payments_plan_standing(%(hospital)s, plan.id, %(at)s) AS standing
CROSS JOIN LATERAL (
    SELECT coalesce(sum(open_item.patient_minor), 0) AS minor
    FROM ledger_openitem AS open_item
    JOIN charging_chargeitem AS item ON item.hospital_id = %(hospital)s AND item.id = open_item.id
    JOIN charging_clinicalevent AS event ON event.hospital_id = %(hospital)s AND event.id = item.event_id
    WHERE open_item.hospital_id = %(hospital)s AND open_item.patient_account_id = plan.patient_account_id
      AND open_item.patient_minor > 0
      AND (plan.encounter_id = item.encounter_id
           OR (plan.encounter_id IS NULL AND event.recorded_at <= plan.agreed_at))
      AND EXISTS (
          SELECT FROM charging_chargedispute AS dispute
          LEFT JOIN charging_disputeresolution AS resolution
              ON resolution.hospital_id = %(hospital)s AND resolution.dispute_id = dispute.id
          WHERE dispute.hospital_id = %(hospital)s AND dispute.charge_item_id = item.id
            AND resolution.id IS NULL)
) AS disputed
WHERE plan.hospital_id = %(hospital)s AND standing.status IN ('on_track', 'behind')
  AND (%(patient)s::uuid IS NULL OR patient.id = %(patient)s::uuid)
ORDER BY plan.id
"""


def _of_plans(hospital_id: UUID, day: _Day, patient_id: UUID | None) -> Iterator[Notice]:
    """The instalment that falls due next, or what is behind; without what is disputed of the plan's charges."""
    with connection.cursor() as cursor:
        cursor.execute(_PLANS, {"hospital": hospital_id, "at": day.at, "patient": patient_id})
        rows = cursor.fetchall()
    for plan_id, patient, department, category, grace_days, status, due_on, amount_minor in rows:
        settings = day.policies.resolve(department=department, category=category)
        if not settings.reminders or amount_minor <= 0:
            continue
        if status == "behind":
            since = min(due_on + timedelta(days=grace_days), day.today - timedelta(days=1))
            step = step_after(day.rules.days_after, (day.today - since).days)
            kind, name = INSTALMENT_MISSED, f"{due_on.isoformat()}+{step}"
        else:
            step = step_before(day.rules.days_before, (due_on - day.today).days)
            kind, name = INSTALMENT_DUE, f"{due_on.isoformat()}-{step}"
        if step is not None:
            yield Notice(kind, f"plan:{plan_id}", name, patient, amount_minor, due_on)
