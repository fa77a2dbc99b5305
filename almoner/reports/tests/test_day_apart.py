"""A hospital's day says nothing of another hospital; with real commits."""

from __future__ import annotations

import pytest

from almoner.hospitals.models import Hospital
from almoner.reports.day import read_day
from tests.support.day import AT, make_busy_day
from tests.support.hospital import make_hospital


@pytest.mark.usefixtures("committed")
def test_another_hospital_s_day_is_empty() -> None:
    make_busy_day()
    empty = Hospital.objects.get(id=make_hospital().id)
    day = read_day(empty, AT.date(), at=AT)
    assert (day.visits_total, day.held, day.collected.by_method) == (0, (), ())
    assert (day.waiting.beds, day.waiting.beds_taken) == (2, 0)
