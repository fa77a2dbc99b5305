"""Forms of the pharmacy: what is handed out, substituted, taken back; and its stock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from almoner.pages.forms import StaffForm
from almoner.service_points.pharmacy.operations.stock import MAXIMUM_BATCH_NUMBER, MAXIMUM_REASON
from almoner.service_points.pharmacy.queries import HandedOut, PrescribedLine
from almoner.service_points.pharmacy.rules import is_expired, plain

MAXIMUM_QUANTITY = Decimal(100_000)
ShowDay = Callable[[date], str]


def quantity_field(label: Any, **options: Any) -> forms.DecimalField:
    """A quantity with up to three decimals."""
    return forms.DecimalField(
        label=label,
        min_value=options.pop("min_value", Decimal("0.001")),
        max_value=MAXIMUM_QUANTITY,
        decimal_places=3,
        **options,
    )


class DispenseForm(StaffForm):
    """What is handed out now, by line; an empty line is handed out another time."""

    def __init__(
        self, *args: Any, lines: tuple[PrescribedLine, ...], today: date, show_day: ShowDay, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines = tuple(one for one in lines if one.left > 0)
        self.fields_of_errors = {  # type: ignore[misc]
            **{f"quantities[{one.line}]": f"quantity_{one.line}" for one in self.lines},
            **{f"batches[{one.line}]": f"batch_{one.line}" for one in self.lines if one.is_stocked},
        }
        for one in self.lines:
            left = plain(one.left)
            said = _("%(left)s left") % {"left": left}
            if one.is_stocked:
                said = _("%(left)s left · %(stock)s in stock") % {
                    "left": left,
                    "stock": plain(one.usable(today)),
                }
            initial = min(one.left, one.usable(today)) if one.is_stocked else one.left
            self.fields[f"quantity_{one.line}"] = quantity_field(
                one.medication,
                help_text=said,
                min_value=Decimal(0),
                required=False,
                initial=plain(initial),
            )
            if one.is_stocked:
                self.fields[f"batch_{one.line}"] = forms.ChoiceField(
                    label=_("Batch"), required=False, choices=_batch_choices(one, today, show_day)
                )

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField | None]]:
        """The fields of each line: how much, and from which batch."""
        return [
            (self[f"quantity_{one.line}"], self[f"batch_{one.line}"] if one.is_stocked else None)
            for one in self.lines
        ]

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

    @property
    def batches(self) -> dict[int, UUID]:
        """The batches that were chosen in a valid form, by the number of a line that is handed out."""
        chosen = {line: self.cleaned_data.get(f"batch_{line}") for line in self.quantities}
        return {line: UUID(batch) for line, batch in chosen.items() if batch}


def _batch_choices(line: PrescribedLine, today: date, show_day: ShowDay) -> list[tuple[str, Any]]:
    good = [batch for batch in line.batches if not is_expired(batch.expires_on, today)]
    several = len({batch.store for batch in good}) > 1
    choices: list[tuple[str, Any]] = [("", _("First to expire") if good else _("None in stock"))]
    for batch in good:
        text = _("%(number)s · %(quantity)s · expires %(day)s") % {
            "number": batch.number,
            "quantity": plain(batch.on_hand),
            "day": show_day(batch.expires_on),
        }
        choices.append((str(batch.batch_id), f"{text} · {batch.store}" if several else text))
    return choices


class SubstituteForm(StaffForm):
    """Another medication for what is left of a line."""

    service = forms.ChoiceField(label=_("Hand out instead"))
    consented_by = forms.CharField(label=_("Prescriber who agreed"), max_length=200, required=False)
    reason = forms.CharField(label=_("Why"), max_length=MAXIMUM_REASON)

    def __init__(self, *args: Any, line: PrescribedLine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = list(line.substitutes)  # type: ignore[attr-defined]
        if not line.needs_consent:
            del self.fields["consented_by"]


class ReturnForm(StaffForm):
    """What comes back, of which batch, and whether somebody else may have it."""

    quantity = quantity_field(_("Quantity"))
    batch_id = forms.ChoiceField(label=_("Batch"))
    is_sealed = forms.ChoiceField(
        label=_("Package"),
        choices=[("yes", _("Sealed: back into stock")), ("no", _("Opened: disposed of"))],
        widget=forms.RadioSelect,
        initial="yes",
    )
    reason = forms.CharField(label=_("Why"), max_length=MAXIMUM_REASON)

    def __init__(self, *args: Any, handed_out: HandedOut, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["quantity"].help_text = _("At most %(left)s") % {
            "left": plain(handed_out.quantity - handed_out.returned)
        }
        if len(handed_out.batches) < 2:
            del self.fields["batch_id"]
        else:
            self.fields["batch_id"].choices = [  # type: ignore[attr-defined]
                (str(part.batch_id), f"{part.number} × {plain(part.quantity)}") for part in handed_out.batches
            ]

    @property
    def batch(self) -> UUID | None:
        """The batch that was chosen in a valid form, where there was a choice."""
        chosen = self.cleaned_data.get("batch_id")
        return UUID(chosen) if chosen else None


class ReceiveForm(StaffForm):
    """A delivery of one batch. ``is_scanned``: batch and expiry came from the box, the quantity is asked next."""

    store = forms.ChoiceField(label=_("Store"))
    service = forms.ChoiceField(label=_("Medication"))
    batch_number = forms.CharField(
        label=_("Batch"),
        max_length=MAXIMUM_BATCH_NUMBER,
        help_text=_("Type the number, or scan the code on the box: its expiry is read, too."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    expires_on = forms.DateField(label=_("Expires on"), widget=forms.DateInput(attrs={"type": "date"}))
    quantity = quantity_field(_("Quantity"))
    reference = forms.CharField(
        label=_("Supplier's reference"),
        max_length=100,
        required=False,
        help_text=_("Invoice or delivery note"),
    )

    def __init__(
        self,
        *args: Any,
        stores: list[tuple[str, str]],
        medications: list[tuple[str, str]],
        is_scanned: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.is_scanned = is_scanned
        self.fields["store"].choices = stores  # type: ignore[attr-defined]
        self.fields["service"].choices = [("", _("Choose a medication")), *medications]  # type: ignore[attr-defined]


class AdjustForm(StaffForm):
    """Stock that was found or is missing, or that goes for good."""

    action = forms.ChoiceField(
        label=_("What happened"),
        choices=[
            ("removed", _("Missing: take away")),
            ("added", _("Found: add")),
            ("disposed", _("Expired or broken: dispose of")),
        ],
    )
    quantity = quantity_field(_("Quantity"))
    reason = forms.CharField(label=_("Why"), max_length=MAXIMUM_REASON)

    @property
    def signed(self) -> Decimal:
        """The quantity of a valid form; below zero when it is taken away."""
        quantity: Decimal = self.cleaned_data["quantity"]
        return -quantity if self.cleaned_data["action"] == "removed" else quantity


class ExpiryForm(StaffForm):
    """The expiry that stands on the box."""

    expires_on = forms.DateField(label=_("Expires on"), widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=_("Why"), max_length=MAXIMUM_REASON)


class MinimumForm(StaffForm):
    """At or below this the item is low."""

    minimum = quantity_field(_("Low at or below"), min_value=Decimal(0))


class CountForm(StaffForm):
    """The blind count sheet of an item: what lies there of each batch. It does not say what is expected."""

    began_at = forms.DateTimeField(widget=forms.HiddenInput)
    confirmed = forms.BooleanField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, batches: list[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_ids = [batch_id for batch_id, _ in batches]
        self.fields_of_errors = {  # type: ignore[misc]
            f"counted[{batch_id}]": f"counted_{batch_id}" for batch_id in self.batch_ids
        }
        for batch_id, label in batches:
            self.fields[f"counted_{batch_id}"] = quantity_field(label, min_value=Decimal(0))

    @property
    def rows(self) -> list[forms.BoundField]:
        """The field of each batch."""
        return [self[f"counted_{batch_id}"] for batch_id in self.batch_ids]

    @property
    def counted(self) -> dict[UUID, Decimal]:
        """What was counted, of a valid form, by batch."""
        return {batch_id: self.cleaned_data[f"counted_{batch_id}"] for batch_id in self.batch_ids}

    @property
    def started(self) -> datetime:
        """When the counting began, of a valid form."""
        began_at: datetime = self.cleaned_data["began_at"]
        return began_at
