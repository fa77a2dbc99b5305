"""Make an estimate, record the consent to it, and say which visit it was for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from almoner.charging.accrual.planning import Cover
from almoner.charging.queries import book_in_force
from almoner.charging.rules import EventLine
from almoner.estimates.models import Estimate, EstimateConsent, EstimateLine, EstimateVisit
from almoner.estimates.pricing import Expected, Ward, estimate_costs
from almoner.hospitals.models import Hospital
from almoner.hospitals.models import Ward as HospitalWard
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Coverage, Patient
from almoner.patients.operations import find_encounter, surviving

PERMISSION_ESTIMATE = "estimates.make"
MAXIMUM_DAYS = 365
MAXIMUM_LINES = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an estimate is asked for; the fields are those of ``models.Estimate``."""

    expected_on: date
    valid_until: date
    patient_id: UUID | None = None
    walk_in: str = ""
    reason: str = ""
    services: tuple[tuple[str, Decimal], ...] = ()
    ward_type: str = ""
    days: int = 0
    payer_percent: Decimal | None = None
    payer_basis: str = ""
    deposit_minor: int = 0


def make_estimate(
    hospital_id: UUID, wanted: Wanted, *, idempotency_key: str, actor: Actor, at: datetime
) -> Estimate:
    """Price what is ``wanted`` as of ``wanted.expected_on`` and keep it; nothing is charged.

    The contract of the payer that covers the patient that day gives the prices. The same key again returns the first
    estimate. Raises ``DomainError`` naming the field, ``NotFound`` for an unknown patient, ``IdempotencyMismatch``
    for a known key with other content.
    """
    actor.require(PERMISSION_ESTIMATE)
    estimate_id = uuid5(hospital_id, f"estimate:{check_key(idempotency_key)}")
    hashed = content_hash(asdict(wanted))
    _check(wanted)
    with transaction(hospital_id):
        known = Estimate.objects.filter(id=estimate_id).first()
        if known is not None:
            if known.content_hash != hashed:
                raise IdempotencyMismatch(idempotency_key)
            return known
        patient = surviving(wanted.patient_id) if wanted.patient_id is not None else None
        covers = _covers(patient)
        book = book_in_force(hospital_id)
        costs = estimate_costs(book, _expected(wanted, patient, covers), at=at)
        if not costs:
            raise DomainError(
                _("Nothing of this is charged for. Name a service, or a stay."),
                field="services",
                code="empty",
            )
        paying = next((name for cover, name in covers if _in_force(cover, wanted.expected_on)), "")
        if wanted.payer_percent is not None and not paying:
            raise DomainError(
                _("No payer covers the patient on that day."), field="payer_percent", code="no_coverage"
            )
        estimate = Estimate.objects.create(
            id=estimate_id,
            hospital_id=hospital_id,
            number=f"EST-{next_number('estimate', 0)}",
            patient=patient,
            walk_in=wanted.walk_in.strip(),
            reason=wanted.reason.strip(),
            expected_on=wanted.expected_on,
            valid_until=wanted.valid_until,
            ward_type=wanted.ward_type,
            days=wanted.days,
            payer=paying,
            payer_percent=wanted.payer_percent,
            payer_basis=wanted.payer_basis.strip(),
            deposit_minor=wanted.deposit_minor,
            currency=book.currency,
            configuration_version=book.version,
            made_at=at,
            made_by=actor.name,
            content_hash=hashed,
        )
        EstimateLine.objects.bulk_create(
            EstimateLine(
                hospital_id=hospital_id,
                estimate=estimate,
                line=number,
                service=cost.service,
                name=cost.name,
                quantity=cost.quantity,
                net_minor=cost.net_minor,
                problem=cost.problem[:200],
            )
            for number, cost in enumerate(costs, start=1)
        )
        _record("estimate.made", estimate, actor, at)
        return estimate


def record_consent(
    hospital_id: UUID, estimate_id: UUID, *, given_by: str, how: str, actor: Actor, at: datetime
) -> EstimateConsent:
    """Record that somebody agreed to an estimate. The same again changes nothing. Raises ``DomainError``, ``NotFound``,
    and ``Conflict`` when another consent stands or the estimate is no longer valid on the hospital's date of ``at``."""
    actor.require(PERMISSION_ESTIMATE)
    given_by = given_by.strip()
    if not 1 <= len(given_by) <= 200:
        raise DomainError(_("Expected the name of who agreed."), field="given_by", code="no_name")
    if how not in EstimateConsent.How.values:
        raise DomainError(_("Expected how it was given."), field="how", code="invalid_how")
    with transaction(hospital_id):
        estimate = find_estimate(estimate_id)
        known = EstimateConsent.objects.filter(estimate=estimate).first()
        if known is not None:
            if (known.given_by, known.how) == (given_by, how):
                return known
            raise Conflict(_("A consent is recorded already."), code="consent_given")
        time_zone = Hospital.objects.values_list("time_zone", flat=True).get(id=hospital_id)
        if estimate.valid_until < local_date(at, time_zone):
            raise Conflict(_("The estimate is no longer valid. Make a new one."), code="estimate_expired")
        consent = EstimateConsent.objects.create(
            hospital_id=hospital_id,
            estimate=estimate,
            given_by=given_by,
            how=how,
            given_at=at,
            recorded_by=actor.name,
        )
        _record("estimate.agreed", estimate, actor, at)
        return consent


