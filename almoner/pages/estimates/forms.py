"""Forms of the estimates."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.estimates.models import EstimateConsent
from almoner.estimates.operations import MAXIMUM_DAYS, MAXIMUM_LINES, Wanted
from almoner.kernel.errors import DomainError
from almoner.pages.forms import AmountField, StaffForm

ROWS = 6
Choices = list[tuple[str, Any]]


class ServicesWidget(forms.Widget):
    """Rows of a service's code and how many of it."""

    template_name = "estimates/services_widget.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        if not hasattr(data, "getlist"):
            return []
        rows = zip(data.getlist(f"{name}_code"), data.getlist(f"{name}_quantity"), strict=False)
        return [(code.strip(), quantity.strip()) for code, quantity in rows if code.strip()][
            : MAXIMUM_LINES + 1
        ]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        filled = list(value or [])
        context["widget"]["rows"] = [*filled, *[("", "")] * max(2, ROWS - len(filled))]
        return context

    def id_for_label(self, id_: str) -> str:
        return ""


class ServicesField(forms.Field):
    """Services to be given: (code, quantity)."""

    widget = ServicesWidget

    def clean(self, value: Any) -> tuple[tuple[str, Decimal], ...]:
        return tuple((code, self._quantity(quantity or "1")) for code, quantity in value or [])

    def _quantity(self, text: str) -> Decimal:
        try:
            quantity = Decimal(text)
        except InvalidOperation:
            quantity = Decimal("NaN")
        if not quantity.is_finite() or len(text) > 12:
            raise forms.ValidationError(_("Expected how many of a service, such as 2."))
        return quantity


def _day(**options: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


class EstimateForm(StaffForm):
    """What an estimate is asked for. ``patient``: for whom; without one it asks for a name."""

    walk_in = forms.CharField(label=_("Name of who asks"), max_length=200)
    reason = forms.CharField(label=_("What for"), max_length=200, required=False)
    expected_on = _day(label=_("Expected on"))
    valid_until = _day(label=_("Valid until"))
    services = ServicesField(label=_("Services and packages"), required=False)
    ward_type = forms.ChoiceField(label=_("Kind of ward"), required=False)
    days = forms.IntegerField(
        label=_("Days in the ward"), min_value=0, max_value=MAXIMUM_DAYS, required=False
    )
    payer_percent = forms.DecimalField(
        label=_("Share of the payer (percent)"), max_digits=5, decimal_places=2, required=False
    )
    payer_basis = forms.CharField(
        label=_("What the share is based on"),
        max_length=200,
        required=False,
        help_text=_("Such as: letter of the insurer of March 2"),
    )

    def __init__(self, *args: Any, wards: Choices, currency: str, has_patient: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ward_type"].choices = [("", gettext("No stay")), *wards]  # type: ignore[attr-defined]
        self.fields["deposit"] = AmountField(
            label=_("Deposit asked for"), currency=currency, minimum_minor=0, required=False
        )
        if has_patient:
            del self.fields["walk_in"]

    def refuse(self, error: DomainError) -> None:
        """A refusal of one line (``lines[0].service``) stands at the services."""
        name = {"lines": "services", "deposit_minor": "deposit"}.get(error.field.split("[")[0], error.field)
        self.add_error(name if name in self.fields else None, error.message)

    def wanted(self, patient_id: Any) -> Wanted:
        """What a valid form asks for."""
        said = self.cleaned_data
        return Wanted(
            expected_on=said["expected_on"],
            valid_until=said["valid_until"],
            patient_id=patient_id,
            walk_in=said.get("walk_in", ""),
            reason=said["reason"],
            services=said["services"],
            ward_type=said["ward_type"],
            days=said["days"] or 0,
            payer_percent=said["payer_percent"],
            payer_basis=said["payer_basis"],
            deposit_minor=said["deposit"] or 0,
        )


HOW = {
    EstimateConsent.How.SIGNED.value: _("Signed on paper"),
    EstimateConsent.How.SPOKEN.value: _("Spoken, with a witness"),
    EstimateConsent.How.ELECTRONIC.value: _("Electronically"),
}


class ConsentForm(StaffForm):
    """Who agreed to an estimate, and how."""

    given_by = forms.CharField(label=_("Agreed by"), max_length=200)
    how = forms.ChoiceField(label=_("How"), choices=list(HOW.items()))


class VisitForm(StaffForm):
    """The visit that an estimate was for."""

    encounter_id = forms.ChoiceField(label=_("Visit"))

    def __init__(self, *args: Any, visits: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["encounter_id"].choices = visits  # type: ignore[attr-defined]
