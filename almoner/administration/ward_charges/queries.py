"""What the pages of the ward charges read: a fixed number of statements, however many charges there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from almoner.administration.ward_charges.forms import Choices, Known
from almoner.administration.ward_charges.words import CATEGORIES
from almoner.catalog.models import Service
from almoner.charging.models import ChargeDefinition, ChargeDraft, ChargeItem, WardBillingTemplate
from almoner.charging.queries import patient_categories
from almoner.hospitals.models import Hospital
from almoner.identity.models import AuditRecord
from almoner.kernel.errors import NotFound
from almoner.kernel.service_points import installed
from almoner.kernel.tenancy import require_transaction

STAYS = 30
SERVICES = 300


@dataclass(frozen=True, slots=True)
class Versions:
    """A charge with the versions that nothing took the place of, by date, and what its service is called."""

    code: str
    name: str
    rows: list[ChargeDefinition]

    def on(self, day: date) -> ChargeDefinition:
        """The version in force on ``day``; else the next one, else the last one."""
        ahead = [row for row in self.rows if row.ends_on is None or row.ends_on >= day]
        return ahead[0] if ahead else self.rows[-1]


@dataclass(frozen=True, slots=True)
class Overview:
    charges: list[Versions]
    drafts: list[ChargeDraft]
    templates: list[WardBillingTemplate]


def read_overview() -> Overview:
    """Every charge, draft and template; four statements."""
    rows = list(ChargeDefinition.objects.filter(superseded=False).order_by("code", "starts_on"))
    names = names_of_services(row.service for row in rows)
    by_code: dict[str, list[ChargeDefinition]] = {}
    for row in rows:
        by_code.setdefault(row.code, []).append(row)
    return Overview(
        charges=[
            Versions(code, names.get(versions[-1].service, code), versions)
            for code, versions in by_code.items()
        ],
        drafts=list(ChargeDraft.objects.order_by("-saved_at")),
        templates=list(WardBillingTemplate.objects.order_by("name")),
    )


def names_of_services(codes: Iterable[str]) -> dict[str, str]:
    """Names of services by code."""
    return dict(Service.objects.filter(code__in=set(codes)).values_list("code", "name"))


def read_versions(code: str) -> Versions:
    """All that was ever saved of a charge, also what was replaced before its day was over. Raises ``NotFound``."""
    rows = list(ChargeDefinition.objects.filter(code=code).order_by("version"))
    if not rows:
        raise NotFound("There is no such charge.", field="code", code="unknown_charge")
    return Versions(code, names_of_services([rows[-1].service]).get(rows[-1].service, code), rows)


def read_draft(code: str) -> ChargeDraft:
    """The draft of a charge. Raises ``NotFound``."""
    draft = ChargeDraft.objects.filter(code=code).first()
    if draft is None:
        raise NotFound("There is no such draft.", field="code", code="unknown_draft")
    return draft


def read_template(code: str) -> WardBillingTemplate:
    """A ward billing template. Raises ``NotFound``."""
    template = WardBillingTemplate.objects.filter(code=code).first()
    if template is None:
        raise NotFound("There is no such template.", field="code", code="unknown_template")
    return template


def read_endings(rows: Iterable[ChargeDefinition]) -> list[AuditRecord]:
    """Who ended a charge and when, the latest first."""
    ended = AuditRecord.objects.filter(
        subject_id__in=[row.id for row in rows], action="charge_definition.ended"
    )
    return list(ended.order_by("-at"))


_KNOWN = """
SELECT 'template', code, name, '{}'::text[] FROM charging_wardbillingtemplate WHERE hospital_id = %(hospital)s
UNION ALL
SELECT 'ward_type', ward_type, string_agg(name, ', ' ORDER BY name), '{}' FROM hospitals_ward
WHERE hospital_id = %(hospital)s AND is_active GROUP BY ward_type
UNION ALL
SELECT 'department', code, name, '{}' FROM hospitals_department WHERE hospital_id = %(hospital)s AND is_active
UNION ALL
SELECT 'definition', one.code, coalesce(service.name, one.code), one.categories::text[]
FROM (SELECT DISTINCT ON (code) code, service, patient_categories AS categories FROM charging_chargedefinition
      WHERE hospital_id = %(hospital)s AND NOT superseded ORDER BY code, version DESC) AS one
