"""Another medication in the place of the prescribed one, for what is left of a line."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.catalog.models import Service
from almoner.charging import operations as charging
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Prescription, PrescriptionLine
from almoner.orders.operations import find_order
from almoner.payments.operations import release
from almoner.service_points.pharmacy.models import Substitution
from almoner.service_points.pharmacy.operations.dispensing import dispensed
from almoner.service_points.pharmacy.operations.shared import (
    PERMISSION_DISPENSE,
    id_for,
    keep_paid,
    substitutions_in_force,
    undelivered_charges,
)

CONSENT_FLAG = "substitution_needs_consent"
"""A medication with this flag is substituted only with the consent of whoever prescribed it."""


def substitute(
    hospital_id: UUID,
    prescription_id: UUID,
    *,
    line: int,
    service: str,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    consented_by: str = "",
) -> Substitution:
    """Hand out ``service`` (a code) from now on for what is left of a line, instead of what was prescribed.

    It must stand among the prescribed medication's ``substitutes``, or be the prescribed one again. The charge of
    what is left is reversed and posted anew at the price that the substitute had on the day of the prescription;
    what was paid stays with it, what is more becomes a deposit. Raises ``DomainError`` naming the field.
    """
    actor.require(PERMISSION_DISPENSE)
    substitution_id = id_for(hospital_id, "substituted", idempotency_key)
    reason, consented_by = reason.strip(), consented_by.strip()
    if not reason:
        raise DomainError(_("Say why it is substituted."), field="reason", code="reason_missing")
    with transaction(hospital_id):
        prescription = find_order(Prescription, prescription_id)
        prescribed = (
            PrescriptionLine.objects.select_related("service")
            .filter(prescription=prescription, line=line)
            .first()
        )
        if prescribed is None:
            raise NotFound(
                _("The prescription has no line %(line)s.") % {"line": line},
                field="line",
                code="unknown_line",
            )
        before = Substitution.objects.select_related("service").filter(id=substitution_id).first()
        if before is not None:
            known = (before.prescription_line_id, before.service.code, before.reason, before.consented_by)
            if known != (prescribed.id, service, reason, consented_by):
                raise IdempotencyMismatch(idempotency_key)
            return before
        in_force = substitutions_in_force([prescribed]).get(prescribed.id)
        current = in_force.service if in_force is not None else prescribed.service
        other = _allowed(prescription, prescribed, current, service, consented_by)
        # The latest is in force, so it is later than the one before, whatever the clock says.
        after = in_force.substituted_at + timedelta.resolution if in_force is not None else at
        substitution = Substitution.objects.create(
            id=substitution_id,
            hospital_id=hospital_id,
            prescription_line=prescribed,
            service=other,
            reason=reason,
            consented_by=consented_by,
            substituted_at=max(at, after),
            substituted_by=actor.name,
        )
        _charge_instead(hospital_id, substitution, current, idempotency_key, actor, at)
        audit.record(
            "medication.substituted",
            actor=actor,
            at=at,
            subject_kind="Prescription",
            subject_id=prescription_id,
            line=line,
            before=current.code,
            after=other.code,
            reason=reason,
            consented_by=consented_by,
        )
        return substitution


def _allowed(
    prescription: Prescription,
    prescribed: PrescriptionLine,
    current: Service,
    code: str,
    consented_by: str,
) -> Service:
    """The medication of ``code`` when it may take the place of ``current``."""
    if prescription.cancelled_at is not None:
        raise Conflict(_("The order was cancelled."), field="prescription_id", code="order_cancelled")
    if dispensed(prescribed) >= prescribed.quantity:
        raise Conflict(_("All of this line was handed out already."), field="line", code="already_dispensed")
    allowed = {*prescribed.service.substitutes, prescribed.service.code} - {current.code}
    other = Service.objects.filter(code=code, is_active=True, kind=Service.Kind.MEDICATION).first()
    if code not in allowed or other is None:
        raise DomainError(
            _("%(code)r is not allowed in the place of %(current)s. Allowed: %(allowed)s.")
            % {"code": code, "current": current.name, "allowed": ", ".join(sorted(allowed)) or "nothing"},
            field="service",
            code="substitute_not_allowed",
        )
    if CONSENT_FLAG in prescribed.service.flags and code != prescribed.service.code and not consented_by:
        raise DomainError(
            _("%(service)s is substituted only with the prescriber's consent: say who agreed.")
            % {"service": prescribed.service.name},
            field="consented_by",
            code="consent_missing",
        )
    return other


def _charge_instead(
    hospital_id: UUID,
    substitution: Substitution,
    current: Service,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> None:
    line = substitution.prescription_line
    for item in undelivered_charges(line.prescription_id, line.line):
        if item.service_id != current.id:
            continue
        paid = release(hospital_id, item.id, actor=actor, at=at)
        instead = charging.substitute(
            item.id, service=substitution.service.code, actor=actor, at=at, source_id=substitution.id
        )
        keep_paid(hospital_id, paid, [instead], idempotency_key=idempotency_key, actor=actor, at=at)
