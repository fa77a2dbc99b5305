"""The form of an appointment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm

LENGTHS = (10, 15, 20, 30, 45, 60, 90, 120)


class AppointmentForm(StaffForm):
    """When, for how long, where, and with whom. ``department`` and ``reason`` stay as booked when it is moved."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {"starts_at": "start"}
    department = forms.ChoiceField(label=_("Department"))
    practitioner_id = forms.TypedChoiceField(label=_("Doctor"), required=False, coerce=UUID, empty_value=None)
    day = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    start = forms.TimeField(label=_("Time"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    minutes = forms.TypedChoiceField(
        label=_("Takes"),
        coerce=int,
        initial=20,
        choices=lambda: [(length, _("%(n)d min") % {"n": length}) for length in LENGTHS],
    )
    reason = forms.CharField(label=_("Reason"), max_length=300, required=False)

    def __init__(
        self,
        *args: Any,
        departments: list[tuple[str, str]],
        practitioners: list[tuple[UUID, str]],
        zone: ZoneInfo,
        today: date,
        moves: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.fields["department"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a department")),
            *departments,
        ]
        self.fields["practitioner_id"].choices = [  # type: ignore[attr-defined]
            ("", _("whoever is there")),
            *((str(user_id), name) for user_id, name in practitioners),
        ]
        self.fields["day"].widget.attrs["min"] = today.isoformat()
        if moves:
            del self.fields["department"], self.fields["reason"]

    @property
    def starts_at(self) -> datetime:
        """The start of a valid form, in the hospital's zone."""
        start: time = self.cleaned_data["start"]
        return datetime.combine(self.cleaned_data["day"], start, tzinfo=self.zone)
