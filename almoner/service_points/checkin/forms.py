"""Forms of reception."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.hospitals.models import Department
from almoner.pages.forms import StaffForm

SEXES = [("unknown", _("not stated")), ("female", _("female")), ("male", _("male")), ("other", _("other"))]
VISIT_TYPES = [
    ("first", _("First visit")),
    ("follow_up", _("Follow-up")),
    ("elective", _("Planned procedure")),
    ("maintenance", _("Standing treatment")),
]


class PatientForm(StaffForm):
    """Register a person. ``confirmed``: the clerk has looked at those who may be the same."""

    name = forms.CharField(label=_("Name"), max_length=200)
    birth_date = forms.DateField(
        label=_("Birth date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    sex = forms.ChoiceField(label=_("Sex"), choices=SEXES)
    phone = forms.CharField(
        label=_("Phone"), max_length=40, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    category = forms.ChoiceField(label=_("Category"))
    confirmed = forms.BooleanField(label=_("None of these: register another person"), required=False)

    def __init__(self, *args: Any, categories: list[str], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            (category, category.replace("_", " ").capitalize()) for category in categories
        ]
        self.fields["birth_date"].widget.attrs.update({"max": today.isoformat(), "min": "1900-01-01"})
        self.today = today

    def clean_birth_date(self) -> date | None:
        born: date | None = self.cleaned_data["birth_date"]
        if born is not None and not date(1900, 1, 1) <= born <= self.today:
            raise forms.ValidationError(_("Enter a day from 1900 until today."))
        return born

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        if phone and sum(character.isdigit() for character in phone) < 5:
            raise forms.ValidationError(_("Enter a phone number with its digits, or leave it empty."))
        return phone


class CheckInForm(StaffForm):
    """Where the patient arrives, and why; ``appointment_id``, ``referral_id``: what they come for."""

    appointment_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    referral_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    department = forms.ChoiceField(label=_("Department"))
    visit_type = forms.ChoiceField(label=_("Visit"), choices=VISIT_TYPES)
    triage_level = forms.TypedChoiceField(
        label=_("Triage (ESI)"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("not assessed")),
            ("1", _("1 · resuscitation")),
            ("2", _("2 · emergent")),
            ("3", _("3 · urgent")),
            ("4", _("4 · less urgent")),
            ("5", _("5 · not urgent")),
        ],
    )
    reason = forms.CharField(label=_("Reason, in the patient's words"), max_length=300, required=False)

    def __init__(self, *args: Any, departments: list[Department], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.departments = {department.code: department for department in departments}
        self.fields["department"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a department")),
            *((department.code, department.name) for department in departments),
        ]

    @property
    def encounter_class(self) -> str:
        """Emergency in the emergency department, else ambulatory."""
        department = self.departments[self.cleaned_data["department"]]
        return "emergency" if department.kind == Department.Kind.EMERGENCY else "ambulatory"
