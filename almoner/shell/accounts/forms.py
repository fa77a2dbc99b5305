"""The log-in form."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from django.utils.translation import gettext_lazy as _


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """Email and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email, password = self.fields["login"], self.fields["password"]
        email.label, password.help_text = _("Email"), ""
        email.error_messages.update(
            required=_("Enter your email address."),
            invalid=_("Enter an email address such as name@hospital.org."),
        )
        password.error_messages["required"] = _("Enter your password.")
        email.widget.attrs.update(autocomplete="username webauthn")
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
