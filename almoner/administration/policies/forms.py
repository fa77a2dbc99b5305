"""The form of one block of settings, and the one that puts a previewed change in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core import signing
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.administration.policies.lines import (
    AMOUNT,
    CHOICE,
    CODES,
    NUMBER,
    PERCENT,
    REQUEST_TITLES,
    REQUESTS,
    Line,
    lines_of,
)
from almoner.enforcement.preview import MAXIMUM_DAYS
from almoner.interop.hospital_file.policies import Policy
from almoner.kernel.errors import DomainError
from almoner.pages.forms import AmountField, StaffForm

_SALT = "almoner.administration.policies"
_SECONDS = 24 * 60 * 60
BEFORE_CONSULTATION = "payment_required_before_consultation"


def _field(line: Line, scope: str, inherited: Any, currency: str) -> forms.Field:
    left = _("Left empty: %(value)s") % {"value": inherited}
    if line.kind == CHOICE:
        nothing = _("Not said here: %(value)s") % {"value": inherited}
        return forms.ChoiceField(
            choices=[("", nothing), *line.choices(scope)],
            label=line.title,
            help_text=line.help,
            required=False,
        )
    if line.kind == NUMBER:
        low, high = line.bounds
        label = f"{line.title} ({line.unit})" if line.unit else line.title
        return forms.IntegerField(min_value=low, max_value=high, label=label, help_text=left, required=False)
    if line.kind == PERCENT:
        return forms.DecimalField(
            min_value=0,
            max_value=100,
            decimal_places=4,
            label=f"{line.title} ({line.unit})",
            help_text=left,
            required=False,
        )
    if line.kind == AMOUNT:
        return AmountField(
            currency=currency, minimum_minor=0, label=line.title, help_text=left, required=False
        )
    if line.kind == REQUESTS:
        return forms.MultipleChoiceField(
            choices=list(REQUEST_TITLES.items()),
            widget=forms.CheckboxSelectMultiple,
            label=line.title,
            help_text=left,
            required=False,
        )
    return forms.CharField(max_length=400, label=line.title, help_text=f"{line.help}. {left}", required=False)


class PolicyForm(StaffForm):
    """What one block says. ``said``: form values by setting; ``inherited``: what holds where it says nothing."""

    days = forms.IntegerField(
        min_value=1, max_value=MAXIMUM_DAYS, initial=30, label=_("Try it on the last days")
    )
    based_on = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        scope: str,
        subject: str,
        said: Mapping[str, Any],
        inherited: Mapping[str, Any],
        version: int,
        currency: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.subject = subject
        self.said = said
        self.lines = lines_of(scope)
        self.fields["based_on"].initial = version
        for line in self.lines:
            bound = _field(line, scope, inherited[line.setting], currency)
            value = said[line.setting]
            bound.initial = ", ".join(value) if line.kind == CODES else value
            self.fields[line.setting] = bound

    def refuse(self, error: DomainError) -> None:
        """A refusal names the file's key; show it at the setting's field."""
        setting = next((line.setting for line in self.lines if line.keys[self.scope] == error.field), "")
        self.add_error(setting or None, error.message)

    def value_of(self, line: Line) -> Any:
        """The value typed for ``line``, as ``said`` has it."""
        value = self.cleaned_data.get(line.setting)
        if line.kind == CODES:
            return [code.strip().lower() for code in (value or "").split(",") if code.strip()]
        return "" if value is None else value

    def changed(self) -> list[Line]:
        """The settings that were changed."""
        return [line for line in self.lines if self.value_of(line) != self.said[line.setting]]

    def policy(self) -> Policy:
        """The change of a valid form, in the file's words. Raises ``DomainError`` when nothing was changed."""
        settings: dict[str, Any] = {}
        for line in self.changed():
            value = self.value_of(line)
            empty = value == "" or value == []
            settings[line.keys[self.scope]] = None if empty else line.word(self.scope, value)
            if line.setting == "level" and self.scope == "department":
                settings[BEFORE_CONSULTATION] = None
        if not settings:
            raise DomainError(gettext("Nothing was changed."), code="nothing_changed")
        return Policy(self.scope, self.subject, settings)


class PutInForceForm(StaffForm):
    """A change as it was previewed, signed: exactly that is put in force."""

    change = forms.CharField(widget=forms.HiddenInput)

    @staticmethod
    def signed(policy: Policy, based_on: int) -> str:
        """``policy`` and the version it is a change of, to be sent back."""
        change = [policy.scope, policy.subject, dict(policy.settings), based_on]
        return signing.dumps(change, salt=_SALT, compress=True)

    def clean_change(self) -> tuple[Policy, int]:
        try:
            scope, subject, settings, based_on = signing.loads(
                self.cleaned_data["change"], salt=_SALT, max_age=_SECONDS
            )
        except signing.BadSignature as error:
            raise forms.ValidationError(_("This preview is too old. Preview the change again.")) from error
        return Policy(scope, subject, settings), based_on
