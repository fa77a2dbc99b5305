"""Addresses of logging in and of one's own account; the names are allauth's, which looks them up.

Only what is used here is mounted: nobody signs up, and an email address is the administrator's to change.
"""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as authenticator
from allauth.mfa.webauthn import views as passkeys
from allauth.usersessions import views as sessions
from django.urls import path, re_path
from django.views.decorators.http import require_POST

from almoner.pages.staff import in_frame

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", require_POST(account.logout), name="account_logout"),
    path("login/closed/", account.account_inactive, name="account_inactive"),
    path("login/second-factor/", second_factor.authenticate, name="mfa_authenticate"),
    path("login/passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("login/again/", account.reauthenticate, name="account_reauthenticate"),
    path("login/again/second-factor/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("login/again/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/", in_frame(second_factor.index), name="mfa_index"),
    path("account/password/", in_frame(account.password_change), name="account_change_password"),
    path("account/sessions/", in_frame(sessions.list_usersessions), name="usersessions_list"),
    path("account/authenticator/", in_frame(authenticator.activate_totp), name="mfa_activate_totp"),
    path("account/authenticator/off/", in_frame(authenticator.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "account/recovery-codes/",
        in_frame(recovery_codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "account/recovery-codes/new/",
        in_frame(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/recovery-codes/file/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("account/passkeys/", in_frame(passkeys.list_webauthn), name="mfa_list_webauthn"),
    path("account/passkeys/add/", in_frame(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/", in_frame(passkeys.edit_webauthn), name="mfa_edit_webauthn"),
    path("account/passkeys/<int:pk>/remove/", in_frame(passkeys.remove_webauthn), name="mfa_remove_webauthn"),
]
