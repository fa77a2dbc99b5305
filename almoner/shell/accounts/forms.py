"""Forms of logging in, in our words."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
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


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A name for the key, and whether it replaces the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, passwordless = self.fields["name"], self.fields["passwordless"]
        name.label, name.help_text = _("What you call it"), _("Such as: my laptop, the blue key.")
        passwordless.label = _("Use it instead of the password")
        passwordless.help_text = _("It then asks for your finger, your face or its PIN.")
