"""Forms of the cashier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.kernel.errors import DomainError
from almoner.kernel.money import Money
from almoner.pages.forms import AmountField, StaffForm
from almoner.pages.presenters import METHODS
from almoner.payments.operations import Share, Tender


@dataclass(frozen=True, slots=True)
class Ticked:
    """A charge that was ticked, with what was open on it when the form was drawn."""

    charge_item_id: UUID
    open_minor: int

    def __str__(self) -> str:
        return f"{self.charge_item_id}:{self.open_minor}"


class TickedField(forms.Field):
    """The charges that are ticked: ``ID:OPEN`` each, so that what was paid meanwhile is noticed."""

    widget = forms.MultipleHiddenInput

    def prepare_value(self, value: Any) -> Any:
        return [str(one) for one in value or []]

    def clean(self, value: Any) -> list[Ticked]:
        ticked = []
        for text in value or []:
            item, _colon, minor = str(text).partition(":")
            if not minor.isdecimal() or not minor.isascii() or len(minor) > 14 or int(minor) == 0:
                raise forms.ValidationError(_("Choose among the charges that are shown."))
            try:
                ticked.append(Ticked(UUID(item), int(minor)))
            except ValueError as error:
                raise forms.ValidationError(_("Choose among the charges that are shown.")) from error
        return list(dict.fromkeys(ticked))


STALE = ("unknown_charge_item", "charge_item_overpaid")


class AccountForm(StaffForm):
    """Take a payment for the charges that are ticked, or for a part of them.

    ``part_METHOD`` is what is paid by another method; ``method`` pays the rest.

    ``amount`` empty: all that is ticked. ``tendered`` (cash) may be more: the rest is change. ``keep``: what is
    above the ticked charges is kept as a deposit instead of being refused.
    """

    fields_of_errors = {"amount_minor": "amount", "tendered_minor": "tendered"}
    items = TickedField(required=False)
    amount = AmountField(
        label=_("Amount to apply"), required=False, help_text=_("Empty: everything that is ticked.")
    )
    method = forms.ChoiceField(label=_("Method"), choices=list(METHODS.items()))
    tendered = AmountField(label=_("Cash handed over"), required=False)
    cash_point = forms.ChoiceField(label=_("Cash point"))
    reference = forms.CharField(label=_("Reference"), max_length=200, required=False)
    keep = forms.BooleanField(label=_("Keep what is above as a deposit"), required=False)

    def __init__(
        self, *args: Any, currency: str, cash_points: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        for code, title in METHODS.items():
            self.fields[f"part_{code}"] = AmountField(label=title, required=False)
            self.fields[f"reference_{code}"] = forms.CharField(
                label=_("Reference of %(method)s") % {"method": title}, max_length=200, required=False
            )
        for name in ("amount", "tendered", *(f"part_{code}" for code in METHODS)):
            self.fields[name].currency = currency  # type: ignore[attr-defined]
        self.fields["cash_point"].choices = list(cash_points)  # type: ignore[attr-defined]

    def refuse(self, error: DomainError) -> None:
        if error.code in STALE:
            self.add_error(
                None,
                _(
                    "Something that was ticked has been paid meanwhile. Nothing was taken: look at what is open now."
                ),
            )
        else:
            super().refuse(error)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        ticked_minor = sum(one.open_minor for one in data["items"])
        amount, tendered = data["amount"], data["tendered"]
        if amount is None:
            amount = data["amount"] = ticked_minor
        if not amount:
            self.add_error("amount", _("Tick a charge, or say how much is left as a deposit."))
        elif amount > ticked_minor and not data["keep"]:
            self.add_error(
                "amount",
                _("The ticked charges come to %(total)s. Take that, or keep the rest as a deposit.")
                % {"total": Money(ticked_minor, self.currency)},
            )
        if amount:
            self._clean_tenders(data, amount, tendered)
        return data

    def _clean_tenders(self, data: dict[str, Any], amount: int, tendered: int | None) -> None:
        """Part the amount over the methods; ``tenders`` are what the payment is made of."""
        parts = {code: data.get(f"part_{code}") or 0 for code in METHODS}
        rest = amount - sum(parts.values())
        last = next((code for code in reversed(METHODS) if parts[code]), "")
        if rest < 0 or (rest and parts[data["method"]]):
            self.add_error(
                f"part_{last}",
                _("The parts come to %(parts)s, the payment to %(amount)s.")
                % {
                    "parts": Money(sum(parts.values()), self.currency),
                    "amount": Money(amount, self.currency),
                },
            )
            return
        parts[data["method"]] += rest
        if tendered is not None and not parts["cash"]:
            self.add_error("tendered", _("Only cash gives change. Leave this empty."))
        elif tendered is not None and tendered < parts["cash"]:
            self.add_error(
                "tendered",
                _(
                    "This is less than the %(amount)s to take in cash. To take a part, enter the amount to apply."
                )
                % {"amount": Money(parts["cash"], self.currency)},
            )
        data["tenders"] = [
            Tender(
                code,
                minor,
                tendered if code == "cash" else None,
                data.get(f"reference_{code}") or (data["reference"] if code == data["method"] else ""),
            )
            for code, minor in parts.items()
            if minor
        ]

    def split(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The fields of every method: its part and its reference."""
        return [(self[f"part_{code}"], self[f"reference_{code}"]) for code in METHODS]

    @property
    def is_split(self) -> bool:
        """Whether a part by another method was typed."""
        return self.is_bound and any(self.data.get(f"part_{code}") for code in METHODS)

    def shares(self) -> list[Share]:
        """How the amount of a valid form goes to the ticked charges, in the order in which they are shown."""
        given, left = [], self.cleaned_data["amount"]
        for one in self.cleaned_data["items"]:
            part = min(one.open_minor, left)
            if part > 0:
                given.append(Share(one.charge_item_id, part))
                left -= part
        return given


class ReasonForm(StaffForm):
    """Why a payment is to be undone, or is to stand."""

    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class RefundForm(ReasonForm):
    """Give a payment back, or a part of it."""

    fields_of_errors = {"amount_minor": "amount"}
    amount = AmountField(label=_("Amount"))
    method = forms.ChoiceField(label=_("Given back by"), choices=list(METHODS.items()))
    field_order = ["amount", "method", "reason"]

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]

    def refuse(self, error: DomainError) -> None:
        if error.code == "exceeds_payment":
            left = Money(error.detail["refundable_minor"], self.fields["amount"].currency)  # type: ignore[attr-defined]
            self.add_error("amount", _("Only %(amount)s can be given back.") % {"amount": left})
        else:
            super().refuse(error)
