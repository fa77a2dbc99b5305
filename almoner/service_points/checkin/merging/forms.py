"""The form that makes two records one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm
from almoner.patients.merging import CHOOSABLE

KEPT, DUPLICATE = "kept", "duplicate"


class MergeForm(StaffForm):
    """Which of the two values survives, for each field in which the records differ."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {}
    confirmed = forms.BooleanField(label=_("Both records are of this person. There is no way back."))

    def __init__(self, *args: Any, differs: set[str], initial: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, initial=dict(initial), **kwargs)
        for name in CHOOSABLE:
            if name in differs:
                self.fields[name] = forms.ChoiceField(
                    choices=[(KEPT, KEPT), (DUPLICATE, DUPLICATE)], required=False, widget=forms.RadioSelect
                )

    @property
    def taken(self) -> list[str]:
        """The fields of a valid form whose value comes from the duplicate."""
        return [name for name in CHOOSABLE if self.cleaned_data.get(name) == DUPLICATE]

    def chosen(self, name: str) -> str:
        """Which value of ``name`` is ticked."""
        return str(self[name].value() or KEPT) if name in self.fields else KEPT
