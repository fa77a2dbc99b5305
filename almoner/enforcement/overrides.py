"""What became of overrides, for who reviews them: in force or not, reviewed or not, paid since or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from almoner.enforcement.models import GateDecision, Override, OverrideReview, OverrideRevocation
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction

MAXIMUM_OVERRIDES = 100
MAXIMUM_HELD = 100
HELD_FOR = timedelta(days=7)


class OverrideState(StrEnum):
    """What a list of overrides is narrowed to. ``to_review``: nobody has reviewed it yet."""

    TO_REVIEW = "to_review"
    DISPUTED = "disputed"
    ACCEPTED = "accepted"
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"


def in_state(rows: QuerySet[Override], state: OverrideState, *, at: datetime) -> QuerySet[Override]:
    """Those of ``rows`` that are in ``state`` at ``at``."""
    if state is OverrideState.TO_REVIEW:
        return rows.filter(~Exists(OverrideReview.objects.filter(override=OuterRef("id"))))
    if state in (OverrideState.DISPUTED, OverrideState.ACCEPTED):
        latest = OverrideReview.objects.filter(override=OuterRef("id")).order_by("-reviewed_at", "-id")
        return rows.annotate(verdict=Subquery(latest.values("verdict")[:1])).filter(verdict=state.value)
    revoked = Exists(OverrideRevocation.objects.filter(override=OuterRef("id")))
    if state is OverrideState.REVOKED:
        return rows.filter(revoked)
    if state is OverrideState.IN_FORCE:
        return rows.filter(~revoked, expires_at__gt=at)
    return rows.filter(~revoked, expires_at__lte=at)


def count_overrides(*, at: datetime) -> dict[OverrideState, int]:
    """How many overrides are in each state at ``at``; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"hospital": require_transaction(), "at": at})
        return dict(zip(OverrideState, cursor.fetchone(), strict=True))


_LATEST_REVIEW = """
LEFT JOIN LATERAL (
    SELECT one.verdict, one.note, one.reviewed_by, one.reviewed_at
    FROM enforcement_overridereview AS one
    WHERE one.hospital_id = %(hospital)s AND one.override_id = override.id
    ORDER BY one.reviewed_at DESC, one.id DESC
    LIMIT 1
) AS review ON true
LEFT JOIN enforcement_overriderevocation AS revocation
    ON revocation.hospital_id = %(hospital)s AND revocation.override_id = override.id
"""

_COUNTS = f"""
SELECT count(*) FILTER (WHERE review.verdict IS NULL),
       count(*) FILTER (WHERE review.verdict = 'disputed'),
       count(*) FILTER (WHERE review.verdict = 'accepted'),
       count(*) FILTER (WHERE revocation.id IS NULL AND override.expires_at > %(at)s),
       count(*) FILTER (WHERE revocation.id IS NULL AND override.expires_at <= %(at)s),
       count(revocation.id)
FROM enforcement_override AS override
{_LATEST_REVIEW}
WHERE override.hospital_id = %(hospital)s
"""


@dataclass(frozen=True, slots=True)
class OverrideRead:
    """An override with what became of it. Amounts in minor units of the hospital's currency.

    ``passed_minor`` is what was unpaid of the charges that went ahead under it (of those that the decision
    held, when it was applied retroactively), None when nothing has yet; ``open_minor`` what is open of them now.
    """

    override_id: UUID
    step: str
    encounter_id: UUID
    order_id: UUID | None
    visit: str
    department: str
    patient_id: UUID
    patient: str
    mrn: str
    reason: str
    triage_level: int | None
    starts_at: datetime
    expires_at: datetime
    granted_at: datetime
    granted_by: str
    held_decision_id: UUID | None
    revoked_at: datetime | None
    revoked_by: str
    revoked_because: str
    verdict: str
    note: str
    reviewed_by: str
    reviewed_at: datetime | None
    passed_minor: int | None
    open_minor: int


# A charge that was parted or revised since lives on under the same event, line and rule.
_PASSED = """
    SELECT charge.id, charge.service_date, service.name, passed.due_minor,
           least(passed.due_minor, coalesce((
               SELECT sum(CASE WHEN alive.status = 'billable' THEN coalesce(open_item.patient_minor, 0)
                               ELSE coalesce(alive.net_minor, 0) END)
               FROM charging_chargeitem AS alive
               LEFT JOIN ledger_openitem AS open_item
                   ON open_item.hospital_id = %(hospital)s AND open_item.id = alive.id
               WHERE alive.hospital_id = %(hospital)s AND alive.event_id = charge.event_id
                 AND alive.line = charge.line AND alive.rule_code = charge.rule_code
                 AND alive.status IN ('billable', 'planned', 'unpriced')
                 AND (alive.service_period = charge.service_period OR alive.service_period LIKE 'part-%%')
           ), 0))::bigint AS open_minor
    FROM (
        SELECT DISTINCT ON (item.charge_item_id) item.charge_item_id, item.due_minor
        FROM enforcement_gatedecision AS decision
        CROSS JOIN LATERAL jsonb_to_recordset(decision.facts->'items')
            AS item (charge_item_id uuid, due_minor bigint)
        WHERE decision.hospital_id = %(hospital)s AND decision.encounter_id = override.encounter_id
          AND decision.step = override.step
          AND (decision.id = override.held_decision_id
               OR (decision.reason_code = 'override' AND decision.facts->'overrides'
                       @> jsonb_build_array(jsonb_build_object('override_id', override.id))))
        ORDER BY item.charge_item_id, decision.decided_at, decision.id
    ) AS passed
    JOIN charging_chargeitem AS charge
        ON charge.hospital_id = %(hospital)s AND charge.id = passed.charge_item_id
    JOIN catalog_service AS service
        ON service.hospital_id = %(hospital)s AND service.id = charge.service_id
"""

