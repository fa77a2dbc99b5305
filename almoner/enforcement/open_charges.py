"""The charges that patients are to pay and when: what late fees and reminders are about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection

from almoner.enforcement.policy import ChargeTiming, Policies, Settings
from almoner.kernel.clock import local_date


@dataclass(frozen=True, slots=True)
class OpenCharge:
    """A charge of which ``owed_minor``, the patient's part, is open, undisputed, and due at ``due_at``.

    ``patient_id`` is the record that the account belongs to now, ``rule`` the code of the rule that charged it.
    """

    account_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    service: str
    department: str
    category: str
    rule: str
    owed_minor: int
    captured_at: datetime
    due_at: datetime
    delivered: bool


_OPEN = """
SELECT item.patient_account_id, patient.id, item.encounter_id, service.code,
       coalesce(department.code, visited.code, ''), patient.category, item.rule_code, open_item.patient_minor,
       item.captured_at, item.due_at, item.delivered_at IS NOT NULL
FROM ledger_openitem AS open_item
JOIN charging_chargeitem AS item ON item.hospital_id = %(hospital)s AND item.id = open_item.id
JOIN charging_clinicalevent AS event ON event.hospital_id = %(hospital)s AND event.id = item.event_id
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = item.patient_account_id
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = account.patient_id
LEFT JOIN patients_encounter AS visit ON visit.hospital_id = %(hospital)s AND visit.id = item.encounter_id
LEFT JOIN hospitals_department AS visited
    ON visited.hospital_id = %(hospital)s AND visited.id = visit.department_id
LEFT JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = item.department_id
WHERE open_item.hospital_id = %(hospital)s AND open_item.patient_minor > 0 AND item.due_at < %(due_before)s
  AND (%(patient)s::uuid IS NULL OR patient.id = %(patient)s::uuid)
  AND NOT EXISTS (
      SELECT FROM charging_chargedispute AS dispute
      LEFT JOIN charging_disputeresolution AS resolution
          ON resolution.hospital_id = %(hospital)s AND resolution.dispute_id = dispute.id
      WHERE dispute.hospital_id = %(hospital)s AND dispute.charge_item_id = item.id AND resolution.id IS NULL)
  AND NOT EXISTS (
      SELECT FROM payments_paymentplan AS plan
      CROSS JOIN LATERAL payments_plan_standing(%(hospital)s, plan.id, %(at)s) AS standing
      WHERE plan.hospital_id = %(hospital)s AND plan.patient_account_id = item.patient_account_id
        AND (plan.encounter_id = item.encounter_id
             OR (plan.encounter_id IS NULL AND event.recorded_at <= plan.agreed_at))
        AND standing.status = ANY (%(plans)s))
ORDER BY item.patient_account_id, item.encounter_id, item.id
"""


def open_charges(
    hospital_id: UUID,
    *,
    due_before: datetime,
    at: datetime,
    without_plans: Collection[str],
    patient_id: UUID | None = None,
) -> list[OpenCharge]:
    """What patients owe themselves and falls due before ``due_before``, as the ledger has it; one statement.

    What a payer owes is not in it, nor what is disputed, nor what a plan covers whose status is one of
    ``without_plans``. Needs the hospital's transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN,
            {
                "hospital": hospital_id,
                "due_before": due_before,
                "at": at,
                "plans": list(without_plans),
                "patient": patient_id,
            },
        )
        return [OpenCharge(*row) for row in cursor.fetchall()]


def settings_of(policies: Policies, charge: OpenCharge) -> Settings:
    """The settings in force for ``charge``."""
    return policies.resolve(department=charge.department, service=charge.service, category=charge.category)


def is_asked_for(charge: OpenCharge, settings: Settings) -> bool:
    """Whether it is due on its day: a charge that is due with its service is so only once that was given."""
    waits = settings.charge_timing in (ChargeTiming.DURING_SERVICE, ChargeTiming.AFTER_SERVICE)
    return charge.delivered or not waits


def late_since(charge: OpenCharge, settings: Settings, at: datetime, time_zone: str) -> date | None:
    """The last day of its grace when ``charge`` is overdue at ``at``, else None: past its grace, and on a later
    day than it fell due."""
    ends = charge.due_at + timedelta(days=settings.grace_days or 0)
    late = at > ends and local_date(at, time_zone) > local_date(charge.due_at, time_zone)
    return local_date(ends, time_zone) if late and is_asked_for(charge, settings) else None
