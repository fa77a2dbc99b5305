"""Forms of the ward."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm


class ExceptionForm(StaffForm):
    """Why a patient leaves without an arrangement."""

    exception = forms.CharField(
        label=_("Why they leave without an arrangement"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
