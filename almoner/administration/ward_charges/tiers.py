"""The tiers of a charge as rows of a form: from which unit to which, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from almoner.charging.definition_terms import MAXIMUM_TIERS
from almoner.kernel.money import InvalidAmount, Money, parse_minor

Row = tuple[str, str, str]
_PARTS = ("first", "last", "rate")
_BLANK = 2
TIERS_SENT = tuple(f"tiers_{part}" for part in _PARTS)
"""What a browser sends of the field ``tiers``."""


class TiersWidget(forms.Widget):
    """Three inputs a row; two empty rows stand below those that are filled."""

    template_name = "ward_charges/tiers_widget.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        columns = [data.getlist(f"{name}_{part}") if hasattr(data, "getlist") else [] for part in _PARTS]
        rows = list(zip(*columns, strict=False))[: MAXIMUM_TIERS + 1]
        return [row for row in rows if any(cell.strip() for cell in row)]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}_first" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        filled: Sequence[Row] = value or []
        blank = min(_BLANK, max(0, MAXIMUM_TIERS - len(filled)))
        context["widget"]["rows"] = [*filled, *[("", "", "")] * blank]
        return context

    def id_for_label(self, id_: str) -> str:
        return ""


class TiersField(forms.Field):
    """Rows of a first unit, a last one (empty: and all above) and a rate; gives (first, last, minor units)."""

    widget = TiersWidget

    def __init__(self, *, currency: str, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.currency = currency

    def prepare_value(self, value: Any) -> list[Row]:
        return [self._typed(row) for row in value or []]

    def _typed(self, row: Sequence[Any]) -> Row:
        first, last, rate = row
        shown = Money(rate, self.currency).plain() if isinstance(rate, int) else str(rate)
        return str(first), "" if last is None else str(last), shown

    def clean(self, value: Any) -> tuple[tuple[int, int | None, int], ...]:
        return tuple(self._tier(place, row) for place, row in enumerate(value or [], 1))

    def _tier(self, place: int, row: Row) -> tuple[int, int | None, int]:
        first, last, rate = (cell.strip() for cell in row)
        try:
            amount = parse_minor(rate, self.currency)
        except InvalidAmount as error:
            raise forms.ValidationError(
                _("Row %(row)d, rate: %(problem)s") % {"row": place, "problem": error.message}
            ) from error
        return self._unit(place, first), self._unit(place, last) if last else None, amount

    def _unit(self, place: int, text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:10]) <= 1_000_000:
            raise forms.ValidationError(
                _("Row %(row)d: expected the number of a unit, from 1.") % {"row": place}
            )
        return int(text)
