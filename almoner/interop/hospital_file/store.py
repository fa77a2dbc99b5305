"""Carry out a plan: write what changed, deactivate what others still refer to, delete what nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import models

from almoner.catalog.models import Discount, Package, Service, TariffLine, Tax
from almoner.charging.definitions import put_charge_definition
from almoner.charging.models import ChargeRule, WardBillingTemplate
from almoner.enforcement.models import PaymentPolicy
from almoner.hospitals.models import Bed, Department, Hospital, Ward
from almoner.interop.hospital_file.definitions import terms_of
from almoner.interop.hospital_file.laboratory import store_settings, store_tests
from almoner.interop.hospital_file.messaging import store_messaging, store_wordings
from almoner.interop.hospital_file.plan import ADDED, CHANGED, REMOVED, Plan
from almoner.interop.hospital_file.state import Key, PriceKey, Record
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import TenantModel, require_transaction
from almoner.patients.models import Payer
from almoner.payments.models import CashPoint

_BATCH = 500
Progress = Callable[[str], None]


def apply(plan: Plan, progress: Progress = lambda section: None, *, actor: Actor, at: datetime) -> None:
    """Write the plan's changes. Needs the hospital's transaction; calls ``progress`` before each section."""
    _Store(plan, require_transaction(), actor, at).run(progress)


class _Store:
    def __init__(self, plan: Plan, hospital_id: UUID, actor: Actor, at: datetime) -> None:
        self.plan = plan
        self.hospital_id = hospital_id
        self.actor = actor
        self.at = at

    def run(self, progress: Progress) -> None:
        for section, step in (
            ("hospital", self.hospital),
            ("taxes", self.taxes),
            ("departments", self.departments),
            ("wards", self.wards),
            ("beds", self.beds),
            ("payers", lambda: self.named("payers", Payer)),
            ("cash_points", lambda: self.named("cash_points", CashPoint)),
            ("services", self.services),
            ("tests", lambda: store_tests(self.plan, self.ids(Service), actor=self.actor, at=self.at)),
            ("prices", self.prices),
            ("discounts", lambda: self.plain("discounts", Discount)),
            ("packages", lambda: self.plain("packages", Package)),
            ("charge_rules", lambda: self.plain("charge_rules", ChargeRule)),
            ("ward_billing_templates", lambda: self.plain("ward_billing_templates", WardBillingTemplate)),
            ("charge_definitions", self.charge_definitions),
            ("policies", self.policies),
            ("laboratory", lambda: store_settings(self.plan)),
            ("messaging", lambda: store_messaging(self.plan)),
            ("wordings", lambda: store_wordings(self.plan, actor=self.actor, at=self.at)),
        ):
            progress(section)
            if any(change.section == section for change in self.plan.changes):
                step()
        self.removed_taxes()

    def written(self, section: str) -> Iterator[tuple[Any, Record]]:
        """What is added or changed in ``section``, in order of keys, so that rows are locked in one order."""
        for key in sorted(self.plan.of(section, ADDED, CHANGED)):
            yield key, self.plan.new[section][key]

    def removed(self, section: str) -> list[Any]:
        return self.plan.of(section, REMOVED)

    def upsert(
        self, model: type[TenantModel], rows: Iterable[dict[str, Any]], unique: Sequence[str] = ("code",)
    ) -> None:
        """Insert ``rows``, or update those whose ``unique`` fields exist; all have the same fields."""
        objects = [model(hospital_id=self.hospital_id, **row) for row in rows]
        if not objects:
            return
        keys = {"id", "hospital", *unique}
        changing = [
            field.name
            for field in model._meta.local_fields
            if field.name not in keys and field.attname not in keys and field.name != "hospital_id"
        ]
        manager: Any = model._default_manager
        manager.bulk_create(
            objects,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["hospital_id", *unique],
            update_fields=changing,
        )

    def ids(self, model: type[TenantModel]) -> dict[str, UUID]:
        manager: Any = model._default_manager
        return dict(manager.values_list("code", "id"))

    def deactivate(self, model: type[models.Model], codes: Iterable[Key]) -> None:
        model._default_manager.filter(code__in=list(codes)).update(is_active=False)

    def hospital(self) -> None:
        Hospital.objects.filter(id=self.hospital_id).update(**self.plan.new.hospital)

    def taxes(self) -> None:
        self.upsert(Tax, ({"code": code, **record} for code, record in self.written("taxes")))

    def removed_taxes(self) -> None:
        """Taxes go last: by now no active service names them."""
        codes = self.removed("taxes")
        if codes:
            Service.objects.filter(tax__code__in=codes).update(tax=None)
            Tax.objects.filter(code__in=codes).delete()

    def departments(self) -> None:
        rows = ({"code": code, "is_active": True, **record} for code, record in self.written("departments"))
        self.upsert(Department, rows)
        self.deactivate(Department, self.removed("departments"))

    def wards(self) -> None:
        departments = self.ids(Department)
        self.upsert(
            Ward,
            (
                {
                    "code": code,
                    "name": record["name"],
                    "ward_type": record["ward_type"],
                    "department_id": departments[record["department"]],
                    "is_active": True,
                }
                for code, record in self.written("wards")
            ),
        )
        self.deactivate(Ward, self.removed("wards"))

    def beds(self) -> None:
        wards = self.ids(Ward)
        rows = ({"ward_id": wards[ward], "code": code} for (ward, code), _ in self.written("beds"))
        self.upsert(Bed, ({**row, "is_active": True} for row in rows), ("ward", "code"))
        for ward, code in self.removed("beds"):
            Bed.objects.filter(ward_id=wards[ward], code=code).update(is_active=False)

    def named(self, section: str, model: type[Payer] | type[CashPoint]) -> None:
        """Payers and cash points; what a payer was imported from stays."""
        removed = self.removed(section)
        existing = self.ids(model)
        fresh = []
        for code, record in self.written(section):
            if code in existing:
                model._default_manager.filter(code=code).update(name=record["name"], is_active=True)
            else:
                fresh.append({"code": code, "name": record["name"], "is_active": True})
        self.upsert(model, fresh)
        self.deactivate(model, removed)

    def services(self) -> None:
        departments, taxes = self.ids(Department), self.ids(Tax)
        self.upsert(
            Service,
            (
                {
                    "code": code,
                    "name": record["name"],
                    "kind": record["kind"],
                    "department_id": departments[record["department"]] if record["department"] else None,
                    "tax_id": taxes[record["tax"]] if record["tax"] else None,
                    "flags": list(record["flags"]),
                    "substitutes": list(record["substitutes"]),
                    "payment_timing": record["payment_timing"],
                    "charge_timing": record["charge_timing"],
                    "is_active": True,
                }
                for code, record in self.written("services")
            ),
        )
        self.deactivate(Service, self.removed("services"))

    def prices(self) -> None:
        """Lines that changed are written anew, after all that go are gone: none overlaps on the way."""
        services = self.ids(Service)
        going = set(self.plan.of("prices", CHANGED, REMOVED))
        gone = [
            line.id
            for line in TariffLine.objects.select_related("service")
            if PriceKey(
                line.service.code,
                line.payer,
                line.patient_category,
                line.ward_type,
                line.department,
                line.starts_on.isoformat(),
            )
            in going
        ]
        TariffLine.objects.filter(id__in=gone).delete()
        TariffLine.objects.filter(service__code__in=self.plan.of("services", ADDED)).delete()
        TariffLine.objects.bulk_create(
            [
                TariffLine(
                    hospital_id=self.hospital_id,
                    tariff=record["tariff"],
                    service_id=services[key.service],
                    payer=key.payer,
                    patient_category=key.patient_category,
                    ward_type=key.ward_type,
                    department=key.department,
                    price_minor=record["price_minor"],
                    starts_on=date.fromisoformat(key.starts_on),
                    ends_on=record["ends_on"],
                )
                for key, record in self.written("prices")
            ],
            batch_size=_BATCH,
        )

    def plain(self, section: str, model: type[TenantModel]) -> None:
        """Discounts, packages and charge rules: nobody refers to them, so what is removed is deleted."""
        manager: Any = model._default_manager
        manager.filter(code__in=self.removed(section)).delete()
        self.upsert(
            model,
            (
                {"code": code, **{name: _column(value) for name, value in record.items()}}
                for code, record in self.written(section)
            ),
        )

    def charge_definitions(self) -> None:
        """What is new or says something else becomes a version; none is ever removed."""
        for key, record in self.written("charge_definitions"):
            put_charge_definition(terms_of(key, record), actor=self.actor, at=self.at)

    def policies(self) -> None:
        for key in self.removed("policies"):
            PaymentPolicy.objects.filter(scope=key[0], subject=key[1]).delete()
        self.upsert(
            PaymentPolicy,
            (
                {"scope": scope, "subject": subject, "settings": settings}
                for (scope, subject), settings in self.written("policies")
            ),
            ("scope", "subject"),
        )


def _column(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
