"""Forms of the consultation: notes, orders, services."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.charging.rules import EventLine
from almoner.orders.operations import Medication
from almoner.orders.referrals import MAXIMUM_TEXT
from almoner.pages.forms import QuickSelect, StaffForm
from almoner.patients.diagnoses import MAXIMUM_DIAGNOSIS
from almoner.service_points.consultation.operations import MAXIMUM_NOTE

PRIORITIES = [("routine", _("Routine")), ("urgent", _("Urgent")), ("stat", _("Immediately"))]
PRESCRIPTION_TYPES = [
    ("first", _("New")),
    ("maintenance", _("Standing medication")),
    ("elective", _("Elective")),
    ("emergency", _("Emergency medication: never held")),
]
ROWS = 4


class NoteForm(StaffForm):
    """A note of the doctor."""

    text = forms.CharField(label=_("Note"), max_length=MAXIMUM_NOTE, widget=forms.Textarea(attrs={"rows": 4}))


class DiagnosisForm(StaffForm):
    """What was found, in words, with a code where there is one."""

    text = forms.CharField(label=_("Diagnosis"), max_length=MAXIMUM_DIAGNOSIS)
    code = forms.CharField(
        label=_("ICD-10 code"), max_length=10, required=False, help_text=_("Such as I20.9")
    )


class TestsForm(StaffForm):
    """Laboratory tests ordered in one go."""

    tests = forms.MultipleChoiceField(label=_("Tests"), widget=forms.CheckboxSelectMultiple)
    priority = forms.ChoiceField(label=_("Priority"), choices=PRIORITIES)

    def __init__(self, *args: Any, tests: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tests"].choices = tests  # type: ignore[attr-defined]


class _LinesForm(StaffForm):
    """A few lines of a service and a quantity; empty lines are passed over."""

    nothing_chosen: ClassVar[Any] = _("Choose at least one.")

    def __init__(self, *args: Any, services: list[tuple[str, str]], quantity: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for row in range(ROWS):
            self.fields[f"service_{row}"] = forms.ChoiceField(
                label=_("Line %(n)d") % {"n": row + 1},
                choices=[("", "–"), *services],
                required=False,
                widget=QuickSelect,
            )
            self.fields[f"quantity_{row}"] = forms.DecimalField(
                label=_("Quantity"),
                min_value=Decimal("0.001"),
                max_value=Decimal(100_000),
                decimal_places=3,
                required=False,
                initial=quantity,
            )

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The fields of each line."""
        return [(self[f"service_{row}"], self[f"quantity_{row}"]) for row in range(ROWS)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        chosen = [row for row in range(ROWS) if data.get(f"service_{row}")]
        for row in chosen:
            if data.get(f"quantity_{row}") is None and f"quantity_{row}" not in self.errors:
                self.add_error(f"quantity_{row}", _("How much of it?"))
        if not chosen and not self.errors:
            self.add_error("service_0", self.nothing_chosen)
        return data

    @property
    def chosen(self) -> list[tuple[str, Decimal]]:
        """Service and quantity of the lines that were filled in, of a valid form."""
        data = self.cleaned_data
        return [
            (data[f"service_{row}"], data[f"quantity_{row}"]) for row in range(ROWS) if data[f"service_{row}"]
        ]


class PrescriptionForm(_LinesForm):
    """Medications prescribed in one go."""

    nothing_chosen = _("Choose at least one medication.")
    request_type = forms.ChoiceField(label=_("Kind"), choices=PRESCRIPTION_TYPES)
    priority = forms.ChoiceField(label=_("Priority"), choices=PRIORITIES)

    @property
    def medications(self) -> list[Medication]:
        return [Medication(service, quantity) for service, quantity in self.chosen]


class ServicesForm(_LinesForm):
    """Services provided here and now: charged and delivered at once."""

    nothing_chosen = _("Choose at least one service.")

    @property
    def lines(self) -> list[EventLine]:
        return [EventLine(service, quantity) for service, quantity in self.chosen]


class AdmissionForm(StaffForm):
    """Take the patient into a ward; the ward gives the bed."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {"encounter_id": "ward"}
    ward = forms.ChoiceField(label=_("Ward"))
    priority = forms.ChoiceField(label=_("Priority"), choices=PRIORITIES)
    request_type = forms.ChoiceField(
        label=_("Kind"), choices=[("first", _("Unplanned")), ("elective", _("Planned"))]
    )

    def __init__(self, *args: Any, wards: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ward"].choices = [("", _("Choose a ward")), *wards]  # type: ignore[attr-defined]


class ReferralForm(StaffForm):
    """Send the patient on: to another department, or elsewhere with a letter."""

    department = forms.ChoiceField(label=_("To a department of this hospital"), required=False)
    outside = forms.CharField(label=_("Or to whom elsewhere"), max_length=200, required=False)
    text = forms.CharField(
        label=_("Why, and what is known"), max_length=MAXIMUM_TEXT, widget=forms.Textarea(attrs={"rows": 4})
    )
    priority = forms.ChoiceField(label=_("Priority"), choices=PRIORITIES)

    def __init__(self, *args: Any, departments: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["department"].choices = [("", "–"), *departments]  # type: ignore[attr-defined]
