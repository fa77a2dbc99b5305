"""Reads of the catalog."""

from __future__ import annotations

from almoner.catalog.models import Discount, Package, Service, TariffLine
from almoner.catalog.pricing import DiscountLine, Line, PackageLine, PriceBook, PricedService, TaxRate
from almoner.hospitals.models import Hospital
from almoner.kernel.tenancy import require_transaction


def read_price_book(hospital: Hospital) -> PriceBook:
    """All prices of ``hospital`` in five queries. Needs the hospital's transaction."""
    require_transaction()
    services = {}
    for service in Service.objects.filter(is_active=True).select_related("department", "tax"):
        tax = service.tax
        services[service.code] = PricedService(
            id=service.id,
            code=service.code,
            name=service.name,
            kind=service.kind,
            department_id=service.department_id,
            department=service.department.code if service.department else "",
            tax=TaxRate(tax.code, tax.percent, tax.inclusive) if tax else None,
            flags=frozenset(service.flags),
            payment_timing=service.payment_timing,
            charge_timing=service.charge_timing,
        )
    lines: dict[str, list[Line]] = {}
    for row in TariffLine.objects.select_related("service"):
        lines.setdefault(row.service.code, []).append(
            Line(
                price_minor=row.price_minor,
                starts_on=row.starts_on,
                ends_on=row.ends_on,
                payer=row.payer,
                patient_category=row.patient_category,
                ward_type=row.ward_type,
                department=row.department,
                tariff=row.tariff,
            )
        )
    return PriceBook(
        currency=hospital.currency,
        rounding_step_minor=hospital.rounding_step_minor,
        services=services,
        lines=lines,
        discounts=[
            DiscountLine(
                code=row.code,
                starts_on=row.starts_on,
                ends_on=row.ends_on,
                percent=row.percent,
                amount_minor=row.amount_minor,
                payer=row.payer,
                patient_category=row.patient_category,
                department=row.department,
                service_kind=row.service_kind,
                service=row.service,
            )
            for row in Discount.objects.order_by("code")
        ],
        packages={
            row.code: PackageLine(
                code=row.code,
                price_minor=row.price_minor,
                services=frozenset(row.services),
                starts_on=row.starts_on,
                ends_on=row.ends_on,
            )
            for row in Package.objects.all()
        },
    )
