from __future__ import annotations

from datetime import datetime
from uuid import UUID

from almoner.charging.operations import capture
from almoner.charging.rules import Event
from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from tests.contract.dummy_point.models import Scan


@guarded("radiology.scan", Subject)
def take_scan(hospital_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime) -> Scan:
    scan = Scan.objects.create(hospital_id=hospital_id, encounter_id=encounter_id, taken_at=at)
    capture(
        hospital_id,
        Event(kind="scan.taken", idempotency_key=f"scan.taken:{encounter_id}", encounter_id=encounter_id),
        actor=actor,
        at=at,
    )
    return scan