def link_visit(
    hospital_id: UUID, estimate_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime
) -> EstimateVisit:
    """Say which visit an estimate was for, so that the bill can be held against it. The same again changes nothing.

    Raises ``NotFound``, ``Conflict`` for a visit of another patient or when it is linked to another visit.
    """
    actor.require(PERMISSION_ESTIMATE)
    with transaction(hospital_id):
        estimate, encounter = find_estimate(estimate_id), find_encounter(encounter_id)
        if estimate.patient_id is not None and encounter.patient_id != estimate.patient_id:
            raise Conflict(_("This visit is of another patient."), field="encounter_id", code="other_patient")
        linked, made = EstimateVisit.objects.get_or_create(
            estimate=estimate,
            defaults={
                "hospital_id": hospital_id,
                "encounter": encounter,
                "linked_at": at,
                "linked_by": actor.name,
            },
        )
        if linked.encounter_id != encounter.id:
            raise Conflict(
                _("The estimate is linked to another visit."), field="encounter_id", code="linked_before"
            )
        if made:
            _record("estimate.linked", estimate, actor, at)
        return linked


def find_estimate(estimate_id: UUID) -> Estimate:
    """The estimate with its patient. Raises ``NotFound``."""
    estimate = Estimate.objects.select_related("patient").filter(id=estimate_id).first()
    if estimate is None:
        raise NotFound(_("There is no such estimate."), field="estimate_id", code="unknown_estimate")
    return estimate


def _check(wanted: Wanted) -> None:
    problems = {
        "walk_in": (wanted.patient_id is None) != bool(wanted.walk_in.strip())
        and _("Expected either a patient or the name of who asks."),
        "days": not 0 <= wanted.days <= MAXIMUM_DAYS and _("Expected at most a year of days."),
        "ward_type": bool(wanted.ward_type) != bool(wanted.days)
        and _("A stay needs a kind of ward and its days."),
        "services": len(wanted.services) > MAXIMUM_LINES and _("These are too many services."),
        "valid_until": wanted.valid_until < wanted.expected_on
        and _("Expected a day not before the one it is for."),
        "payer_percent": wanted.payer_percent is not None
        and not 0 <= wanted.payer_percent <= 100
        and _("Expected 0 to 100."),
        "payer_basis": (wanted.payer_percent is not None) != bool(wanted.payer_basis.strip())
        and _("Say what the payer's share is based on, and only then."),
        "deposit_minor": wanted.deposit_minor < 0 and _("Expected zero or more."),
    }
    for name, problem in problems.items():
        if problem:
            raise DomainError(problem, field=name, code="invalid_estimate")


def _expected(wanted: Wanted, patient: Patient | None, covers: Sequence[tuple[Cover, str]]) -> Expected:
    return Expected(
        on=wanted.expected_on,
        lines=tuple(EventLine(code, quantity) for code, quantity in wanted.services),
        ward=_ward(wanted),
        patient_category=patient.category if patient else "general",
        birth_date=patient.birth_date if patient else None,
        covers=tuple(cover for cover, _name in covers),
        facts={
            "patient_sex": patient.sex if patient else None,
            "encounter_class": "inpatient" if wanted.days else "ambulatory",
            "visit_type": "first",
            "priority": "routine",
        },
    )


def _ward(wanted: Wanted) -> Ward | None:
    if not wanted.days:
        return None
    ward = (
        HospitalWard.objects.select_related("department")
        .filter(ward_type=wanted.ward_type, is_active=True)
        .order_by("code")
        .first()
    )
    if ward is None:
        raise DomainError(_("There is no such ward here."), field="ward_type", code="unknown_ward")
    place = ward.department
    return Ward(wanted.ward_type, place.code, place.kind, place.id, wanted.days)


def _covers(patient: Patient | None) -> Sequence[tuple[Cover, str]]:
    """The payers of the patient with their names, the first to pay first."""
    if patient is None:
        return []
    rows = Coverage.objects.select_related("payer").filter(patient=patient).order_by("priority", "-starts_on")
    return [(Cover(row.payer_id, row.payer.code, row.starts_on, row.ends_on), row.payer.name) for row in rows]


def _in_force(cover: Cover, on: date) -> bool:
    return cover.starts_on <= on and (cover.ends_on is None or on <= cover.ends_on)


def _record(action: str, estimate: Estimate, actor: Actor, at: datetime) -> None:
    audit.record(
        action, actor=actor, at=at, subject_kind="estimate", subject_id=estimate.id, number=estimate.number
    )
