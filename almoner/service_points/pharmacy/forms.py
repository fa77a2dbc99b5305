"""The form of the pharmacy: how much of each line is handed out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm
from almoner.service_points.pharmacy.queries import PrescribedLine


class DispenseForm(StaffForm):
    """What is handed out now, by line; an empty line is handed out another time."""

    def __init__(self, *args: Any, lines: tuple[PrescribedLine, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        self.fields_of_errors = {f"quantities[{one.line}]": f"quantity_{one.line}" for one in lines}  # type: ignore[misc]
        for one in lines:
            left = f"{one.left.normalize():f}"
            self.fields[f"quantity_{one.line}"] = forms.DecimalField(
                label=one.medication,
                help_text=_("%(left)s left") % {"left": left},
                min_value=Decimal(0),
                max_value=Decimal(1_000_000),
                decimal_places=3,
                required=False,
                initial=left,
            )

    @property
    def rows(self) -> list[forms.BoundField]:
        """The field of each line."""
        return [self[f"quantity_{one.line}"] for one in self.lines]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not any(data.get(f"quantity_{one.line}") for one in self.lines):
            self.add_error(None, _("Say how much of at least one line is handed out."))
        return data

    @property
    def quantities(self) -> dict[int, Decimal]:
        """What was typed in a valid form, by line number."""
        typed = {one.line: self.cleaned_data[f"quantity_{one.line}"] for one in self.lines}
        return {line: quantity for line, quantity in typed.items() if quantity}
