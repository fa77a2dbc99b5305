"""Whom to ask to see a patient's record, and the account that they make."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm


class InvitePatientForm(StaffForm):
    """Where the letter goes."""

    email = forms.EmailField(
        label=_("Email"),
        help_text=_("Of the patient, or of who looks after their bills."),
        error_messages={
            "required": _("Enter an email address."),
            "invalid": _("Enter an email address such as name@example.org."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class AccountForm(forms.Form):
    """How somebody new is called, and with what they will log in."""

    use_required_attribute = False
    name = forms.CharField(
        label=_("Your name"),
        max_length=200,
        error_messages={"required": _("Enter your name.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        help_text=_("At least 10 characters."),
        strip=False,
        error_messages={"required": _("Choose a password.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=True),
    )
