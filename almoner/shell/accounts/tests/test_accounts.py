"""Logging in: password, second factor, limits, sessions, a lost password; and being told to set one up."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.cache import caches
from django.test import Client

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.shell import accounts
from almoner.shell.accounts.mail import MailSettings, TerminalMailbox, mail_settings
from tests.support.day import PASSWORD, BusyDay, make_member
from tests.support.pages import HTMX, member_client, templates_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("strict_templates")]


def log_in(user: User, client: Client | None = None) -> Client:
    client = client or Client()
    client.post("/login/", {"login": user.email, "password": PASSWORD})
    return client


def sure(client: Client) -> Client:
    """Show once more that it is you, which a change of how one logs in asks for."""
    assert client.get("/account/authenticator/")["Location"].startswith("/login/again/")
    client.post("/login/again/", {"password": PASSWORD})
    return client


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    counter = int(time.time()) // 30
    assert counter in yield_hotp_counters_from_time()
    return f"{hotp_value(secret, counter):06d}"


def with_authenticator(user: User) -> str:
    """Give ``user`` an authenticator app; returns its secret."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def asks_for_second_factor(day: BusyDay) -> None:
    Hospital.objects.filter(id=day.hospital.id).update(second_factor="required")


# The second factor


def test_who_has_an_authenticator_app_is_in_only_after_its_code(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    secret = with_authenticator(user)
    client = log_in(user)
    assert client.get("/").status_code == 302
    wrong = client.post("/login/second-factor/", {"code": "000000"})
    assert "This code is not right" in text_of(wrong)
    client.post("/login/second-factor/", {"code": code_of(secret)})
    assert client.get("/").status_code == 200


def test_setting_up_an_authenticator_app_gives_recovery_codes_of_which_each_works_once(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    client = sure(log_in(user))
    secret = client.get("/account/authenticator/").context["form"].secret
    done = client.post("/account/authenticator/", {"code": code_of(secret)}, follow=True)
    [code, *_] = done.context["unused_codes"]
    assert get_adapter().is_mfa_enabled(user, [Authenticator.Type.TOTP])
    for expected in (200, 302):
        client = log_in(user)
        client.post("/login/second-factor/", {"code": code})
        assert client.get("/").status_code == expected


def test_a_hospital_that_asks_for_it_lets_who_moves_money_in_only_with_a_second_factor(day: BusyDay) -> None:
    asks_for_second_factor(day)
    client = member_client(day.hospital.id, "cashier")
    assert client.get("/cashier/")["Location"] == "/account/"
    assert client.get("/cashier/", headers=HTMX)["HX-Redirect"] == "/account/"
    page = client.get("/account/")
    assert "asks you for a second factor" in text_of(page)
    assert 'data-key="k"' not in page.content.decode()
    with_authenticator(User.objects.get(email=page.context["user"].email))
    assert client.get("/cashier/").status_code == 200


def test_who_moves_no_money_is_not_asked_and_where_it_is_offered_nobody_is(day: BusyDay) -> None:
    assert member_client(day.hospital.id, "cashier").get("/cashier/").status_code == 200
    asks_for_second_factor(day)
    assert member_client(day.hospital.id, "ward_nurse").get("/").status_code == 200


def test_a_new_hospital_asks_for_it_unless_it_says_otherwise() -> None:
    assert Hospital(slug="new").second_factor == "required"


# Limits


def test_too_many_wrong_passwords_are_refused_even_with_the_right_one(day: BusyDay, settings: Any) -> None:
    """Counted in the database, where every process and thread sees it."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shell_cache"}
    }
    caches["default"].clear()
    user = make_member(day.hospital.id, "cashier")
    for _ in range(5):
        Client().post("/login/", {"login": user.email, "password": "wrong"})
    refused = Client().post("/login/", {"login": user.email, "password": PASSWORD})
    assert "Too many attempts" in text_of(refused)
    other = make_member(day.hospital.id, "doctor")
    assert log_in(other).get("/").status_code == 200


# Sessions


def test_one_sees_where_one_is_logged_in_and_ends_the_others(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    here, there = log_in(user), log_in(user, Client(headers={"user-agent": "A forgotten telephone"}))
    page = here.get("/account/sessions/")
    assert page.context["session_count"] == 2 and "A forgotten telephone" in text_of(page)
    here.post("/account/sessions/")
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)


# The password


def test_a_lost_password_is_renewed_by_a_letter_and_unknown_addresses_get_none(day: BusyDay) -> None:
    user = make_member(day.hospital.id, "cashier")
    for address in ("nobody@example.org", user.email):
        answer = Client().post("/password/reset/", {"email": address})
        assert answer["Location"] == "/password/reset/sent/"
    [letter] = mail.outbox
    assert letter.to == [user.email]
    found = re.search(r"http://testserver(/password/reset/\S+)", str(letter.body))
    assert found is not None
    client = Client()
    page = client.get(found[1], follow=True)
    new = {"password1": "a wholly new password", "password2": "a wholly new password"}
    done = client.post(page.redirect_chain[-1][0], new, follow=True)
    assert "The password is changed" in text_of(done)
    assert User.objects.get(id=user.id).check_password("a wholly new password")
    assert "This link leads nowhere" in text_of(Client().get(found[1], follow=True))


def test_nobody_signs_up(day: BusyDay) -> None:
    assert Client().get("/signup/").status_code == 404


# Letters


def test_mail_goes_where_the_environment_says_and_to_the_terminal_otherwise(capsys: Any) -> None:
    assert mail_settings("").backend.endswith("TerminalMailbox")
    sent = mail_settings("smtp://ada:s%40fe@mail.example.org")
    assert (sent.host, sent.port, sent.user, sent.password) == ("mail.example.org", 587, "ada", "s@fe")
    assert (sent.starttls, sent.tls) == (True, False)
    assert mail_settings("smtps://mail.example.org").port == 465
    assert mail_settings("smtp://relay") == MailSettings(sent.backend, "relay", 25)
    TerminalMailbox().send_messages([mail.EmailMessage("Subject", "Look: http://x/y\n", None, ["a@b.org"])])
    assert "To a@b.org: Subject" in (shown := capsys.readouterr().out) and "http://x/y" in shown


def test_every_page_of_the_account_is_drawn(day: BusyDay, rendered: set[str]) -> None:
    user = make_member(day.hospital.id, "cashier")
    client = sure(log_in(user))
    for path in (
        *("/account/", "/account/password/", "/account/sessions/", "/account/authenticator/"),
        *("/account/passkeys/", "/account/passkeys/add/", "/login/closed/", "/login/again/"),
    ):
        assert client.get(path).status_code == 200, path
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "Key", "credential": {}})
    with_authenticator(user)
    for path in (
        *(
            "/account/",
            "/account/authenticator/off/",
            "/account/recovery-codes/new/",
            "/login/again/second-factor/",
        ),
        *("/account/passkeys/", f"/account/passkeys/{Authenticator.objects.get(type='webauthn').pk}/remove/"),
    ):
        assert client.get(path).status_code == 200, path
    client.post("/account/recovery-codes/new/", follow=True)
    for path in (
        "/login/",
        "/password/reset/",
        "/password/reset/sent/",
        "/password/reset/done/",
        "/password/reset/a-b/",
    ):
        assert Client().get(path).status_code == 200, path
    pages = {
        name for name in templates_of(accounts) if name.startswith(("account/", "mfa/", "usersessions/"))
    }
    assert pages - rendered - {"mfa/authenticate.html"} == set()
