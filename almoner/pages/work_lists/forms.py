"""Forms of the work lists."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.models import OverrideReview
from almoner.pages.forms import AmountField, StaffForm
from almoner.pages.step_actions import OverrideForm


class ReviewForm(StaffForm):
    """Accept an override, or dispute it and say why."""

    verdict = forms.ChoiceField(
        label=_("Verdict"),
        choices=[
            (OverrideReview.Verdict.ACCEPTED.value, _("Accept")),
            (OverrideReview.Verdict.DISPUTED.value, _("Dispute")),
        ],
        initial=OverrideReview.Verdict.ACCEPTED.value,
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("A dispute says what is wrong."),
    )


class ReasonForm(StaffForm):
    """Why something is taken back."""

    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class HeldForm(OverrideForm):
    """An override that counts from when a step was held."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, held_at="", **kwargs)


class PriceForm(StaffForm):
    """The price of one unit, or nothing: then the tariffs in force now are asked."""

    fields_of_errors = {"unit_price_minor": "price", "service": "price"}
    price = AmountField(
        label=_("Price of one unit"),
        required=False,
        minimum_minor=0,
        help_text=_("Empty: from the tariffs that are in force now."),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["price"].currency = currency  # type: ignore[attr-defined]


class NoteForm(StaffForm):
    """Why nothing more has to be done."""

    note = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
