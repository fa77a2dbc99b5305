"""Members of several hospitals; with real commits, since each hospital has transactions of its own."""

from __future__ import annotations

import pytest
from django.test import Client

from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from tests.support.day import make_busy_day, make_member
from tests.support.hospital import make_hospital

pytestmark = pytest.mark.usefixtures("committed")


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_who_works_at_two_hospitals_chooses_and_may_change() -> None:
    user = make_member(make_busy_day().hospital.id, "doctor")
    other = make_hospital()
    Hospital.objects.filter(id=other.id).update(name="Second Hospital")
    Membership.objects.create(hospital_id=other.id, user=user, role="cashier")
    client = logged_in(user)
    assert client.get("/")["Location"] == "/hospitals/"
    choices = client.get("/hospitals/").content.decode()
    assert "Second Hospital" in choices and "St. Brigid Hospital" in choices and "Doctor" in choices
    assert client.post("/hospitals/", {"hospital": str(other.id)})["Location"] == "/"
    page = client.get("/").content.decode()
    assert "Second Hospital" in page and "Maria Silva" not in page and "Another hospital" in page


def test_a_hospital_that_is_not_one_s_own_cannot_be_chosen() -> None:
    stranger_s = make_hospital()
    user = make_member(make_hospital().id, "cashier")
    Membership.objects.create(hospital_id=make_hospital().id, user=user, role="cashier")
    client = logged_in(user)
    for wanted in (str(stranger_s.id), "not a number", ""):
        assert client.post("/hospitals/", {"hospital": wanted}).status_code == 200
    assert client.get("/")["Location"] == "/hospitals/"
