"""Lists: a page at a time, every row once, whatever is recorded meanwhile; and the document is up to date."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from almoner.enforcement import gate
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import grant_override
from almoner.patients.merging import merge_patients
from tests.api.world import World
from tests.support.api import document


@pytest.fixture
def world(db: None) -> World:
    return World()


def _walk(world: World, path: str, limit: int) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        page = world.owner.get(path, limit=limit, cursor=cursor).json()
        assert len(page["items"]) <= limit
        ids += [row["id"] for row in page["items"]]
        if page["next"] is None:
            return ids
        cursor = page["next"]


def test_pages_by_time_give_every_row_once_also_at_equal_times(world: World) -> None:
    for minutes in (3, 2, 2, 2, 1, 0, 0):
        world.hospital.pay(world.patient, 100, excess="deposit", at=world.at - timedelta(minutes=minutes))
    whole = [row["id"] for row in world.owner.get("/payments", limit=200).json()["items"]]
    times = [row["received_at"] for row in world.owner.get("/payments").json()["items"]]
    assert len(set(whole)) == 7
    assert times == sorted(times, reverse=True)
    for limit in (1, 2, 3, 7):
        assert _walk(world, "/payments", limit) == whole


def test_pages_by_id_give_every_row_once(world: World) -> None:
    for name in ("Ann", "Ben", "Cleo", "Dora", "Eve"):
        world.hospital.patient(name)
    whole = [row["name"] for row in world.owner.get("/patients", limit=200).json()["items"]]
    assert whole == ["Eve", "Dora", "Cleo", "Ben", "Ann"]
    assert len(_walk(world, "/patients", 2)) == 5


def test_a_row_recorded_meanwhile_neither_shifts_nor_repeats_a_page(world: World) -> None:
    for _ in range(4):
        world.hospital.pay(world.patient, 100, excess="deposit", at=world.at)
    first = world.owner.get("/payments", limit=2).json()
    world.hospital.pay(world.patient, 100, excess="deposit", at=world.at)
    second = world.owner.get("/payments", limit=2, cursor=first["next"]).json()
    ids = [row["id"] for row in first["items"] + second["items"]]
    assert len(set(ids)) == 4
    assert second["next"] is None


@pytest.mark.parametrize("asked_for", ["survivor", "duplicate"])
@pytest.mark.parametrize("path", ["/gate-decisions", "/overrides"])
def test_what_happened_to_either_of_two_merged_records_is_found_by_both(
    world: World, path: str, asked_for: str
) -> None:
    survivor = world.hospital.patient("Ada Biron")
    assert world.override.encounter_id == world.encounter.id
    merge_patients(
        world.hospital.id,
        duplicate_id=world.patient.id,
        survivor_id=survivor.id,
        actor=world.actor,
        at=world.at,
    )
    later = world.hospital.encounter(survivor, started_at=world.at)
    for visit in (world.encounter, later):
        gate.check(world.hospital.id, "consultation.start", Subject(visit.id), actor=world.actor, at=world.at)
        grant_override(
            world.hospital.id,
            step="consultation.start",
            subject=Subject(visit.id),
            reason="cannot pay today",
            expires_at=world.at + timedelta(hours=2),
            idempotency_key=f"override of {visit.id}",
            actor=world.actor,
            at=world.at,
        )
    patient_id = survivor.id if asked_for == "survivor" else world.patient.id
    rows = world.owner.get(path, patient_id=patient_id).json()["items"]
    assert {row["encounter_id"] for row in rows} == {str(world.encounter.id), str(later.id)}


def test_the_unpriced_work_list_is_worked_off(world: World) -> None:
    assert world.unpriced_id
    [row] = world.owner.get("/charge-items", status="unpriced").json()["items"]
    assert row["net_minor"] is None
    assert row["open_minor"] is None
    priced = world.owner.post(f"/charge-items/{row['id']}/price", {"unit_price_minor": 0}).json()
    assert (priced["status"], priced["net_minor"], priced["open_minor"]) == ("billable", 0, 0)
    assert world.owner.get("/charge-items", status="unpriced").json()["items"] == []
    again = world.owner.post(f"/charge-items/{row['id']}/price", {"unit_price_minor": 5})
    assert (again.status_code, again.json()["code"]) == (409, "already_priced")


def test_a_paid_charge_is_revised_and_what_was_paid_stays_with_it(world: World) -> None:
    assert world.payment_id
    revised = world.owner.post(
        f"/charge-items/{world.item_id}/revision", {"quantity": "3", "reason": "three were used"}
    ).json()
    assert (revised["revision"], revised["quantity"], revised["net_minor"]) == (1, "3", 3300)
    assert revised["open_minor"] == 2200
    assert revised["delivered_at"] is not None
    [allocation] = world.owner.get(f"/payments/{world.payment_id}").json()["allocations"]
    assert allocation == {"charge_item_id": revised["id"], "amount_minor": 1100}


def test_a_paid_charge_is_cancelled_into_a_deposit(world: World) -> None:
    assert world.payment_id
    cancelled = world.owner.post(
        f"/charge-items/{world.item_id}/cancellation", {"reason": "never used"}
    ).json()
    assert cancelled["status"] == "entered_in_error"
    payment = world.owner.get(f"/payments/{world.payment_id}").json()
    assert (payment["allocations"], payment["unallocated_minor"]) == ([], 1100)
    again = world.owner.post(f"/charge-items/{world.item_id}/cancellation", {"reason": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "charge_ended")


def test_openapi_json_is_up_to_date() -> None:
    from almoner.shell.commands.openapi import command

    result = CliRunner().invoke(command, ["--check"])
    assert result.exit_code == 0, result.output


def test_the_document_is_served_and_the_docs_page_takes_nothing_from_elsewhere(world: World) -> None:
    assert world.owner.client.get("/api/v1/openapi.json").json() == document()
    page = world.owner.client.get("/api/docs")
    assert page.status_code == 200
    html = page.content.decode()
    assert "/static/ninja/swagger-ui-bundle" in html
    assert "http://" not in html and "https://" not in html
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
