"""The terms of a payment plan as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.kernel.errors import DomainError
from almoner.kernel.money import InvalidAmount, Money
from almoner.pages.amounts import read_amount
from almoner.pages.forms import AmountField, StaffForm
from almoner.payments.operations import PlanFees
from almoner.payments.plans import MAXIMUM_GRACE_DAYS, MAXIMUM_INSTALMENTS, Frequency, Terms

FREQUENCIES = {
    Frequency.MONTHLY: _("Every month"),
    Frequency.FORTNIGHTLY: _("Every two weeks"),
    Frequency.WEEKLY: _("Every week"),
    Frequency.DATES: _("On given days"),
}


class TermsForm(StaffForm):
    """How something is paid in parts; amounts in the hospital's currency."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {
        "total_minor": "total",
        "down_payment_minor": "down_payment",
        "plan_id": "",
        "encounter_id": "",
    }
    frequency = forms.ChoiceField(label=_("How often"), choices=list(FREQUENCIES.items()))
    instalments = forms.IntegerField(
        label=_("Instalments"), min_value=1, max_value=MAXIMUM_INSTALMENTS, initial=3
    )
    first_due_on = forms.DateField(
        label=_("First one due on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    parts = forms.CharField(
        label=_("Days and amounts"),
        help_text=_("One instalment a line, such as 2026-04-01 25.00"),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=6000,
        required=False,
    )
    down_payment = AmountField(label=_("Down payment"), minimum_minor=0, required=False)
    fee = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)
    fee_per_instalment = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)
    grace_days = forms.IntegerField(
        label=_("Days of grace"), min_value=0, max_value=MAXIMUM_GRACE_DAYS, initial=0, required=False
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        given = self.data.get("frequency") == Frequency.DATES
        for name, field in self.fields.items():
            if isinstance(field, AmountField):
                field.currency = currency
            if given and name in ("instalments", "first_due_on"):
                field.required = False

    def clean_parts(self) -> tuple[tuple[date, int], ...]:
        """The lines as (day, minor units)."""
        return tuple(self._part(line) for line in self.cleaned_data["parts"].splitlines() if line.strip())

    def _part(self, line: str) -> tuple[date, int]:
        day, _space, amount = line.strip().partition(" ")
        try:
            return date.fromisoformat(day), read_amount(amount, self.currency)
        except (ValueError, InvalidAmount) as error:
            raise forms.ValidationError(
                _("Expected a day and an amount, such as 2026-04-01 25.00, got: %(line)s")
                % {"line": line.strip()}
            ) from error

    def refuse(self, error: DomainError) -> None:
        if error.code == "plan_does_not_add_up":
            given, expected = (
                Money(error.detail[name], self.currency) for name in ("given_minor", "expected_minor")
            )
            text = _("These come to %(given)s, but %(expected)s is to be paid.")
            self.add_error("parts", text % {"given": given, "expected": expected})
        else:
            super().refuse(error)

    @property
    def fees_shown(self) -> PlanFees:
        """What the plan costs, as the opened form says it."""
        data = self.cleaned_data
        return PlanFees(data["fee"] or 0, data["fee_per_instalment"] or 0)

    @property
    def terms(self) -> Terms:
        """What a valid form says."""
        data = self.cleaned_data
        frequency = Frequency(data["frequency"])
        given = frequency is Frequency.DATES
        return Terms(
            instalments=0 if given else data["instalments"],
            first_due_on=None if given else data["first_due_on"],
            frequency=frequency,
            down_payment_minor=data["down_payment"] or 0,
            grace_days=data["grace_days"] or 0,
            parts=data["parts"] if given else (),
        )


class PlanForm(TermsForm):
    """Agree to pay a total later, in instalments."""

    total = AmountField(label=_("Total"))
    patient_agreed_by = forms.CharField(
        label=_("Agreed by"),
        help_text=_("The patient, or who answers for them"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ChangeForm(TermsForm):
    """Ask that what is left be paid otherwise."""

    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class OfferForm(StaffForm):
    """Accept the plan that the rules offer, which ``code`` names as it was shown."""

    code = forms.CharField(max_length=16, widget=forms.HiddenInput)
    patient_agreed_by = forms.CharField(
        label=_("Agreed by"),
        help_text=_("Left empty: the patient"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ReasonForm(StaffForm):
    """Why it is done."""

    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
