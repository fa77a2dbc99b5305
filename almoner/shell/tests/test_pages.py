"""The pages that belong to no room: who gets in, what they show, what every answer carries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.template.loader import get_template, render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from almoner import shell
from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.identity.roles import ROLES
from tests.support.day import AT, PASSWORD, BusyDay, make_member
from tests.support.pages import HTMX, templates_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("strict_templates")]


def logged_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def member(day: BusyDay, role: str = "hospital_manager") -> Client:
    return logged_in(make_member(day.hospital.id, role))


# Who gets in


def test_a_stranger_is_sent_to_the_log_in_and_comes_back_to_the_page_they_wanted() -> None:
    answer = Client().get("/?day=2026-03-02")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/%3Fday%3D2026-03-02"


def test_a_piece_of_a_page_asks_to_log_in_beside_what_was_typed() -> None:
    answer = Client().get("/", headers=HTMX)
    assert answer.status_code == 401
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#session", "innerHTML")
    assert "What you typed is still here" in answer.content.decode()


def test_a_member_logs_in_with_email_in_any_case_and_password(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    answer = Client().post("/login/", {"login": user.email.upper(), "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize(("email", "password"), [("nobody@example.org", PASSWORD), ("", "wrong password")])
def test_unknown_accounts_and_wrong_passwords_are_refused_with_the_same_words(
    day: BusyDay, email: str, password: str
) -> None:
    user = make_member(day.hospital.id, "cashier")
    answer = Client().post("/login/", {"login": email or user.email, "password": password})
    assert answer.status_code == 200
    assert "do not belong together" in answer.content.decode()


def test_a_closed_account_lets_nobody_in_and_says_so_to_who_knows_the_password(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    User.objects.filter(id=user.id).update(is_active=False)
    client = Client()
    page = client.post("/login/", {"login": user.email, "password": PASSWORD}, follow=True)
    assert "This account is closed" in page.content.decode()
    assert client.get("/").status_code == 302


def test_a_login_link_never_leads_to_another_site(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    fields = {"login": user.email, "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert Client().post("/login/", fields)["Location"] == "/"


def test_logging_out_needs_a_post(day: BusyDay) -> None:
    client = member(day)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_who_works_nowhere_is_told_whom_to_ask() -> None:
    client = logged_in(User.objects.create_user("new@example.org", PASSWORD, name="New"))
    page = client.get("/", follow=True).content.decode()
    assert "not a member of a hospital yet" in page and "new@example.org" in page


# The day


def test_the_page_is_in_the_hospital_s_currency_and_language_of_dates(day: BusyDay) -> None:
    Hospital.objects.filter(id=day.hospital.id).update(locale="de_DE")
    page = member(day).get("/").content.decode()
    assert "Monday, 2 March 2026" in page
    assert "75,00\xa0$" in page


def test_an_unchanged_piece_is_answered_with_no_content_and_a_changed_one_with_the_piece(
    day: BusyDay,
) -> None:
    client, htmx = member(day), {"HX-Request": "true"}
    piece = client.get("/", headers=htmx)
    assert piece.content.decode().startswith('<div id="day-live" data-live hx-get="/?')
    seen = piece.context["refresh_query"]
    assert client.get(f"/?{seen}", headers=htmx).status_code == 204
    day.hospital.pay(day.patients["Maria Silva"], 7500, at=AT)
    assert client.get(f"/?{seen}", headers=htmx).status_code == 200


def test_a_day_gone_by_does_not_refresh_itself(day: BusyDay) -> None:
    page = member(day).get("/?day=2026-03-01").content.decode()
    assert "data-live" not in page and "Nobody has been here on this day." in page


@pytest.mark.parametrize("wrong", ["yesterday", "2026-02-30", "1066-10-14", "2999-01-01", "\x00"])
def test_a_wrong_day_is_refused_with_a_sentence(day: BusyDay, wrong: str) -> None:
    answer = member(day).get("/", {"day": wrong})
    assert answer.status_code == 422
    assert "This cannot be done" in answer.content.decode()


@pytest.mark.parametrize("words", ["nobody at all", "%", "x" * 5000, "<script>alert(1)</script>"])
def test_a_search_that_finds_nobody_says_so(day: BusyDay, words: str) -> None:
    page = member(day).get("/", {"q": words}).content.decode()
    assert "Nobody on this day matches" in page and "<script>alert" not in page


def test_the_laboratory_sees_patient_order_and_amount_and_nothing_else(day: BusyDay) -> None:
    page = member(day, "laboratory_technician").get("/").content.decode()
    assert "John Doe" in page and "LAB-" in page and "$65.00" in page and "1 blocked" in page
    for told in ("Blood count", "Lipid panel", "Payment required", "Laboratory processing", "Bed assignment"):
        assert told not in page


def test_no_role_sees_names_of_tests_that_are_held(day: BusyDay) -> None:
    for role in ROLES:
        page = member(day, role).get("/").content.decode().lower()
        assert "john doe" in page, role
        assert "blood count" not in page and "lipid" not in page, role


def test_options_are_marked_as_the_reader_s_own_or_name_who_may(day: BusyDay) -> None:
    page = member(day, "cashier").get("/")
    options = {line.title: line for line in page.context["page"].held[0].options}
    assert options["Process payment"].mine
    assert not options["Emergency override"].mine
    assert options["Emergency override"].who == "Hospital manager, Doctor, Administrator"


# Every answer


def test_every_page_forbids_inline_script_and_style(day: BusyDay) -> None:
    for client, path in [(Client(), "/login/"), (member(day), "/"), (Client(), "/nowhere/")]:
        policy = client.get(path)["Content-Security-Policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == directives["style-src"] == "'self'"
        assert "unsafe" not in policy


def test_pages_with_patients_are_kept_by_no_cache(day: BusyDay) -> None:
    assert "no-store" in member(day).get("/")["Cache-Control"]


def test_health_needs_no_log_in() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"status": "ok"})


def test_health_is_503_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("the server is gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "close", lambda: None)
    answer = Client().get("/healthz")
    assert (answer.status_code, json.loads(answer.content)["status"]) == (503, "unavailable")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("400.html", "could not be read"),
        ("403.html", "may not do this"),
        ("403_csrf.html", "Nothing was saved"),
        ("404.html", "There is no such page"),
        ("500.html", "Something went wrong on our side"),
    ],
)
def test_error_pages_say_what_to_do_without_a_database(
    template: str, says: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        page = render_to_string(template, {"exception": "Because."}, RequestFactory().get("/nowhere/"))
    assert says in page and 'href="/"' in page


def test_a_page_that_is_not_there_is_404() -> None:
    answer = Client().get("/nowhere/")
    assert answer.status_code == 404 and "There is no such page" in answer.content.decode()


def test_a_failure_is_the_page_for_failures(day: BusyDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almoner.shell.views.day.read_day", lambda *_, **__: 1 // 0)
    answer = member(day).get("/")
    assert answer.status_code == 500 and "Nothing was saved" in answer.content.decode()


# Every template


def test_no_template_asks_for_what_it_was_not_given(day: BusyDay, rendered: set[str]) -> None:
    """Renders every template of the room, with ``strict_templates``: a new one has to be added here."""
    request = RequestFactory().get("/")
    member(day).get("/")
    member(day, "cashier").get("/", {"q": "nobody"})
    member(day, "doctor").get("/", {"day": "nonsense"})
    Client().get("/nowhere/")
    for name in ("400", "403", "403_csrf", "500"):
        render_to_string(f"{name}.html", {"exception": ""}, request)
    request.user = make_member(day.hospital.id, "pharmacist")
    render_to_string("429.html", {}, request)
    render_to_string("choose_hospital.html", {"choices": []}, request)
    assert len(templates_of(shell)) > 15
    assert templates_of(shell) - rendered == set()


def test_the_check_for_undefined_variables_works(settings: Any) -> None:
    assert settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"]
    with pytest.raises(AssertionError, match="which it was not given"):
        get_template("components/share_bar.html").render({})


def test_addresses_are_what_settings_promise() -> None:
    assert reverse("account_login") == settings.LOGIN_URL
    assert reverse("day") == settings.LOGIN_REDIRECT_URL
