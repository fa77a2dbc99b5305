"""The state of a hospital as it stands in the database."""

from __future__ import annotations

from almoner.catalog.models import Discount, Package, Service, TariffLine, Tax
from almoner.charging.models import ChargeDefinition, ChargeRule, WardBillingTemplate
from almoner.enforcement.models import PaymentPolicy
from almoner.hospitals.models import Bed, Department, Hospital, Ward
from almoner.interop.hospital_file.definitions import TERMS
from almoner.interop.hospital_file.laboratory import read_laboratory
from almoner.interop.hospital_file.messaging import read_messaging
from almoner.interop.hospital_file.state import PriceKey, State
from almoner.kernel.tenancy import require_transaction
from almoner.patients.models import Payer
from almoner.payments.models import CashPoint

RULE_FIELDS = (
    "event_kind",
    "service",
    "department",
    "department_kind",
    "ward_type",
    "per_line",
    "line_flag",
    "once_per",
    "charge_type",
    "planned",
    "delivered_on_capture",
    "fee",
)
HOSPITAL_FIELDS = (
    "slug",
    "name",
    "currency",
    "time_zone",
    "locale",
    "second_factor",
    "rounding_step_minor",
    "refund_approval_above_minor",
    "billing_cycle",
)
DISCOUNT_FIELDS = (
    "name",
    "percent",
    "amount_minor",
    "payer",
    "patient_category",
    "department",
    "service_kind",
    "service",
    "starts_on",
    "ends_on",
)


def read_state(hospital: Hospital) -> State:
    """Everything in force at ``hospital``, in twenty queries. Needs the hospital's transaction."""
    require_transaction()
    state = State()
    state["hospital"][""] = {name: getattr(hospital, name) for name in HOSPITAL_FIELDS}
    for tax in Tax.objects.order_by("code"):
        state["taxes"][tax.code] = {"name": tax.name, "percent": tax.percent, "inclusive": tax.inclusive}
    _read_places(state)
    _read_catalog(state)
    for rule in ChargeRule.objects.order_by("code"):
        state["charge_rules"][rule.code] = {name: getattr(rule, name) for name in RULE_FIELDS} | {
            "required_at": tuple(rule.required_at)
        }
    for template in WardBillingTemplate.objects.order_by("code"):
        state["ward_billing_templates"][template.code] = {
            "name": template.name,
            "ward_types": tuple(template.ward_types),
        }
    for definition in ChargeDefinition.objects.filter(superseded=False).order_by("code", "starts_on"):
        record = {name: _said(getattr(definition, name)) for name in TERMS}
        record["free_units"] = int(definition.free_units)
        record["tiers"] = tuple(tuple(tier) for tier in definition.tiers)
        state["charge_definitions"][definition.code, definition.starts_on.isoformat()] = record
    for policy in PaymentPolicy.objects.order_by("scope", "subject"):
        if policy.settings:
            state["policies"][policy.scope, policy.subject] = policy.settings
    read_laboratory(state)
    read_messaging(state)
    return state


def _said(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _read_places(state: State) -> None:
    for department in Department.objects.filter(is_active=True).order_by("code"):
        state["departments"][department.code] = {"name": department.name, "kind": department.kind}
    for ward in Ward.objects.filter(is_active=True).select_related("department").order_by("code"):
        state["wards"][ward.code] = {
            "name": ward.name,
            "ward_type": ward.ward_type,
            "department": ward.department.code,
        }
    beds = Bed.objects.filter(is_active=True, ward__is_active=True).select_related("ward")
    for bed in beds.order_by("ward__code", "code"):
        state["beds"][bed.ward.code, bed.code] = {}
    for payer in Payer.objects.filter(is_active=True).order_by("code"):
        state["payers"][payer.code] = {"name": payer.name}
    for cash_point in CashPoint.objects.filter(is_active=True).order_by("code"):
        state["cash_points"][cash_point.code] = {"name": cash_point.name}


def _read_catalog(state: State) -> None:
    services = Service.objects.filter(is_active=True).select_related("department", "tax")
    for service in services.order_by("code"):
        state["services"][service.code] = {
            "name": service.name,
            "kind": service.kind,
            "department": service.department.code if service.department else "",
            "tax": service.tax.code if service.tax else "",
            "flags": tuple(sorted(set(service.flags))),
            "substitutes": tuple(service.substitutes),
            "payment_timing": service.payment_timing,
            "charge_timing": service.charge_timing,
        }
    lines = TariffLine.objects.filter(service__is_active=True).select_related("service")
    for line in lines.order_by("service__code", "starts_on"):
        key = PriceKey(
            line.service.code,
            line.payer,
            line.patient_category,
            line.ward_type,
            line.department,
            line.starts_on.isoformat(),
        )
        state["prices"][key] = {
            "price_minor": line.price_minor,
            "ends_on": line.ends_on,
            "tariff": line.tariff,
        }
    for discount in Discount.objects.order_by("code"):
        state["discounts"][discount.code] = {name: getattr(discount, name) for name in DISCOUNT_FIELDS}
    for package in Package.objects.order_by("code"):
        state["packages"][package.code] = {
            "name": package.name,
            "price_minor": package.price_minor,
            "services": tuple(package.services),
            "starts_on": package.starts_on,
            "ends_on": package.ends_on,
        }
