"""The demo hospital is made wholly or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.shell.simulation import demo

PASSWORD = "only-for-this-test"
AFTERNOON = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)


@pytest.mark.django_db
def test_a_start_that_was_killed_halfway_leaves_nothing_and_the_next_makes_it_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "PATIENTS", 8)

    class Killed(Exception):
        pass

    def die(local: datetime, visits: int) -> None:
        if visits >= 3:
            raise Killed

    with pytest.raises(Killed):
        demo.seed(password=PASSWORD, at=AFTERNOON, progress=die)
    assert not Hospital.objects.filter(slug="riverside").exists()
    assert not User.objects.filter(email="admin@demo.example").exists()
    hospital, _ = demo.seed(password=PASSWORD, at=AFTERNOON)
    assert Hospital.objects.get(slug="riverside") == hospital
