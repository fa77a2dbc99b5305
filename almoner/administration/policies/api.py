"""/policies: what each block says, what is in force and who says so, a change tried on the past, and put in force."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.administration.policies.trying import try_policy
from almoner.enforcement.facts import policies_at
from almoner.enforcement.models import PaymentPolicy
from almoner.enforcement.policy import PERMISSION_SET_POLICY, Settings
from almoner.enforcement.preview import MAXIMUM_DAYS, Difference
from almoner.hospitals.callers import ApiRequest, needs
from almoner.hospitals.models import Hospital
from almoner.interop.hospital_file.operations import change_policy
from almoner.interop.hospital_file.policies import Policy
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Code, Input, Resource, Text, answer

router = Router(tags=["Policies"])

Scope = Literal["hospital", "module", "department", "service", "patient_category"]
Value = bool | int | Text | Annotated[list[Text], Field(max_length=40)] | None
OptionalCode = Annotated[str, Query("", pattern=r"^[A-Za-z0-9_.-]{0,80}$")]


class PolicyBlock(Resource):
    """What a block says itself, in the words of the hospital file; amounts end in ``_minor``."""

    scope: str
    subject: str
    settings: dict[str, Any]


class PolicyBlocks(Resource):
    """Every block that says something. ``version``: the configuration that they are of."""

    version: int
    items: list[PolicyBlock]


class SettingInForce(Resource):
    """``source``: the block that says it: ``default``, ``hospital``, ``department:cardiology``."""

    setting: str
    value: Any
    source: str


class SettingsInForce(Resource):
    """What the gate would go by; a value that is null is not limited."""

    version: int
    items: list[SettingInForce]


class PolicyChange(Input):
    """What the block of ``scope`` and ``subject`` (empty for the hospital) shall say.

    ``settings`` are the keys of the hospital file with their values, null to say nothing any more; keys that are not
    named stay.
    """

    scope: Scope
    subject: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,80}$")] = ""
    settings: Annotated[dict[Code, Value], Field(min_length=1, max_length=40)]

    def policy(self) -> Policy:
        return Policy(self.scope, self.subject, self.settings)


class PolicyTrial(PolicyChange):
    """``days``: how far back the gate's decisions are replayed."""

    days: Annotated[int, Field(ge=1, le=MAXIMUM_DAYS)] = 30


class PolicySaving(PolicyChange):
    """``based_on``: the version whose settings were seen; refused (409) when the hospital has moved on since."""

    based_on: Annotated[int, Field(ge=0, le=2**31 - 1)]


class SavedPolicy(Resource):
    """``version`` is the configuration in force now; the same settings again make no new one."""

    version: int
    scope: str
    subject: str
    settings: dict[str, Any]


class PolicyDifference(Resource):
    """What would have gone otherwise at a department and module; amounts in minor units of ``currency``.

    ``earlier_minor`` would have been asked for before the service, ``later_minor`` after it.
    """

    department: str
    module: str
    asked: int
    newly_held: int
    newly_released: int
    earlier_minor: int
    later_minor: int


class ChangedAnswer(Resource):
    before: str
    after: str
    services: int


class PolicyPreview(Resource):
    """The decisions of the past, decided anew; a service counts once, by the first answer that it got."""

    currency: str
    decisions: int
    services: int
    newly_held: int
    newly_released: int
    earlier_minor: int
    later_minor: int
    places: list[PolicyDifference]
    changes: list[ChangedAnswer]


def _block(hospital_id: UUID, scope: str, subject: str) -> dict[str, Any]:
    row = PaymentPolicy.objects.filter(scope=scope, subject=subject).first()
    return dict(row.settings) if row else {}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return list(value) if isinstance(value, tuple) else value


@router.get("/policies", auth=needs(PERMISSION_SET_POLICY), response=PolicyBlocks)
def list_policies(request: ApiRequest) -> HttpResponse:
    """What every block of settings says itself."""
    caller = request.auth
    with transaction(caller.hospital_id):
        version = Hospital.objects.values_list("configuration_version", flat=True).get(id=caller.hospital_id)
        rows = PaymentPolicy.objects.order_by("scope", "subject")
        items = [PolicyBlock(scope=row.scope, subject=row.subject, settings=row.settings) for row in rows]
    return answer(PolicyBlocks(version=version, items=items))


@router.get("/policies/in-force", auth=needs(PERMISSION_SET_POLICY), response=SettingsInForce)
def get_settings_in_force(
    request: ApiRequest,
    department: OptionalCode,
    service: OptionalCode,
    module: OptionalCode,
    patient_category: OptionalCode,
) -> HttpResponse:
    """The settings for a service of a department, asked for at a module for a category of patients, with their source."""
    caller = request.auth
    with transaction(caller.hospital_id):
        version = Hospital.objects.values_list("configuration_version", flat=True).get(id=caller.hospital_id)
        policies = policies_at(caller.hospital_id, version)
    asked = {
        "department": department,
        "service": service,
        "module": module,
        "category": patient_category,
    }
    settings = policies.resolve(**asked)
    items = [
        SettingInForce(
            setting=one.name,
            value=_plain(getattr(settings, one.name)),
            source=policies.source(one.name, **asked),
        )
        for one in fields(Settings)
    ]
    return answer(SettingsInForce(version=version, items=items))


@router.post("/policies", auth=needs(PERMISSION_SET_POLICY), response={201: SavedPolicy})
def save_policy(request: ApiRequest, body: PolicySaving) -> HttpResponse:
    """Put one block of settings in force from now on, as a new version of the hospital's configuration."""
    caller = request.auth
    loaded = change_policy(
        caller.hospital_id, body.policy(), based_on=body.based_on, actor=caller.actor, at=caller.at
    )
    with transaction(caller.hospital_id):
        settings = _block(caller.hospital_id, body.scope, body.subject)
    return answer(
        SavedPolicy(version=loaded.version, scope=body.scope, subject=body.subject, settings=settings), 201
    )


@router.post("/policies/preview", auth=needs(PERMISSION_SET_POLICY), response=PolicyPreview)
def preview_policy(request: ApiRequest, body: PolicyTrial) -> HttpResponse:
    """What a change would have done to the decisions of the last days; nothing is written."""
    caller = request.auth
    seen = try_policy(caller.hospital_id, body.policy(), days=body.days, at=caller.at)
    total = seen.total
    return answer(
        PolicyPreview(
            currency=caller.currency,
            decisions=seen.decisions,
            services=seen.services,
            newly_held=total.newly_held,
            newly_released=total.newly_released,
            earlier_minor=total.earlier_minor,
            later_minor=total.later_minor,
            places=[
                _difference(department, module, place)
                for (department, module), place in sorted(seen.by_place.items())
            ],
            changes=[
                ChangedAnswer(before=before, after=after, services=count)
                for (before, after), count in sorted(seen.changes.items())
            ],
        )
    )


def _difference(department: str, module: str, place: Difference) -> PolicyDifference:
    return PolicyDifference(
        department=department,
        module=module,
        asked=place.asked,
        newly_held=place.newly_held,
        newly_released=place.newly_released,
        earlier_minor=place.earlier_minor,
        later_minor=place.later_minor,
    )
