"""A patient who is logged in opens nothing of the staff's, neither a page nor the API; nothing changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from almoner.identity.models import User
from almoner.identity.roles import ROLES
from almoner.kernel.ids import new_id
from almoner.portal.models import PatientLogin
from tests.access.table import PATIENTS, TABLE
from tests.access.test_every_page import ADDRESSES, arguments, make_staffed_day
from tests.api.test_endpoints import operations
from tests.support.day import AT, PASSWORD, BusyDay
from tests.support.digest import rows_of_every_table
from tests.support.pages import HTMX, member_client

STAFF_PAGES = sorted(set(TABLE) & set(ADDRESSES))


@pytest.fixture(scope="module")
def world(django_db_blocker: Any) -> Iterator[BusyDay]:
    """One busy hospital for the module, committed: refusals must not be told from rollbacks."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("almoner.pages.staff.now", lambda: AT)
        yield make_staffed_day()


@pytest.fixture(scope="module")
def patient(world: BusyDay) -> Client:
    user = User.objects.create_user(f"patient-{world.hospital.id}@example.org", PASSWORD, name="Maria")
    PatientLogin.objects.create(
        hospital_id=world.hospital.id,
        patient_id=world.patients["Maria Silva"].id,
        user=user,
        created_at=AT,
    )
    client = Client(raise_request_exception=False)
    client.force_login(user)
    assert client.get("/me/").status_code == 200
    return client


def test_every_page_of_the_staff_leads_a_patient_away(world: BusyDay, patient: Client) -> None:
    with world.hospital.transaction():
        before = rows_of_every_table()
    for name in STAFF_PAGES:
        address = reverse(name, kwargs=arguments(world, ADDRESSES[name]))
        for headers in ({}, HTMX):
            answer = patient.generic(TABLE[name][0], address, headers=headers)
            assert (answer.status_code, answer.get("Location")) == (302, "/hospitals/"), name
    with world.hospital.transaction():
        assert rows_of_every_table() == before


def test_the_pages_of_patients_open_to_no_role_and_ask_a_stranger_to_log_in(world: BusyDay) -> None:
    for name in PATIENTS:
        address = reverse(name, kwargs=arguments(world, ADDRESSES[name]))
        for role in ROLES:
            assert member_client(world.hospital.id, role).get(address).status_code == 403, (name, role)
        assert Client().get(address)["Location"].startswith("/login/")
        assert Client().get(address, headers=HTMX).status_code == 401


def test_the_session_of_a_patient_opens_no_operation_of_the_api(patient: Client) -> None:
    asked = operations()
    assert len(asked) > 25
    for name, operation in asked.items():
        address = re.sub(r"\{\w+\}", str(new_id()), operation["path"])
        answer = patient.generic(operation["method"], address, data="{}", content_type="application/json")
        assert answer.status_code in (401, 403), (name, answer.status_code)
