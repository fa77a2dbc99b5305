"""Forms of the drawer: counting, closing, moving cash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.kernel.errors import DomainError
from almoner.kernel.money import Money
from almoner.pages.forms import AmountField, StaffForm
from almoner.payments.denominations import MAXIMUM_PIECES, denominations
from almoner.payments.models import CashTransfer

_PIECE = "piece_"


class CountForm(StaffForm):
    """Cash counted by notes and coins; what is left empty was not there."""

    def __init__(self, *args: Any, currency: str, locale: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        for minor in denominations(currency):
            self.fields[f"{_PIECE}{minor}"] = forms.IntegerField(
                label=Money(minor, currency).format(locale),
                required=False,
                min_value=0,
                max_value=MAXIMUM_PIECES,
                widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
            )

    def pieces(self) -> list[forms.BoundField]:
        """The fields to count in, the largest note first."""
        return [self[name] for name in self.fields if name.startswith(_PIECE)]

    def count(self) -> dict[int, int]:
        """Pieces by denomination in minor units, of what was typed right."""
        return {
            int(name.removeprefix(_PIECE)): pieces
            for name, pieces in self.cleaned_data.items()
            if name.startswith(_PIECE) and pieces
        }


class OpenForm(CountForm):
    """Open a drawer at a cash point with a counted float."""

    cash_point = forms.ChoiceField(label=_("Cash point"))

    def __init__(self, *args: Any, cash_points: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cash_point"].choices = list(cash_points)  # type: ignore[attr-defined]


class CloseForm(CountForm):
    """Close a drawer with what was counted. ``hand_to``: who takes it over as it is."""

    fields_of_errors: ClassVar[dict[str, str]] = {"banked_minor": "banked", "reference": "slip"}
    reason = forms.CharField(
        label=_("Why it differs, if it does"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    banked = AmountField(label=_("Taken to the bank"), required=False)
    slip = forms.CharField(label=_("Deposit slip"), max_length=200, required=False)
    hand_to = forms.TypedChoiceField(
        label=_("Hand over to"),
        required=False,
        coerce=UUID,
        empty_value=None,
        help_text=_("Empty: the rest goes to the safe."),
    )

    def __init__(self, *args: Any, colleagues: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["banked"].currency = self.currency  # type: ignore[attr-defined]
        self.fields["hand_to"].choices = [("", _("Nobody: close it")), *colleagues]  # type: ignore[attr-defined]


class MoveForm(StaffForm):
    """Take cash out of the drawer, or bring change in."""

    fields_of_errors: ClassVar[dict[str, str]] = {"amount_minor": "amount"}
    kind = forms.ChoiceField(
        label=_("What"),
        choices=[
            (CashTransfer.Kind.BANKED, _("To the bank")),
            (CashTransfer.Kind.TO_SAFE, _("To the safe")),
            (CashTransfer.Kind.FROM_SAFE, _("Change from the safe")),
        ],
    )
    amount = AmountField(label=_("Amount"))
    reference = forms.CharField(
        label=_("Deposit slip"), max_length=200, required=False, help_text=_("Needed for the bank.")
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]

    def refuse(self, error: DomainError) -> None:
        if error.code == "exceeds_drawer":
            self.add_error("amount", _("By the books there is not so much in the drawer."))
        else:
            super().refuse(error)
