"""Ward billing templates (section 7.3): sets of charges that are put to wards together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from almoner.charging.definitions import PERMISSION_DEFINE, save_charge_definition, save_ward_billing_template
from almoner.charging.drafts import terms_as_saved
from almoner.charging.models import ChargeDefinition, WardBillingTemplate
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction


def make_template(
    hospital_id: UUID,
    code: str,
    *,
    name: str,
    ward_types: Sequence[str],
    members: Sequence[str],
    starts_on: date,
    actor: Actor,
    at: datetime,
) -> WardBillingTemplate:
    """Save a new template that the charges ``members`` (codes) join from ``starts_on`` on.

    The same again changes nothing. Raises ``Conflict`` at ``code`` for one that another template has, ``DomainError``
    at ``members`` for a charge that is not in force then, and as ``save_charge_definition``.
    """
    with transaction(hospital_id):
        known = WardBillingTemplate.objects.filter(code=code).first()
        if known is not None and (known.name, known.ward_types) != (name.strip(), list(ward_types)):
            raise Conflict(f"There is a template {code!r} already.", field="code", code="code_taken")
        saved = save_ward_billing_template(
            hospital_id, code, name=name, ward_types=ward_types, actor=actor, at=at
        )
        rows = {
            row.code: row for row in _in_force(ChargeDefinition.objects.filter(code__in=members), starts_on)
        }
        for member in members:
            if member not in rows:
                raise DomainError(
                    f"The charge {member!r} is not in force on {starts_on}.",
                    field="members",
                    code="not_in_force",
                )
            terms = replace(terms_as_saved(rows[member]), template=code, starts_on=starts_on)
            save_charge_definition(hospital_id, terms, actor=actor, at=at)
        return saved


def apply_template(
    hospital_id: UUID, code: str, *, ward_types: tuple[str, ...], starts_on: date, actor: Actor, at: datetime
) -> list[ChargeDefinition]:
    """Let every charge of a ward billing template hold in ``ward_types`` from ``starts_on`` on (section 7.3).

    Each charge that is in force then gets a version of its own; what was charged before stays. Returns the
    versions. Raises ``NotFound`` for an unknown template, ``DomainError`` for no wards or a template without charges
    on that date, and as ``save_charge_definition``.
    """
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        template = WardBillingTemplate.objects.filter(code=code).first()
        if template is None:
            raise NotFound(f"There is no template {code!r}.", field="code", code="unknown_template")
        if not ward_types:
            raise DomainError("Expected at least one kind of ward.", field="ward_types", code="no_wards")
        members = _in_force(ChargeDefinition.objects.filter(template=code), starts_on)
        if not members:
            raise DomainError(
                f"No charge of the template is in force on {starts_on}.",
                field="starts_on",
                code="empty_template",
            )
        saved = [
            save_charge_definition(
                hospital_id,
                replace(terms_as_saved(row), ward_types=ward_types, starts_on=starts_on),
                actor=actor,
                at=at,
            )
            for row in members
        ]
        audit.record(
            "ward_billing_template.applied",
            actor=actor,
            at=at,
            subject_kind="ward_billing_template",
            subject_id=template.id,
            code=code,
            ward_types=list(ward_types),
            starts_on=starts_on.isoformat(),
        )
        return saved


def _in_force(rows: QuerySet[ChargeDefinition], on: date) -> list[ChargeDefinition]:
    """Those in force on a date, by code."""
    still = Q(ends_on=None) | Q(ends_on__gte=on)
    return list(rows.filter(still, superseded=False, starts_on__lte=on).order_by("code"))