_OVERRIDES = f"""
SELECT override.id, override.step, override.encounter_id, override.order_id, encounter.number,
       department.name, patient.id, patient.name, patient.mrn, override.reason, override.triage_level,
       override.starts_at, override.expires_at, override.created_at, override.created_by,
       override.held_decision_id, revocation.at, coalesce(revocation.revoked_by, ''),
       coalesce(revocation.reason, ''), coalesce(review.verdict, ''), coalesce(review.note, ''),
       coalesce(review.reviewed_by, ''), review.reviewed_at, went.passed_minor, went.open_minor
FROM enforcement_override AS override
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = override.patient_id
JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = override.encounter_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
{_LATEST_REVIEW}
CROSS JOIN LATERAL (
    SELECT sum(charges.due_minor)::bigint AS passed_minor,
           coalesce(sum(charges.open_minor), 0)::bigint AS open_minor
    FROM ({_PASSED}) AS charges
) AS went
WHERE override.hospital_id = %(hospital)s AND override.id = ANY(%(ids)s)
ORDER BY override.created_at DESC, override.id DESC
"""


def list_overrides(state: OverrideState | None, *, at: datetime) -> list[OverrideRead]:
    """The latest overrides that are in ``state`` (all when None), the latest first; two statements."""
    rows = Override.objects.all()
    if state is not None:
        rows = in_state(rows, state, at=at)
    ids = list(rows.order_by("-created_at", "-id").values_list("id", flat=True)[:MAXIMUM_OVERRIDES])
    return _read(ids)


def read_override(override_id: UUID) -> OverrideRead:
    """One override; one statement. Raises ``NotFound``."""
    found = _read([override_id])
    if not found:
        raise NotFound(
            _("There is no such override at this hospital."), field="override_id", code="unknown_override"
        )
    return found[0]


def _read(ids: list[UUID]) -> list[OverrideRead]:
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OVERRIDES, {"hospital": require_transaction(), "ids": ids})
        return [OverrideRead(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class PassedCharge:
    """A charge that went ahead unpaid: what was due then, and what is open of it now."""

    charge_item_id: UUID
    service_date: date
    service: str
    due_minor: int | None
    open_minor: int


def passed_charges(override_id: UUID) -> list[PassedCharge]:
    """What went ahead under the override, by day; one statement."""
    sql = f"""
        SELECT charges.id, charges.service_date, charges.name, charges.due_minor, coalesce(charges.open_minor, 0)
        FROM enforcement_override AS override CROSS JOIN LATERAL ({_PASSED}) AS charges
        WHERE override.hospital_id = %(hospital)s AND override.id = %(id)s
        ORDER BY charges.service_date, charges.name, charges.id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"hospital": require_transaction(), "id": override_id})
        return [PassedCharge(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class HeldLately:
    """The latest decision that held a step; ``override_id`` is set when it was overridden since."""

    decision_id: UUID
    step: str
    encounter_id: UUID
    order_id: UUID | None
    patient_id: UUID
    patient: str
    mrn: str
    department: str
    due_minor: int
    decided_at: datetime
    asked_by: str
    override_id: UUID | None


_HELD = """
SELECT held.id, held.step, held.encounter_id, held.order_id, patient.id, patient.name, patient.mrn,
       department.name, held.due_minor, held.decided_at, held.asked_by, override.id
FROM (
    SELECT DISTINCT ON (decision.step, decision.encounter_id, decision.order_id) decision.*
    FROM enforcement_gatedecision AS decision
    WHERE decision.hospital_id = %(hospital)s AND decision.decided_at > %(since)s
      AND decision.outcome = 'held' AND decision.encounter_id IS NOT NULL
    ORDER BY decision.step, decision.encounter_id, decision.order_id, decision.decided_at DESC, decision.id DESC
) AS held
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = held.patient_id
JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = held.encounter_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
LEFT JOIN LATERAL (
    SELECT one.id FROM enforcement_override AS one
    WHERE one.hospital_id = %(hospital)s AND one.encounter_id = held.encounter_id AND one.step = held.step
      AND (one.order_id IS NULL OR one.order_id = held.order_id)
      AND (one.held_decision_id = held.id OR one.created_at >= held.decided_at)
    ORDER BY one.created_at DESC, one.id DESC
    LIMIT 1
) AS override ON true
ORDER BY held.decided_at DESC, held.id DESC
LIMIT %(limit)s
"""


def held_lately(*, at: datetime) -> list[HeldLately]:
    """What was held in the last ``HELD_FOR``, the latest decision of each step, the latest first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD, {"hospital": require_transaction(), "since": at - HELD_FOR, "limit": MAXIMUM_HELD}
        )
        return [HeldLately(*row) for row in cursor.fetchall()]


def find_decision(decision_id: UUID) -> GateDecision:
    """The decision with its patient and visit; one statement. Raises ``NotFound``."""
    found = (
        GateDecision.objects.select_related("patient", "encounter__department").filter(id=decision_id).first()
    )
    if found is None:
        raise NotFound(
            _("There is no such decision at this hospital."), field="decision_id", code="unknown_decision"
        )
    return found


def overrides_of(decision: GateDecision) -> list[Override]:
    """The overrides of the decision's step that came with or after it, the latest first; one statement."""
    rows = Override.objects.filter(
        encounter=decision.encounter_id, step=decision.step, created_at__gte=decision.decided_at
    ).order_by("-created_at", "-id")
    return [row for row in rows if row.order_id in (None, decision.order_id)]
