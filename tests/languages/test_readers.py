"""Who reads in which language: a person, a program, a display on the wall, and the books."""

from __future__ import annotations

import json

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from almoner.hospitals.models import Hospital
from almoner.kernel.ids import new_id
from almoner.kernel.sentences import Sentence
from tests.support.api import ApiClient
from tests.support.day import BusyDay
from tests.support.pages import member_client


def in_spanish(text: str) -> str:
    with translation.override("es"):
        told = gettext(text)
    assert told != text
    return told


def test_a_program_is_answered_in_the_language_it_asks_for_whatever_the_thread_spoke(day: BusyDay) -> None:
    program = ApiClient(day.hospital.id)
    address = f"/patients/{new_id()}/billing-status"
    with translation.override("hi"):
        plain = json.loads(program.get(address).content)
        asked = json.loads(program.send("GET", address, headers={"Accept-Language": "es"}).content)
        assert translation.get_language() == "hi"
    refusal = "There is no such patient at this hospital."
    assert (plain["detail"], asked["detail"]) == (refusal, in_spanish(refusal))
    assert plain["code"] == asked["code"]


def test_the_waiting_room_speaks_the_hospitals_language_not_the_readers(day: BusyDay) -> None:
    Hospital.objects.filter(id=day.hospital.id).update(locale="es_ES")
    client = member_client(day.hospital.id, "receptionist")
    page = client.get(reverse("checkin:waiting-room"), headers={"Accept-Language": "hi"})
    assert in_spanish("Waiting room") in page.content.decode()


def test_a_sentence_is_read_in_every_language_and_stored_in_english() -> None:
    said = Sentence("Nothing is due for this step.")
    with translation.override("es"):
        assert said.read() == in_spanish("Nothing is due for this step.")
        assert said.in_english() == "Nothing is due for this step."
