"""Saving charge definitions: a change is a new version from a date on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext

from almoner.catalog.models import Service
from almoner.charging.definition_terms import (
    DefinitionTerms,
    check_code,
    check_definition,
    check_known,
    refusal,
)
from almoner.charging.models import ChargeDefinition, WardBillingTemplate
from almoner.hospitals.models import Hospital, Ward
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.tenancy import require_transaction, transaction

PERMISSION_DEFINE = "charging.define"
_KEPT = ("billing_type", "day_rule", "service")


def save_charge_definition(
    hospital_id: UUID, terms: DefinitionTerms, *, actor: Actor, at: datetime
) -> ChargeDefinition:
    """Put ``terms`` in force from their first day on (section 2.2).

    The version before ends the day before, if it had no end; one that begins on the same day is replaced.
    What was charged stays as it was charged. Saving the same terms again changes nothing. Raises
    ``DomainError`` naming the field for terms that cannot be, ``Conflict`` at ``starts_on`` or ``ends_on`` for
    dates in which another version is in force.
    """
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        Hospital.objects.select_for_update().get(id=hospital_id)
        check_definition(terms)
        saved = put_charge_definition(terms, actor=actor, at=at)
        _changed(hospital_id)
        return saved


def put_charge_definition(terms: DefinitionTerms, *, actor: Actor, at: datetime) -> ChargeDefinition:
    """Write terms that were checked, as a version; for whoever changes the configuration in one go.

    Needs the hospital's transaction, and a new configuration version in it. Raises as
    ``save_charge_definition``.
    """
    hospital_id = require_transaction()
    versions = list(ChargeDefinition.objects.filter(code=terms.code).order_by("version"))
    in_force = [version for version in versions if not version.superseded]
    same = next((version for version in in_force if version.starts_on == terms.starts_on), None)
    if same is not None and _says(same, terms):
        return same
    _check_change(terms, versions)
    _make_way(terms, in_force)
    _ensure_service(hospital_id, terms)
    saved = ChargeDefinition.objects.create(
        hospital_id=hospital_id,
        version=versions[-1].version + 1 if versions else 1,
        saved_at=at,
        saved_by=actor.name,
        **_columns(terms),
    )
    audit.record(
        "charge_definition.saved",
        actor=actor,
        at=at,
        subject_kind="charge_definition",
        subject_id=saved.id,
        code=saved.code,
        version=saved.version,
        starts_on=terms.starts_on.isoformat(),
    )
    return saved


def end_charge_definition(
    hospital_id: UUID, code: str, *, ends_on: date, actor: Actor, at: datetime
) -> ChargeDefinition:
    """Let a definition charge nothing after ``ends_on``; versions that would begin later are withdrawn.

    Raises ``NotFound`` when no version is in force on that date.
    """
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        Hospital.objects.select_for_update().get(id=hospital_id)
        versions = ChargeDefinition.objects.filter(code=code, superseded=False)
        ending = versions.filter(starts_on__lte=ends_on).order_by("-starts_on").first()
        if ending is None or (ending.ends_on is not None and ending.ends_on < ends_on):
            raise NotFound(
                gettext("The charge %(code)r is not in force on %(ends_on)s.")
                % {"code": code, "ends_on": ends_on},
                field="ends_on",
                code="not_in_force",
            )
        versions.filter(starts_on__gt=ends_on).update(superseded=True)
        ending.ends_on = ends_on
        ending.save(update_fields=["ends_on"])
        _changed(hospital_id)
        audit.record(
            "charge_definition.ended",
            actor=actor,
            at=at,
            subject_kind="charge_definition",
            subject_id=ending.id,
            code=code,
            ends_on=ends_on.isoformat(),
        )
        return ending


def save_ward_billing_template(
    hospital_id: UUID, code: str, *, name: str, ward_types: Sequence[str], actor: Actor, at: datetime
) -> WardBillingTemplate:
    """Name a set of charges and the ward types it holds in (section 7.3). Raises ``DomainError``."""
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        check_code(code)
        check_known("ward_types", ward_types, set(Ward.objects.values_list("ward_type", flat=True)))
        if not name.strip():
            raise refusal("name", gettext("Expected a name that people know the set by."))
        saved, _ = WardBillingTemplate.objects.update_or_create(
            code=code,
            defaults={"hospital_id": hospital_id, "name": name.strip()[:200], "ward_types": list(ward_types)},
        )
        _changed(hospital_id)
        audit.record(
            "ward_billing_template.saved",
            actor=actor,
            at=at,
            subject_kind="ward_billing_template",
            subject_id=saved.id,
            code=code,
            ward_types=list(ward_types),
        )
        return saved


def _check_change(terms: DefinitionTerms, versions: Sequence[ChargeDefinition]) -> None:
    for name in _KEPT:
        if versions and getattr(versions[-1], name) != getattr(terms, name):
            raise refusal(
                name,
                gettext(
                    "A new version keeps its %(what)s (%(kept)s): define a charge of another code for this."
                )
                % {"what": name.replace("_", " "), "kept": getattr(versions[-1], name)},
            )


def _make_way(terms: DefinitionTerms, versions: Sequence[ChargeDefinition]) -> None:
    """End or withdraw what the new version takes the place of. Raises ``Conflict`` for an overlap."""
    for version in versions:
        if version.starts_on == terms.starts_on:
            version.superseded = True
            version.save(update_fields=["superseded"])
        elif version.starts_on > terms.starts_on:
            if terms.ends_on is None or terms.ends_on >= version.starts_on:
                raise Conflict(
                    gettext("Version %(version)s begins on %(starts_on)s: expected an end before it.")
                    % {"version": version.version, "starts_on": version.starts_on},
                    field="ends_on",
                    code="overlapping_dates",
                )
        elif version.ends_on is None:
            version.ends_on = terms.starts_on - timedelta(days=1)
            version.save(update_fields=["ends_on"])
        elif version.ends_on >= terms.starts_on:
            raise Conflict(
                gettext("Version %(version)s is in force until %(ends_on)s: expected a later first day.")
                % {"version": version.version, "ends_on": version.ends_on},
                field="starts_on",
                code="overlapping_dates",
            )


def draft_of(terms: DefinitionTerms) -> ChargeDefinition:
    """The terms as a first version that is not saved."""
    return ChargeDefinition(version=1, superseded=False, **_columns(terms))


def _says(row: ChargeDefinition, terms: DefinitionTerms) -> bool:
    return all(getattr(row, name) == value for name, value in _columns(terms).items())


def _columns(terms: DefinitionTerms) -> dict[str, Any]:
    columns = asdict(terms)
    del columns["service_name"]
    columns["tiers"] = [list(tier) for tier in terms.tiers]
    columns["base"] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in terms.base.items()
    }
    return {key: list(value) if isinstance(value, tuple) else value for key, value in columns.items()}


def _ensure_service(hospital_id: UUID, terms: DefinitionTerms) -> None:
    if terms.service_name and not Service.objects.filter(code=terms.service).exists():
        Service.objects.create(
            hospital_id=hospital_id,
            code=terms.service,
            name=terms.service_name,
            kind=Service.Kind.WARD,
        )


def _changed(hospital_id: UUID) -> None:
    Hospital.objects.filter(id=hospital_id).update(configuration_version=F("configuration_version") + 1)
