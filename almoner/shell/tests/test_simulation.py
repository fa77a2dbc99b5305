"""The simulated hospital: the same seed, the same ledger; every kind of trouble; books that hold."""

from __future__ import annotations

from datetime import UTC, date, datetime

import orjson
import pytest
from click.testing import CliRunner

from almoner.hospitals.models import Hospital
from almoner.kernel.actor import system
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.tenancy import transaction
from almoner.ledger.queries import account_total
from almoner.patients.models import Patient
from almoner.reports.verify import check_books
from almoner.reports.verify.snapshot import snapshot
from almoner.service_points.ward.models import BedStay
from almoner.shell.commands.simulate import command
from almoner.shell.simulation.engine import Played, make_world, play
from almoner.shell.simulation.hospitals import find_hospital, new_hospital
from almoner.shell.simulation.world import DAY

MONDAY = date(2026, 3, 2)
# What may be refused in an ordinary day: an override without the triage it needs, a charge that was
# settled meanwhile, an order of which something was delivered already.
ORDINARY_REFUSALS = {
    "refused: triage_not_urgent",
    "refused: override_not_allowed",
    "refused: charge_settled",
    "refused: order_delivered",
}

pytestmark = pytest.mark.usefixtures("committed")


def a_hospital() -> Hospital:
    return new_hospital(actor=system("test"), at=datetime(2026, 3, 1, tzinfo=UTC))


def a_run(hospital: Hospital, *, patients: int, days: int, seed: int) -> Played:
    world = make_world(hospital, patients=patients, days=days, seed=seed, start=MONDAY)
    return play(world, seconds=days * DAY)


def wrong_rows(hospital: Hospital) -> list[str]:
    with snapshot(hospital.id) as cursor:
        results = check_books(cursor, limit=5, progress=lambda _: None)
    assert results
    return [f"{result.check.code}: {result.findings}" for result in results if result.wrong]


def test_the_same_seed_gives_the_same_ledger_and_another_seed_another() -> None:
    first, second, third = (a_run(a_hospital(), patients=6, days=2, seed=seed) for seed in (41, 41, 42))
    assert first.books.postings > 50
    assert first.books == second.books
    assert first.events == second.events
    assert first.books.digest != third.books.digest


def test_a_busy_hospital_sees_every_kind_of_trouble_and_keeps_its_books() -> None:
    hospital = a_hospital()
    played = a_run(hospital, patients=40, days=3, seed=51)
    common = {
        "admissions", "beds assigned", "consultations", "days charged", "dispensings", "emergencies",
        "gate: allowed", "gate: deferred", "gate: held", "gate: overridden", "gate: reminded", "payments",
        "prescriptions", "replayed requests", "services provided", "shares taken over by payers",
        "test orders", "test results", "visits",
    }  # fmt: skip
    rare = {
        "deposits", "discharges", "discharges with an exception", "dispensings in part", "orders cancelled",
        "overrides", "overrides applied retroactively", "overrides revoked", "partial payments",
        "payment plans", "payments voided", "records merged", "refunds", "services without a price",
    }  # fmt: skip
    assert common <= set(played.events)
    # This seed shows all of them; another hospital file may turn the story elsewhere.
    assert len(rare & set(played.events)) >= 10
    refusals = {what for what in played.events if what.startswith("refused")}
    assert refusals <= ORDINARY_REFUSALS
    assert sum(played.books.balances.values()) == 0
    assert wrong_rows(hospital) == []


def test_a_run_may_stop_with_visits_under_way() -> None:
    hospital = a_hospital()
    world = make_world(hospital, patients=20, days=1, seed=3, start=MONDAY)
    play(world, seconds=DAY // 2)
    assert world.local.hour == 12
    with transaction(hospital.id):
        assert Patient.objects.exists()
    assert wrong_rows(hospital) == []


def test_the_same_run_is_not_played_twice_at_one_hospital() -> None:
    hospital = a_hospital()
    a_run(hospital, patients=2, days=1, seed=1)
    with pytest.raises(Conflict, match="Seed 1 was played"):
        make_world(hospital, patients=2, days=1, seed=1, start=MONDAY)


def test_beds_that_are_taken_are_not_given_again() -> None:
    hospital = a_hospital()
    a_run(hospital, patients=12, days=1, seed=11)
    a_run(hospital, patients=12, days=1, seed=12)
    with transaction(hospital.id):
        beds = list(BedStay.objects.filter(ended_at=None).values_list("bed_id", flat=True))
    assert len(beds) == len(set(beds))
    assert wrong_rows(hospital) == []


def test_a_hospital_without_clinics_is_refused_and_says_what_is_missing() -> None:
    hospital = Hospital.objects.create(slug="empty", name="Empty", currency="USD", time_zone="UTC")
    with pytest.raises(DomainError, match="lacks a department of kind general"):
        make_world(hospital, patients=1, days=1, seed=1, start=MONDAY)


def test_an_unknown_hospital_is_refused_and_named() -> None:
    with pytest.raises(DomainError, match="'nowhere'"):
        find_hospital("nowhere")


def test_the_command_plays_in_a_new_hospital_and_prints_the_digest_as_json() -> None:
    result = CliRunner().invoke(
        command, ["--patients", "2", "--days", "1", "--seed", "9", "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0
    document = orjson.loads(result.stdout)
    assert (document["patients"], document["days"], document["seed"]) == (2, 1, 9)
    assert len(document["digest"]) == 64
    hospital = find_hospital(document["hospital"])
    with transaction(hospital.id):
        assert document["balances_minor"]["revenue"] == account_total("revenue") < 0
