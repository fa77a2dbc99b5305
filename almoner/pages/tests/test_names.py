"""Who did something, in words."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from almoner.identity.models import ApiKey, Membership, User
from almoner.kernel.actor import system
from almoner.kernel.ids import new_id
from almoner.pages.names import ActorNames
from tests.support.day import BusyDay
from tests.support.pages import HTMX, member_client, text_of

pytestmark = pytest.mark.django_db


def test_people_are_called_by_their_name_and_programs_by_what_they_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    hospital_id = new_id()
    for email, name in (("ada@example.org", "Ada Byron"), ("nameless@example.org", "")):
        user = User.objects.create_user(email, name=name)
        for role in ("doctor", "cashier"):
            Membership.objects.create(hospital_id=hospital_id, user=user, role=role)
    User.objects.create_user("eve@example.org", name="Eve of elsewhere")
    said = {
        "user:ada@example.org": "Ada Byron",
        "user:nameless@example.org": "nameless@example.org",
        "user:eve@example.org": "eve@example.org",
        ApiKey(name="Lab analyser", scopes=[]).as_actor().name: "API key Lab analyser",
        system("import").name: "Import",
        system("night shift").name: "night shift",
        "floor": "floor",
        "": "",
    }
    person = ActorNames(hospital_id)
    with django_assert_num_queries(1):
        assert {actor: person(actor) for actor in said} == said


def test_the_patients_page_names_who_took_the_money(day: BusyDay) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    address = f"/patients/{day.patients['Samuel Osei'].id}/"
    assert "n.okafor@stbrigid.example" in text_of(cashier.get(address))
    user = User.objects.create_user("n.okafor@stbrigid.example", name="Ngozi Okafor")
    Membership.objects.create(hospital_id=day.hospital.id, user=user, role="cashier")
    page = text_of(cashier.get(address))
    assert "Ngozi Okafor" in page and "n.okafor@" not in page


def test_a_form_that_is_sent_empty_says_what_is_missing_and_can_be_sent_again(day: BusyDay) -> None:
    reception = member_client(day.hospital.id, "receptionist")
    answer = reception.post("/check-in/register/", {}, headers=HTMX)
    form = answer.context["form"]
    assert answer.status_code == 422
    assert "required" in form.errors["name"][0] and "required" in text_of(answer)
    assert "The form came incomplete." in text_of(answer)
    assert form["idempotency_key"].value().startswith("page:")