LEFT JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.code = one.service
UNION ALL
(SELECT 'service', code, name, '{}' FROM catalog_service
 WHERE hospital_id = %(hospital)s AND is_active ORDER BY kind = 'ward' DESC, name LIMIT %(services)s)
"""


def read_known(hospital: Hospital) -> Known:
    """What the form has to choose from; one statement."""
    found: dict[str, Choices] = {}
    categories = {*CATEGORIES, *patient_categories(hospital)}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"hospital": require_transaction(), "services": SERVICES})
        for sort, code, name, named in cursor.fetchall():
            found.setdefault(sort, []).append((code, name))
            categories.update(named)
    for choices in found.values():
        choices.sort(key=lambda choice: choice[1].casefold())
    return Known(
        currency=hospital.currency,
        templates=found.get("template", []),
        ward_types=[(kind, f"{kind} ({wards})") for kind, wards in found.get("ward_type", [])],
        departments=found.get("department", []),
        patient_categories=[(code, code.replace("_", " ").capitalize()) for code in sorted(categories)],
        event_kinds=[
            (str(point.title), [(kind.name, str(kind.title)) for kind in point.event_kinds])
            for point in installed()
            if point.event_kinds
        ],
        steps=[(step.name, str(step.title)) for point in installed() for step in point.steps],
        definitions=found.get("definition", []),
        services=found.get("service", []),
    )


@dataclass(frozen=True, slots=True)
class PastStay:
    """A stay that a charge can be tried on, and where the patient lay, first to last."""

    admission_id: UUID
    encounter_id: UUID
    patient: str
    ward_types: list[str]
    began_at: datetime
    ended_at: datetime | None


_STAYS = """
SELECT admission.id, admission.encounter_id, patient.name,
       array_agg(ward.ward_type ORDER BY stay.started_at), min(stay.started_at),
       CASE WHEN bool_and(stay.ended_at IS NOT NULL) THEN max(stay.ended_at) END
FROM (SELECT admission_id, max(started_at) AS last_at FROM ward_bedstay
      WHERE hospital_id = %(hospital)s GROUP BY admission_id ORDER BY last_at DESC LIMIT %(limit)s) AS recent
JOIN orders_admission AS admission ON admission.hospital_id = %(hospital)s AND admission.id = recent.admission_id
JOIN ward_bedstay AS stay ON stay.hospital_id = %(hospital)s AND stay.admission_id = admission.id
JOIN hospitals_bed AS bed ON bed.hospital_id = %(hospital)s AND bed.id = stay.bed_id
JOIN hospitals_ward AS ward ON ward.hospital_id = %(hospital)s AND ward.id = bed.ward_id
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = admission.patient_id
GROUP BY admission.id, admission.encounter_id, patient.name
ORDER BY min(stay.started_at) DESC, admission.id
"""


def read_stays_to_try() -> list[PastStay]:
    """The stays that had a bed last, the latest first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_STAYS, {"hospital": require_transaction(), "limit": STAYS})
        return [PastStay(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Charged:
    """What a visit was charged, in minor units: by the charge that is looked at, and altogether."""

    by_charge_minor: int
    lines: int
    total_minor: int


def read_charged(encounter_id: UUID, code: str) -> Charged:
    """What stands on the bill of a visit now; one statement."""
    rows: list[Any] = list(
        ChargeItem.objects.filter(encounter=encounter_id, status=ChargeItem.Status.BILLABLE).values_list(
            "rule_code", "net_minor"
        )
    )
    own = [net for rule_code, net in rows if rule_code == code]
    return Charged(sum(own), len(own), sum(net for _, net in rows))
