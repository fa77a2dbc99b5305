"""Charge definitions on their way: kept as they were typed, then put in force in one go (section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from almoner.charging.book import terms_of
from almoner.charging.definition_terms import DefinitionTerms, check_code
from almoner.charging.definitions import PERMISSION_DEFINE, save_charge_definition
from almoner.charging.models import ChargeDefinition, ChargeDraft
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction

MAXIMUM_TYPED = 20_000


def save_draft(
    hospital_id: UUID, code: str, *, name: str, typed: Mapping[str, Any], actor: Actor, at: datetime
) -> ChargeDraft:
    """Keep what was ``typed`` for the charge ``code``, in place of the draft before; nothing is charged by it.

    Raises ``DomainError`` at ``code`` when it cannot be one, and for more than ``MAXIMUM_TYPED`` characters.
    """
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        check_code(code)
        if len(str(typed)) > MAXIMUM_TYPED:
            raise DomainError("This is more than a charge can say.", code="draft_too_long")
        draft, _ = ChargeDraft.objects.update_or_create(
            code=code,
            defaults={
                "hospital_id": hospital_id,
                "name": name[:200],
                "typed": dict(typed),
                "saved_at": at,
                "saved_by": actor.name,
            },
        )
        _record("charge_draft.saved", draft, actor, at)
        return draft


def discard_draft(hospital_id: UUID, code: str, *, actor: Actor, at: datetime) -> None:
    """Throw a draft away. Raises ``NotFound``."""
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        draft = ChargeDraft.objects.filter(code=code).first()
        if draft is None:
            raise NotFound(f"There is no draft {code!r}.", field="code", code="unknown_draft")
        _record("charge_draft.discarded", draft, actor, at)
        draft.delete()


def put_in_force(
    hospital_id: UUID, terms: DefinitionTerms, *, based_on: int, actor: Actor, at: datetime
) -> ChargeDefinition:
    """``save_charge_definition`` for terms that were built on version ``based_on`` (0: a new charge); ends the draft.

    The same terms again are the same version. Raises as ``save_charge_definition``, and ``Conflict`` when
    somebody else saved a version meanwhile, or a charge of this code when it was to be a new one.
    """
    with transaction(hospital_id):
        saved = save_charge_definition(hospital_id, terms, actor=actor, at=at)
        if saved.version > based_on + 1:
            raise _overtaken(terms.code, based_on)
        ChargeDraft.objects.filter(code=terms.code).delete()
        return saved


def _overtaken(code: str, based_on: int) -> Conflict:
    if not based_on:
        return Conflict(
            f"There is a charge {code!r} already: change that one.", field="code", code="code_taken"
        )
    return Conflict(
        f"Somebody saved a version of {code!r} after version {based_on}. Look at it, and change that one.",
        code="definition_changed",
    )


def terms_as_saved(row: ChargeDefinition) -> DefinitionTerms:
    """A version as the terms that would save it again."""
    terms = terms_of(row)
    return DefinitionTerms(
        code=row.code,
        service=row.service,
        billing_type=row.billing_type,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        template=row.template,
        rate_minor=row.rate_minor,
        percent=row.percent,
        base=dict(row.base),
        free_units=row.free_units,
        tiers=tuple((tier.first, tier.last, tier.rate_minor) for tier in terms.tiers),
        minimum_minor=row.minimum_minor,
        cap_minor=row.cap_minor,
        cap_per=row.cap_per,
        rounding_minor=row.rounding_minor,
        day_rule=row.day_rule,
        free_minutes=row.free_minutes,
        ward_types=tuple(row.ward_types),
        patient_categories=tuple(row.patient_categories),
        departments=tuple(row.departments),
        event_kinds=tuple(row.event_kinds),
        condition=row.condition,
        payment_requirement=row.payment_requirement,
        required_at=tuple(row.required_at),
        is_active=row.is_active,
    )


def _record(action: str, draft: ChargeDraft, actor: Actor, at: datetime) -> None:
    audit.record(
        action, actor=actor, at=at, subject_kind="charge_draft", subject_id=draft.id, code=draft.code
    )
