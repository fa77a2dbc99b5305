"""The question of open pages, answered before Django."""

from __future__ import annotations

from wsgiref.util import setup_testing_defaults

import pytest
from django.db import OperationalError

from almoner.hospitals.models import Hospital
from almoner.pages import live
from tests.support.day import BusyDay


def ask(path: str, query: str = "") -> tuple[str, str]:
    """Status and body, from the application as a web server runs it."""
    told: list[str] = []
    environ: dict[str, object] = {"PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)

    def refuse_django(environ: object, start_response: object) -> list[bytes]:
        raise AssertionError("The question went on to Django.")

    handle = live.answers_pages_that_wait(refuse_django)
    body = handle(environ, lambda status, headers, *more: told.append(status))  # type: ignore[arg-type]
    return told[0], b"".join(body).decode()


def test_the_marker_is_told_once_and_then_only_that_nothing_changed(day: BusyDay) -> None:
    address = live.changes_url(Hospital.objects.get(id=day.hospital.id))
    status, marker = ask(address)
    assert status == "200 OK"
    assert ask(address, f"marker={marker}") == ("204 No Content", "")


def test_memory_answers_as_long_as_it_is_fresh(day: BusyDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FRESH_SECONDS", 60)
    address = live.changes_url(Hospital.objects.get(id=day.hospital.id))
    assert live.answer_from_memory(address) is None
    _, marker = ask(address)
    assert live.answer_from_memory(address) == (200, marker)
    assert live.answer_from_memory(f"{address}?marker={marker}") == (204, "")
    assert live.answer_from_memory("/changes/forged") is None
    monkeypatch.setattr(live, "FRESH_SECONDS", -1)
    assert live.answer_from_memory(address) is None


def test_a_forged_ticket_and_one_that_has_ended_are_gone(
    day: BusyDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TICKET_SECONDS", -1)
    ended = live.changes_url(Hospital.objects.get(id=day.hospital.id))
    assert ask(ended)[0] == "410 Gone"
    assert ask("/changes/forged")[0] == "410 Gone"


def test_a_database_that_is_away_is_said_so_and_asked_again(
    day: BusyDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(hospital_id: object) -> str:
        raise OperationalError("gone")

    closed: list[bool] = []
    monkeypatch.setattr(live.connection, "close", lambda: closed.append(True))
    monkeypatch.setattr(live, "change_marker", away)
    assert ask(live.changes_url(Hospital.objects.get(id=day.hospital.id)))[0] == "503 Service Unavailable"
    assert closed == [True]


def test_everything_else_goes_on_to_django() -> None:
    environ: dict[str, object] = {"PATH_INFO": "/login/"}
    setup_testing_defaults(environ)
    handle = live.answers_pages_that_wait(lambda environ, start_response: [b"from Django"])
    assert list(handle(environ, lambda *told: None)) == [b"from Django"]  # type: ignore[arg-type]
