"""A person lets a step go ahead unpaid: who may, until when, again, afterwards, and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import check
from almoner.enforcement.models import GateDecision, Override, OverrideRevocation, PaymentPolicy
from almoner.enforcement.operations import MAXIMUM_LIFETIME, grant_override, revoke_override
from almoner.enforcement.rules import Outcome
from almoner.hospitals.models import Hospital
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from tests.support.hospital import NOON, TEST_ORDERED, TestHospital, make_hospital

STEP = "laboratory.process"
SOON = NOON + timedelta(hours=1)


@dataclass
class Desk:
    """A strict hospital with an unpaid order of 30.00."""

    hospital: TestHospital
    subject: Subject

    def grant(self, **changes: Any) -> Override:
        arguments: dict[str, Any] = {
            "step": STEP,
            "subject": self.subject,
            "reason": "chest pain",
            "expires_at": SOON,
            "idempotency_key": "override",
            "actor": self.hospital.actor,
            "at": NOON,
        }
        return grant_override(self.hospital.id, **arguments | changes)

    def ask(self, at: datetime = NOON, step: str = STEP, subject: Subject | None = None) -> Outcome:
        decision, _ = check(self.hospital.id, step, subject or self.subject, actor=self.hospital.actor, at=at)
        return decision.outcome


@pytest.fixture
def desk(db: None) -> Desk:
    hospital = make_hospital()
    with hospital.transaction():
        PaymentPolicy.objects.create(
            hospital_id=hospital.id,
            scope="hospital",
            settings={"payment_enforcement": {"global_policy": "strict"}},
        )
    Hospital.objects.filter(id=hospital.id).update(configuration_version=1)
    visit, order = hospital.encounter(hospital.patient()), new_id()
    hospital.capture(TEST_ORDERED, "blood_count", encounter=visit, order_id=order)
    return Desk(hospital, Subject(visit.id, order))


def test_it_holds_for_the_order_and_until_it_expires(desk: Desk) -> None:
    other = new_id()
    with desk.hospital.transaction():
        visit = desk.subject.encounter_id
    assert desk.ask() is Outcome.HELD
    desk.grant()
    assert desk.ask() is Outcome.OVERRIDDEN
    assert desk.ask(SOON - timedelta(seconds=1)) is Outcome.OVERRIDDEN
    assert desk.ask(SOON) is Outcome.HELD
    assert desk.ask(subject=Subject(visit, other)) is Outcome.ALLOWED


def test_without_an_order_it_holds_for_every_one_of_the_visit(desk: Desk) -> None:
    desk.grant(subject=Subject(desk.subject.encounter_id))
    assert desk.ask() is Outcome.OVERRIDDEN


def test_it_is_written_to_the_audit_trail(desk: Desk) -> None:
    override = desk.grant()
    with desk.hospital.transaction():
        record = AuditRecord.objects.get(action="override.granted")
    assert record.subject_id == override.id
    assert record.data == {"step": STEP, "reason": "chest pain", "retroactive": False}
    assert override.created_by == desk.hospital.actor.name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": NOON + MAXIMUM_LIFETIME + timedelta(seconds=1)}, "expires_at"),
        ({"triage_level": 0}, "triage_level"),
        ({"triage_level": 6}, "triage_level"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"step": "laboratory.explode"}, "step"),
        ({"subject": Subject(new_id())}, "encounter_id"),
        ({"held_decision_id": new_id()}, "held_decision_id"),
    ],
)
def test_what_cannot_be_is_refused_by_field(desk: Desk, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        desk.grant(**changes)
    assert refusal.value.field == field
    with desk.hospital.transaction():
        assert not Override.objects.exists()


def test_it_needs_its_permission(desk: Desk) -> None:
    with pytest.raises(PermissionRefused, match=r"enforcement\.override"):
        desk.grant(actor=Actor("user:visitor"))


def test_a_repeated_request_is_the_same_override(desk: Desk) -> None:
    first = desk.grant()
    assert desk.grant(at=NOON + timedelta(minutes=1)).id == first.id
    with pytest.raises(IdempotencyMismatch):
        desk.grant(reason="another reason")


def test_it_can_be_applied_to_a_decision_that_was_held(desk: Desk) -> None:
    assert desk.ask() is Outcome.HELD
    with desk.hospital.transaction():
        held = GateDecision.objects.get(outcome="held")
    later = NOON + timedelta(minutes=30)
    override = desk.grant(held_decision_id=held.id, at=later)
    assert (override.starts_at, override.created_at, override.held_decision_id) == (NOON, later, held.id)
    with desk.hospital.transaction():
        assert AuditRecord.objects.get(action="override.granted").data["retroactive"] is True


def test_only_a_held_decision_of_that_step_can_be_answered(desk: Desk) -> None:
    desk.grant(idempotency_key="first")
    assert desk.ask() is Outcome.OVERRIDDEN
    with desk.hospital.transaction():
        went_ahead = GateDecision.objects.get(outcome="overridden")
    with pytest.raises(NotFound) as refusal:
        desk.grant(held_decision_id=went_ahead.id)
    assert refusal.value.field == "held_decision_id"


def test_it_can_be_taken_back_once(desk: Desk) -> None:
    override = desk.grant()

    def revoke(**changes: Any) -> OverrideRevocation:
        arguments: dict[str, Any] = {"reason": "wrong patient", "actor": desk.hospital.actor, "at": NOON}
        return revoke_override(desk.hospital.id, changes.pop("id", override.id), **arguments | changes)

    for changes, error in (
        ({"reason": " "}, DomainError),
        ({"actor": Actor("user:visitor")}, PermissionRefused),
        ({"id": new_id()}, NotFound),
    ):
        with pytest.raises(error):
            revoke(**changes)
    assert desk.ask() is Outcome.OVERRIDDEN
    revoke()
    assert desk.ask() is Outcome.HELD
    with pytest.raises(Conflict, match="revoked already"):
        revoke()
    with desk.hospital.transaction():
        assert AuditRecord.objects.filter(action="override.revoked").count() == 1


def test_every_answer_is_stored_with_what_it_was_made_from(desk: Desk) -> None:
    desk.ask()
    with desk.hospital.transaction():
        stored = GateDecision.objects.get()
    assert (stored.outcome, stored.reason_code, stored.due_minor) == ("held", "payment_required", 3000)
    assert stored.configuration_version == 1 and stored.decided_at == NOON
    assert stored.facts["items"][0]["due_minor"] == 3000
    assert "blood" not in stored.reason.lower()
