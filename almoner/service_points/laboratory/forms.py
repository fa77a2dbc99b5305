"""Forms of the laboratory: results, their verification, critical values, samples, reference ranges."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm
from almoner.service_points.laboratory.bench import Test, Value
from almoner.service_points.laboratory.operations import Reading
from almoner.service_points.laboratory.rules import Bounds, Usual

MONTHS_OF_A_YEAR = 12


class ResultsForm(StaffForm):
    """The values of an order, a line per parameter; what is left empty stays open.

    The unit is asked for where the parameter has none of its own.
    """

    def __init__(self, *args: Any, tests: tuple[Test, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = {
            f"{test.order_line_id}_{value.parameter.code}": (test, value)
            for test in tests
            for value in test.values
        }
        for place, (_test, value) in self.places.items():
            self.fields[f"value_{place}"] = forms.CharField(
                label=value.parameter.name,
                max_length=200,
                required=False,
                initial=value.entered.value if value.entered else "",
            )
            if not value.parameter.unit:
                self.fields[f"unit_{place}"] = forms.CharField(
                    label=_("Unit"), max_length=40, required=False, initial=value.unit
                )

    def fields_of(self, place: str) -> tuple[forms.BoundField, forms.BoundField | None]:
        """The value's field and the unit's, if it is asked for."""
        unit = f"unit_{place}"
        return self[f"value_{place}"], self[unit] if unit in self.fields else None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.places and not self.errors and not any(data[f"value_{place}"] for place in self.places):
            self.add_error(None, _("Enter at least one result."))
        for place, (_test, value) in self.places.items():
            name = f"value_{place}"
            if value.entered and name in data and not data[name]:
                self.add_error(name, _("A result is corrected by another one, not taken away."))
        return data

    @property
    def readings(self) -> dict[tuple[UUID, str], Reading]:
        """What was entered, of a valid form, by line and parameter."""
        data = self.cleaned_data
        return {
            (test.order_line_id, value.parameter.code): Reading(
                data[f"value_{place}"], data.get(f"unit_{place}", "")
            )
            for place, (test, value) in self.places.items()
            if data[f"value_{place}"]
        }


class VerifyForm(StaffForm):
    """The results to stand by; all that wait are chosen."""

    results = forms.MultipleChoiceField(label=_("Results"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["results"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices
        field.initial = [result_id for result_id, _title in choices]
        field.error_messages["required"] = _("Choose at least one result.")
        field.error_messages["invalid_choice"] = _("A result was corrected meanwhile: look at it again.")


class TellForm(StaffForm):
    """Who was told of a critical value."""

    told_to = forms.CharField(
        label=_("Told to"), max_length=200, help_text=_("Name and role, such as: Dr. Rao, ward 2, by phone.")
    )


class RejectForm(StaffForm):
    """Why a sample cannot be used."""

    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Such as: clotted, haemolysed, too little, no name.")
    )


class RangeForm(StaffForm):
    """Which values of a parameter are usual, and for whom. Ages are completed months."""

    low = forms.DecimalField(label=_("From"), required=False, max_digits=14, decimal_places=4)
    high = forms.DecimalField(label=_("To"), required=False, max_digits=14, decimal_places=4)
    critical_low = forms.DecimalField(
        label=_("Critical below"), required=False, max_digits=14, decimal_places=4
    )
    critical_high = forms.DecimalField(
        label=_("Critical above"), required=False, max_digits=14, decimal_places=4
    )
    unit = forms.CharField(label=_("Unit"), required=False, max_length=40)
    sex = forms.ChoiceField(
        label=_("Sex"),
        required=False,
        choices=[("", _("Everybody")), ("female", _("Female")), ("male", _("Male"))],
    )
    from_months = forms.IntegerField(
        label=_("Minimum age, months"), required=False, min_value=0, max_value=MONTHS_OF_A_YEAR * 150
    )
    to_months = forms.IntegerField(
        label=_("Age below, months"), required=False, min_value=1, max_value=MONTHS_OF_A_YEAR * 150
    )

    @classmethod
    def initial_of(cls, value: Value) -> dict[str, Any]:
        """What the form is opened with: the range that holds for the patient at hand."""
        usual = value.usual or Usual(Bounds())
        return {
            "low": usual.bounds.low,
            "high": usual.bounds.high,
            "critical_low": usual.bounds.critical_low,
            "critical_high": usual.bounds.critical_high,
            "unit": value.unit,
            "sex": usual.sex,
            "from_months": usual.from_months or None,
            "to_months": usual.to_months,
        }

    @property
    def usual(self) -> Usual:
        """What was typed, of a valid form."""
        data = self.cleaned_data
        return Usual(
            Bounds(data["low"], data["high"], data["critical_low"], data["critical_high"]),
            unit=data["unit"],
            sex=data["sex"],
            from_months=data["from_months"] or 0,
            to_months=data["to_months"],
        )
