"""Forms of the pages: what was typed is kept, every problem stands at its field, nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django import forms
from django.forms.utils import flatatt
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from almoner.kernel.errors import DomainError, IdempotencyMismatch, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.kernel.money import InvalidAmount, Money
from almoner.pages.amounts import read_amount, write_amount

Result = TypeVar("Result")


class QuickSelect(forms.Select):
    """A select drawn in one go, for long flat lists: Django runs two templates for every option."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        options = (
            (code, mark_safe(" selected") if str(code) in chosen else "", title)
            for code, title in self.choices
        )
        return format_html(
            '<select name="{}"{}>{}</select>',
            name,
            flatatt(self.build_attrs(self.attrs, attrs)),
            format_html_join("", '<option value="{}"{}>{}</option>', options),
        )


class AmountField(forms.CharField):
    """Money as people at the hospital write it (``75``, ``$75.00``); gives minor units of ``currency``."""

    def __init__(self, *, currency: str = "USD", minimum_minor: int = 1, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)
        self.currency = currency
        self.minimum_minor = minimum_minor
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        return write_amount(value, self.currency) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            minor = read_amount(text, self.currency)
        except InvalidAmount as error:
            raise forms.ValidationError(error.message) from error
        if minor < self.minimum_minor:
            raise forms.ValidationError(
                _("Enter at least %(least)s.") % {"least": Money(self.minimum_minor, self.currency)}
            )
        return minor


def sent(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: what was sent, though it be nothing at all; None when it is only opened."""
    return request.POST if request.method == "POST" else None


class _KeyField(forms.CharField):
    """The hidden key. A form that came without one is shown with a new one, so that it can be sent again."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data or initial


class StaffForm(forms.Form):
    """A form that carries the key of what it will do, made with the form: sent twice, it is done once.

    ``fields_of_errors`` says at which field a refusal stands when the operation calls the input otherwise.
    """

    fields_of_errors: ClassVar[Mapping[str, str]] = {}
    idempotency_key = _KeyField(
        widget=forms.HiddenInput,
        max_length=100,
        min_length=8,
        error_messages={"required": _("The form came incomplete. Look through it and send it again.")},
    )
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["idempotency_key"].initial = lambda: f"page:{new_id()}"

    @property
    def key(self) -> str:
        """The key that came with a valid form."""
        return str(self.cleaned_data["idempotency_key"])

    def refuse(self, error: DomainError) -> None:
        """Show ``error`` at its field, or above the form when it has none here."""
        if isinstance(error, IdempotencyMismatch):
            self.add_error(
                None, _("This form was sent before with other content, and that was done. Open it anew.")
            )
            return
        name = self.fields_of_errors.get(error.field, error.field)
        shown = name in self.fields and not self.fields[name].widget.is_hidden
        self.add_error(name if shown else None, error.message)

    def attempt(self, operation: Callable[[], Result]) -> Result | None:
        """What ``operation`` returns; None when the form is wrong or it is refused, which the form then shows.

        A missing permission is not the form's business and goes through.
        """
        if not self.is_valid():
            return None
        try:
            return operation()
        except PermissionRefused:
            raise
        except DomainError as error:
            self.refuse(error)
            return None
