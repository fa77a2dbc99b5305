"""Forms of the laboratory: results, reference ranges."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm
from almoner.service_points.laboratory.operations import Reading
from almoner.service_points.laboratory.queries import Test


class ResultsForm(StaffForm):
    """The results of an order, a line per test; what is left empty stays open."""

    def __init__(self, *args: Any, tests: tuple[Test, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tests = tests
        for test in tests:
            self.fields[f"value_{test.order_line_id}"] = forms.CharField(
                label=test.name, max_length=200, required=False, initial=test.result
            )
            self.fields[f"unit_{test.order_line_id}"] = forms.CharField(
                label=_("Unit"), max_length=40, required=False, initial=test.unit
            )

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Value and unit of each test."""
        return [(self[f"value_{t.order_line_id}"], self[f"unit_{t.order_line_id}"]) for t in self.tests]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.tests and not self.errors and not any(data[f"value_{t.order_line_id}"] for t in self.tests):
            self.add_error(None, _("Enter at least one result."))
        for test in self.tests:
            name = f"value_{test.order_line_id}"
            if test.result and name in data and not data[name]:
                self.add_error(name, _("A result is corrected by another one, not taken away."))
        return data

    @property
    def readings(self) -> dict[UUID, Reading]:
        """What was entered, of a valid form, by the id of the order's line."""
        data = self.cleaned_data
        return {
            test.order_line_id: Reading(
                data[f"value_{test.order_line_id}"], data[f"unit_{test.order_line_id}"]
            )
            for test in self.tests
            if data[f"value_{test.order_line_id}"]
        }


class RangeForm(StaffForm):
    """Which values of a test are usual."""

    low = forms.DecimalField(label=_("From"), required=False, max_digits=14, decimal_places=4)
    high = forms.DecimalField(label=_("To"), required=False, max_digits=14, decimal_places=4)
    unit = forms.CharField(label=_("Unit"), required=False, max_length=40)
