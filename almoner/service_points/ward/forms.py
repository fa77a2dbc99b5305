"""Forms of the ward."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.hospitals.models import Bed, Ward
from almoner.pages.forms import StaffForm
from almoner.service_points.ward.transfers import MAXIMUM_REASON_LENGTH


class ExceptionForm(StaffForm):
    """Why a patient leaves without an arrangement."""

    exception = forms.CharField(
        label=_("Why they leave without an arrangement"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class TransferForm(StaffForm):
    """To which bed a patient is moved. ``moved_at`` only for who may record it afterwards.

    Free beds are offered; the operation says what became of a bed that is not free any more.
    """

    bed_id = forms.UUIDField(
        label=_("To bed"), widget=forms.Select, error_messages={"invalid": _("Choose a free bed.")}
    )
    moved_at = forms.CharField(
        label=_("When, if it was earlier"),
        required=False,
        max_length=20,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(label=_("Why"), required=False, max_length=MAXIMUM_REASON_LENGTH)

    def __init__(
        self, *args: Any, beds: Mapping[Ward, list[Bed]], zone: ZoneInfo, may_backdate: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.fields["bed_id"].widget.choices = [
            ("", _("Choose a free bed")),
            *((ward.name, [(str(bed.id), bed.code) for bed in members]) for ward, members in beds.items()),
        ]
        if not may_backdate:
            del self.fields["moved_at"]

    def clean_moved_at(self) -> datetime | None:
        text = self.cleaned_data["moved_at"]
        if not text:
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=self.zone)
        except ValueError as error:
            raise forms.ValidationError(_("Enter a day and a time.")) from error
