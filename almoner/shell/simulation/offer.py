"""What a hospital has to offer a simulated patient, read from its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from almoner.catalog.models import Service, TariffLine
from almoner.charging.models import ChargeRule
from almoner.hospitals.models import Bed, Department, Hospital, Ward
from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Payer
from almoner.payments.models import CashPoint
from almoner.service_points.ward.models import BedStay

_CLINICS = (Department.Kind.GENERAL, Department.Kind.SPECIALIST)


@dataclass(frozen=True, slots=True)
class Offer:
    """Codes, in alphabetical order, so that the same configuration is the same offer.

    ``free_beds``: the beds of each ward that nobody lies in. ``with_equipment``: departments whose
    check-in charges an equipment fee. ``unpriced``: services that no tariff line gives a price.
    """

    clinics: tuple[str, ...]
    emergencies: tuple[str, ...]
    with_equipment: frozenset[str]
    tests: tuple[str, ...]
    medications: tuple[str, ...]
    procedures: tuple[str, ...]
    unpriced: tuple[str, ...]
    free_beds: dict[str, tuple[UUID, ...]]
    payers: tuple[tuple[str, UUID], ...]
    cash_points: tuple[str, ...]


def read_offer(hospital: Hospital) -> Offer:
    """The offer of ``hospital``. Raises ``DomainError`` when nobody could be treated or pay there."""
    with transaction(hospital.id):
        departments = dict(
            Department.objects.filter(is_active=True).order_by("code").values_list("code", "kind")
        )
        clinics = tuple(code for code, kind in departments.items() if kind in _CLINICS)
        emergencies = tuple(code for code, kind in departments.items() if kind == Department.Kind.EMERGENCY)
        cash_points = tuple(
            CashPoint.objects.filter(is_active=True).order_by("code").values_list("code", flat=True)
        )
        _require(bool(clinics), "a department of kind general or specialist", "departments")
        _require(bool(cash_points), "a cash point", "cash_points")
        services = list(Service.objects.filter(is_active=True).order_by("code"))
        priced = set(TariffLine.objects.values_list("service_id", flat=True))

        def codes(*kinds: str) -> tuple[str, ...]:
            return tuple(
                service.code for service in services if service.kind in kinds and service.id in priced
            )

        return Offer(
            clinics=clinics,
            emergencies=emergencies,
            with_equipment=frozenset(
                ChargeRule.objects.filter(required_at__contains=["equipment.use"]).values_list(
                    "department", flat=True
                )
            ),
            tests=codes(Service.Kind.LABORATORY),
            medications=codes(Service.Kind.MEDICATION),
            procedures=codes(Service.Kind.PROCEDURE, Service.Kind.OTHER),
            unpriced=tuple(
                service.code
                for service in services
                if service.kind in (Service.Kind.PROCEDURE, Service.Kind.OTHER) and service.id not in priced
            ),
            free_beds=_free_beds(),
            payers=tuple(Payer.objects.filter(is_active=True).order_by("code").values_list("code", "id")),
            cash_points=cash_points,
        )


def _free_beds() -> dict[str, tuple[UUID, ...]]:
    taken = set(BedStay.objects.filter(ended_at=None).values_list("bed_id", flat=True))
    free: dict[str, tuple[UUID, ...]] = {}
    for ward in Ward.objects.filter(is_active=True).order_by("code"):
        beds = Bed.objects.filter(ward=ward, is_active=True).order_by("code").values_list("id", flat=True)
        free[ward.code] = tuple(bed for bed in beds if bed not in taken)
    return free


def _require(there: bool, what: str, field: str) -> None:
    if not there:
        raise DomainError(
            f"This hospital cannot be simulated: it lacks {what}. Add one to its file.",
            field=field,
            code="nothing_to_simulate",
        )
