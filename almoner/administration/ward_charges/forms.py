"""The form in which a charge is built (section 2.2), and the small ones around it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.administration.ward_charges.tiers import TIERS_SENT, TiersField
from almoner.administration.ward_charges.words import (
    BASES,
    DAY_RULES,
    KINDS,
    LIMITS,
    ONLY_FOR,
    REQUIREMENTS,
    STAGES,
    TIME,
    TYPES,
    Type,
)
from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.models import ChargeDefinition
from almoner.charging.terms import PER_CHARGE, PER_STAY
from almoner.interop.hospital_file.problems import HospitalFileInvalid, Problem
from almoner.kernel.errors import DomainError
from almoner.pages.forms import AmountField, StaffForm

KEPT = ("code", "name", "service", "billing_type", "day_rule")
"""What every version of a charge shares."""

Choices = list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Known:
    """What the hospital has to choose from: (code, title). ``services`` are suggested only."""

    currency: str
    templates: Choices
    ward_types: Choices
    departments: Choices
    patient_categories: Choices
    event_kinds: list[tuple[str, Choices]]
    steps: Choices
    definitions: Choices
    services: Choices


def _several(choices: Iterable[Any], **options: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=list(choices), widget=forms.CheckboxSelectMultiple, required=False, **options
    )


def _day(**options: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


class ChargeForm(StaffForm):
    """A charge as it is built. ``charge``: the version that a change starts from; None: a new charge.

    Only the fields of the chosen type are shown; what was typed into the others goes along, hidden, and says nothing.
    """

    fields_of_errors: ClassVar[Mapping[str, str]] = {
        "rate_minor": "rate",
        "minimum_minor": "minimum",
        "cap_minor": "cap",
        "rounding_minor": "rounding",
        "base": "base_definitions",
        "service_name": "name",
    }

    billing_type = forms.ChoiceField(
        label=_("Type"),
        choices=[(code, title) for code, (title, _what) in TYPES.items()],
        widget=forms.RadioSelect,
        initial=Type.DAILY.value,
    )
    name = forms.CharField(label=_("Name"), max_length=200, help_text=_("As it stands on the bill"))
    code = forms.SlugField(label=_("Code"), max_length=80, help_text=_("Letters, digits, _ and -; it stays"))
    service = forms.CharField(
        label=_("Service"),
        max_length=80,
        required=False,
        help_text=_("The code of an existing service; empty: a service of its own"),
    )
    percent = forms.DecimalField(label=_("Percent"), max_digits=7, decimal_places=4, required=False)
    base_of = forms.ChoiceField(label=_("Of what"), choices=list(BASES.items()), required=False)
    base_stage = forms.ChoiceField(label=_("Reckoned"), choices=list(STAGES.items()), required=False)
    base_kinds = _several(
        KINDS.items(), label=_("Of these kinds of services"), help_text=_("None chosen: of all charges")
    )
    base_services = forms.CharField(
        label=_("Of these services"),
        max_length=1000,
        required=False,
        help_text=_("Codes with commas between them"),
    )
    day_rule = forms.ChoiceField(
        label=_("What counts as a day"), choices=list(DAY_RULES.items()), required=False
    )
    free_minutes = forms.IntegerField(
        label=_("Minutes that are free"), min_value=1, max_value=1439, required=False
    )
    free_units = forms.IntegerField(
        label=_("Free units"),
        min_value=0,
        max_value=10_000,
        required=False,
        help_text=_("The first ones of the stay cost nothing"),
    )
    cap_per = forms.ChoiceField(label=_("The most is meant"), choices=list(LIMITS.items()), required=False)
    condition = forms.CharField(
        label=_("Condition"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "form-control"}),
    )
    payment_requirement = forms.ChoiceField(
        label=_("Payment"), choices=list(REQUIREMENTS.items()), required=False
    )
    starts_on = _day(label=_("From"), help_text=_("The first day that it charges"))
    ends_on = _day(label=_("Until"), required=False, help_text=_("Empty: until further notice"))
    is_active = forms.BooleanField(
        label=_("In use"),
        required=False,
        initial=True,
        help_text=_("Not in use: it stands, and charges nothing"),
    )
    of = forms.CharField(widget=forms.HiddenInput, max_length=80, required=False)
    based_on = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=32_000, required=False)

    def __init__(
        self, *args: Any, known: Known, charge: ChargeDefinition | None = None, name: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.charge = charge
        self.known = known
        self._add_choices(known)
        if charge is not None:
            self.fields["based_on"].initial = charge.version
            self.fields["of"].initial = charge.code
            for kept in KEPT:
                self.fields[kept].disabled = True
            self.initial = {
                **self.initial,
                "code": charge.code,
                "name": name,
                "service": charge.service if charge.service != charge.code else "",
                "billing_type": charge.billing_type,
                "day_rule": charge.day_rule,
            }

    def _add_choices(self, known: Known) -> None:
        currency = known.currency
        self.fields.update(
            {
                "template": forms.ChoiceField(
                    label=_("Template"),
                    choices=[("", _("None")), *known.templates],
                    required=False,
                    help_text=_("Its wards hold where none are chosen here"),
                ),
                "rate": AmountField(
                    label=_("Rate"),
                    currency=currency,
                    minimum_minor=0,
                    required=False,
                    help_text=_("Empty: the tariffs of its service"),
                ),
                "minimum": AmountField(
                    label=_("At least"), currency=currency, minimum_minor=0, required=False
                ),
                "cap": AmountField(label=_("At most"), currency=currency, minimum_minor=0, required=False),
                "rounding": AmountField(
                    label=_("Rounded to"),
                    currency=currency,
                    required=False,
                    help_text=_("Such as 0.05 or 1; empty: as it comes"),
                ),
                "tiers": TiersField(
                    label=_("Tiers"),
                    currency=currency,
                    help_text=_("Instead of one rate. Without a gap; the last one has no last unit"),
                ),
                "ward_types": _several(
                    known.ward_types, label=_("Kinds of wards"), help_text=_("None chosen: everywhere")
                ),
                "departments": _several(
                    known.departments, label=_("Departments"), help_text=_("None chosen: all")
                ),
                "patient_categories": _several(
                    known.patient_categories,
                    label=_("Patient categories"),
                    help_text=_("None chosen: everybody"),
                ),
                "event_kinds": _several(
                    known.event_kinds,
                    label=_("Triggered by"),
                    help_text=_("What happens in these modules makes the charge"),
                ),
                "required_at": _several(
                    known.steps,
                    label=_("Asked for before"),
                    help_text=_("These steps wait for its payment, as the policies say"),
                ),
                "base_definitions": _several(known.definitions, label=_("Of these charges")),
            }
        )

    @classmethod
    def as_typed(cls, data: QueryDict, **kwargs: Any) -> ChargeForm:
        """What was typed, not yet judged: to be shown again for another type, or as a draft."""
        form = cls(**kwargs)
        for name, field in form.fields.items():
            if not field.disabled and name != "idempotency_key":
                form.initial[name] = field.widget.value_from_datadict(data, {}, name)
        return form

    @property
    def chosen_type(self) -> str:
        """The billing type that the form is shown for."""
        value = self["billing_type"].value()
        return str(value) if value in TYPES else Type.DAILY.value

    def says(self, name: str) -> bool:
        """Whether a field means something for the chosen type."""
        if name == "free_minutes":
            return self.says("day_rule") and self["day_rule"].value() == "free_until"
        if name == "base_stage":
            return self.says("base_of") and self["base_of"].value() != "outstanding"
        return self.chosen_type in ONLY_FOR.get(name, TYPES)

    def clean(self) -> dict[str, Any]:
        """What another type would say is not judged."""
        for name in list(self.errors):
            if name in self.fields and not self.says(name):
                del self.errors[name]
        return self.cleaned_data

    def judge_only(self, *names: str) -> None:
        """Let what is wrong elsewhere be: a draft need not be right yet."""
        for name in list(self.errors):
            if name not in names:
                del self.errors[name]

    def names_sent(self) -> list[str]:
        """What a browser sends of it, without the key."""
        return [*(name for name in self.fields if name != "idempotency_key"), *TIERS_SENT]

    def refuse(self, error: DomainError) -> None:
        """A refusal of one tier (``tiers[2].rate_minor``) stands at the tiers."""
        name = error.field.split("[")[0]
        name = self.fields_of_errors.get(name, name)
        self.add_error(name if name in self.fields and self.says(name) else None, error.message)

    def _said(self, name: str) -> Any:
        return self.cleaned_data.get(name) if self.says(name) else None

    def terms(self) -> DefinitionTerms:
        """What a valid form says."""
        code = self.cleaned_data["code"]
        service = self.charge.service if self.charge else self.cleaned_data["service"] or code
        return DefinitionTerms(
            code=code,
            service=service,
            service_name=self.cleaned_data["name"] if service == code else "",
            billing_type=self.chosen_type,
            template=self.cleaned_data["template"],
            starts_on=self.cleaned_data["starts_on"],
            ends_on=self.cleaned_data["ends_on"],
            is_active=self.cleaned_data["is_active"],
            rate_minor=self._said("rate"),
            percent=self._said("percent"),
            base=self._base(),
            free_units=Decimal(self._said("free_units") or 0),
            tiers=self._said("tiers") or (),
            minimum_minor=self.cleaned_data["minimum"] or 0,
            cap_minor=self.cleaned_data["cap"],
            cap_per=self._cap_per(),
            rounding_minor=self.cleaned_data["rounding"] or 1,
            day_rule=self._said("day_rule") or "full",
            free_minutes=self._said("free_minutes") or 0,
            ward_types=tuple(self.cleaned_data["ward_types"]),
            departments=tuple(self.cleaned_data["departments"]),
            patient_categories=tuple(self.cleaned_data["patient_categories"]),
            event_kinds=tuple(self._said("event_kinds") or ()),
            condition=self.cleaned_data["condition"].strip(),
            payment_requirement=self.cleaned_data["payment_requirement"],
            required_at=tuple(self._said("required_at") or ()),
        )

    def _cap_per(self) -> str:
        if self.cleaned_data["cap"] is None:
            return ""
        if self.chosen_type in TIME:
            return str(self.cleaned_data["cap_per"] or PER_STAY)
        return PER_STAY if self.chosen_type == Type.PERCENTAGE else PER_CHARGE

    def _base(self) -> dict[str, Any]:
        """The base as files write it: what says nothing is left out."""
        if not self.says("base_of"):
            return {}
        services = [code.strip() for code in (self._said("base_services") or "").split(",")]
        base = {
            "of": self._said("base_of"),
            "stage": self._said("base_stage"),
            "service_kinds": self._said("base_kinds"),
            "services": [code for code in services if code],
            "definitions": self._said("base_definitions"),
        }
        return {key: value for key, value in base.items() if value}


def initial_of(charge: ChargeDefinition, *, starts_on: date) -> dict[str, Any]:
    """A version as the form shows it, to be changed from ``starts_on`` on."""
    base = charge.base
    return {
        "billing_type": charge.billing_type,
        "template": charge.template,
        "rate": charge.rate_minor,
        "percent": None if charge.percent is None else f"{charge.percent.normalize():f}",
        "base_of": base.get("of", "charges"),
        "base_stage": base.get("stage", "net"),
        "base_kinds": list(base.get("service_kinds", ())),
        "base_services": ", ".join(base.get("services", ())),
        "base_definitions": list(base.get("definitions", ())),
        "free_units": int(charge.free_units) or None,
        "tiers": charge.tiers,
        "minimum": charge.minimum_minor or None,
        "cap": charge.cap_minor,
        "cap_per": charge.cap_per or None,
        "rounding": charge.rounding_minor if charge.rounding_minor != 1 else None,
        "day_rule": charge.day_rule,
        "free_minutes": charge.free_minutes or None,
        "ward_types": charge.ward_types,
        "departments": charge.departments,
        "patient_categories": charge.patient_categories,
        "event_kinds": charge.event_kinds,
        "condition": charge.condition,
        "payment_requirement": charge.payment_requirement,
        "required_at": charge.required_at,
        "starts_on": starts_on,
        "is_active": charge.is_active,
    }


class PreviewForm(forms.Form):
    """On which stay a charge is tried."""

    stay = forms.ChoiceField(label=_("Tried on the stay of"), required=False)

    def __init__(self, *args: Any, stays: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stay"].choices = stays  # type: ignore[attr-defined]


class EndForm(StaffForm):
    """The last day of a charge."""

    ends_on = _day(label=_("Last day that it charges"))


class TemplateForm(StaffForm):
    """A named set of charges: a new one takes copies of charges in force (section 7.3)."""

    name = forms.CharField(label=_("Name"), max_length=200)
    code = forms.SlugField(label=_("Code"), max_length=80, help_text=_("Letters, digits, _ and -; it stays"))
    ward_types = _several((), label=_("Kinds of wards"), help_text=_("Where its charges hold that name none"))
    members = _several((), label=_("Charges"), help_text=_("They join the template from the day below on"))
    starts_on = _day(label=_("From"))

    def __init__(self, *args: Any, known: Known, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ward_types"].choices = known.ward_types  # type: ignore[attr-defined]
        self.fields["members"].choices = known.definitions  # type: ignore[attr-defined]


class ApplyForm(StaffForm):
    """To which wards the charges of a template are put, and from when."""

    ward_types = _several((), label=_("Kinds of wards"))
    starts_on = _day(label=_("From"))

    def __init__(self, *args: Any, known: Known, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ward_types"].choices = known.ward_types  # type: ignore[attr-defined]


class FileForm(StaffForm):
    """The charges of a file, as YAML. ``agreed``: of which text the changes to which version were shown."""

    text = forms.CharField(
        label=_("Charges as YAML"),
        max_length=200_000,
        help_text=_("The sections ward_billing_templates and charge_definitions of a hospital's file"),
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "form-control"}),
    )
    agreed = forms.CharField(widget=forms.HiddenInput, max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.problems: list[Problem] = []

    def agreeing_to(self, version: int) -> dict[str, Any]:
        """What the form says once its changes to ``version`` were shown."""
        text = self.cleaned_data["text"]
        return {"text": text, "agreed": f"{version}:{_digest(text)}"}

    def agreed_version(self) -> int | None:
        """The version that the shown changes are to; None when the text was changed since, or never shown."""
        version, _colon, digest = self.cleaned_data["agreed"].partition(":")
        was_shown = digest == _digest(self.cleaned_data["text"]) and version.isascii() and version.isdigit()
        return int(version) if was_shown else None

    def refuse(self, error: DomainError) -> None:
        """Everything that is wrong with the file stands below it, with its line."""
        if not isinstance(error, HospitalFileInvalid):
            super().refuse(error)
            return
        self.problems = error.problems
        self.add_error("text", gettext("Nothing was changed: below stands what is wrong."))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
