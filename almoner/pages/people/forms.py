"""Forms about people and roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.hospitals.models import Department
from almoner.identity.permissions import Group, grouped
from almoner.kernel.actor import Role
from almoner.pages.forms import StaffForm


def department_choices() -> list[tuple[str, str]]:
    """The active departments by name; one statement in the hospital's transaction."""
    return list(Department.objects.filter(is_active=True).order_by("name").values_list("code", "name"))


class AccessForm(StaffForm):
    """As what somebody works, and where."""

    fields_of_errors = {"role": "roles"}
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one role.")},
    )
    departments = forms.MultipleChoiceField(
        label=_("Departments"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("Offered first where one is chosen; they permit nothing."),
    )

    def __init__(
        self, *args: Any, roles: Mapping[str, Role], departments: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = [(code, role.name) for code, role in roles.items()]  # type: ignore[attr-defined]
        self.fields["departments"].choices = departments  # type: ignore[attr-defined]


class InviteForm(AccessForm):
    """Whom to ask to join the staff."""

    email = forms.EmailField(
        label=_("Email"),
        error_messages={
            "required": _("Enter an email address."),
            "invalid": _("Enter an email address such as name@hospital.org."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class JoinForm(forms.Form):
    """How somebody new is called, and with what they will log in."""

    use_required_attribute = False
    name = forms.CharField(
        label=_("Your name"),
        max_length=200,
        help_text=_("As colleagues read it."),
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


class RoleForm(StaffForm):
    """What a role is called and what it may do. ``shown`` is which permissions there are, under headings."""

    title = forms.CharField(label=_("Title"), max_length=60, error_messages={"required": _("Enter a title.")})
    permissions = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, roles: Mapping[str, Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown: tuple[Group, ...] = grouped(code for role in roles.values() for code in role.permissions)
        self.fields["permissions"].choices = [pair for group in self.shown for pair in group.permissions]  # type: ignore[attr-defined]


AREAS = {
    "": _("Everything"),
    "user.": _("People"),
    "invitation.": _("Invitations"),
    "patient_access.": _("Patients' own pages"),
    "role.": _("Roles"),
    "api_key.": _("API keys"),
}


class AuditForm(forms.Form):
    """What to show of the audit trail; days are the hospital's."""

    use_required_attribute = False
    who = forms.CharField(label=_("Done by"), required=False, max_length=100)
    action = forms.ChoiceField(label=_("What"), choices=list(AREAS.items()), required=False)
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
