"""What the pages of the policies read: a fixed number of statements, however many blocks there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.catalog.models import Service, TariffLine
from almoner.enforcement.facts import policies_at
from almoner.enforcement.models import PaymentPolicy
from almoner.enforcement.policy import SCOPES, Policies, Settings
from almoner.hospitals.models import ConfigurationVersion, Department, Hospital
from almoner.kernel.errors import NotFound
from almoner.kernel.service_points import installed
from almoner.patients.models import Patient

HISTORY = 50


@dataclass(frozen=True, slots=True)
class Names:
    """What departments, services and modules are called, by scope and code."""

    titles: Mapping[tuple[str, str], str]

    def of(self, scope: str, subject: str) -> str:
        """The name of a block's subject; its code when it has none (any more)."""
        return self.titles.get((scope, subject), subject)


@dataclass(frozen=True, slots=True)
class Block:
    """A block with what it resolves to. ``asked`` is what ``Policies.resolve`` is asked about for it."""

    scope: str
    subject: str
    title: str
    raw: Mapping[str, Any]
    said: Settings
    policies: Policies
    wider: Policies
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def effective(self) -> Settings:
        return self.policies.resolve(**self.asked)

    @property
    def inherited(self) -> Settings:
        """What would hold if this block said nothing."""
        return self.wider.resolve(**self.asked)


def read_names(services: Iterable[str] = ()) -> Names:
    """Names of all modules and departments, and of the named services; two statements."""
    titles = {("module", point.label): str(point.title) for point in installed()}
    titles |= {("department", code): name for code, name in Department.objects.values_list("code", "name")}
    found = Service.objects.filter(code__in=set(services)).values_list("code", "name")
    return Names(titles | {("service", code): name for code, name in found})


def modules_with_steps() -> list[tuple[str, str]]:
    """Label and title of every service point that has steps."""
    return [(point.label, str(point.title)) for point in installed() if point.steps]


def departments() -> list[tuple[str, str]]:
    """Code and name of every active department, by name."""
    return list(Department.objects.filter(is_active=True).order_by("name").values_list("code", "name"))


def categories(policies: Policies) -> list[str]:
    """Categories of patients that prices or settings name."""
    priced = TariffLine.objects.exclude(patient_category="").values_list("patient_category", flat=True)
    return sorted({*priced.distinct(), *policies.categories})


def read_block(hospital: Hospital, scope: str, subject: str) -> Block:
    """The block of ``scope`` and ``subject``, empty when nothing is said yet. Raises ``NotFound``."""
    policies = policies_at(hospital.id, hospital.configuration_version)
    row = PaymentPolicy.objects.filter(scope=scope, subject=subject).first()
    title, asked = _subject(scope, subject)
    raw = _flat(row.settings) if row else {}
    if scope == "hospital":
        raw["billing_cycle"] = hospital.billing_cycle
    return Block(
        scope=scope,
        subject=subject,
        title=title or hospital.name,
        raw=raw,
        said=policies.block(scope, subject),
        policies=policies,
        wider=policies.without(scope, subject),
        asked=asked,
    )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return flat


def _subject(scope: str, subject: str) -> tuple[str, dict[str, str]]:
    """What the block's subject is called, and what ``Policies.resolve`` is asked about."""
    if scope not in SCOPES or (scope == "hospital") != (subject == ""):
        raise NotFound(_("There are no such settings."), field="scope", code="unknown_scope")
    if scope == "module":
        titles = dict(modules_with_steps())
        if subject in titles:
            return titles[subject], {"module": subject}
    elif scope == "department":
        department = Department.objects.filter(code=subject, is_active=True).first()
        if department is not None:
            return department.name, {"department": subject}
    elif scope == "service":
        service = Service.objects.filter(code=subject, is_active=True).select_related("department").first()
        if service is not None:
            place = service.department.code if service.department else ""
            return service.name, {"service": subject, "department": place}
    elif scope == "patient_category":
        return subject, {"category": subject}
    else:
        return "", {}
    raise NotFound(
        _("There is no such %(scope)s at this hospital.") % {"scope": scope},
        field="subject",
        code=f"unknown_{scope}",
    )


def find_services(words: str) -> list[tuple[str, str]]:
    """Code and name of services that have all the words in their name or code, the first twenty."""
    found = Service.objects.filter(is_active=True)
    for word in words.split():
        found = found.filter(name__icontains=word) | found.filter(code__icontains=word)
    return list(found.order_by("name").values_list("code", "name")[:20])


def read_history(scope: str = "", subject: str = "") -> list[ConfigurationVersion]:
    """The last versions that changed policies, of one block when it is named."""
    versions = ConfigurationVersion.objects.exclude(policies=[]).defer("document")
    if scope:
        versions = versions.filter(policies__contains=[{"scope": scope, "subject": subject}])
    return list(versions.order_by("-number")[:HISTORY])


def names_of_patients(ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Name and MRN by id."""
    rows = Patient.objects.filter(id__in=set(ids)).values_list("id", "name", "mrn")
    return {patient_id: (name, mrn) for patient_id, name, mrn in rows}
