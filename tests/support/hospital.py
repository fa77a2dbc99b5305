"""A small hospital for tests: departments, services with prices, patients, a cash point, open books.

Needs a database (``django_db`` or ``committed``). Prices, in minor units of USD: consultation 7500,
blood_count 3000, lipid_panel 3500, amoxicillin 50 a piece, bed_day 20000, bandage 1000 plus 10% tax,
vitamins 1100 of which 100 is tax; unlisted has no price at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F

from almoner.catalog.models import Service, TariffLine, Tax
from almoner.charging import operations as charging
from almoner.charging.rules import Event, EventLine
from almoner.enforcement.models import PaymentPolicy
from almoner.hospitals.models import Bed, Department, Hospital, Ward
from almoner.kernel.actor import Actor, system
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import OpenItem, PatientBalance
from almoner.ledger.operations import open_books
from almoner.patients.models import Coverage, Encounter, Patient, PatientAccount, Payer
from almoner.payments import operations as payments

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PRICES_START = date(2026, 1, 1)
# Both charge every line they name; what is provided is delivered at once, what is ordered is not.
SERVICE_PROVIDED = "service.provided"
TEST_ORDERED = "lab_test.ordered"

_DEPARTMENTS = [
    ("cardiology", Department.Kind.SPECIALIST),
    ("general_practice", Department.Kind.GENERAL),
    ("emergency", Department.Kind.EMERGENCY),
    ("laboratory", Department.Kind.DIAGNOSTIC),
    ("pharmacy", Department.Kind.PHARMACY),
    ("inpatient", Department.Kind.WARD),
]
_SERVICES = [
    ("consultation", Service.Kind.CONSULTATION, "", "", 7500),
    ("blood_count", Service.Kind.LABORATORY, "laboratory", "", 3000),
    ("lipid_panel", Service.Kind.LABORATORY, "laboratory", "", 3500),
    ("amoxicillin", Service.Kind.MEDICATION, "pharmacy", "", 50),
    ("bed_day", Service.Kind.WARD, "inpatient", "", 20000),
    ("bandage", Service.Kind.PROCEDURE, "", "sales", 1000),
    ("vitamins", Service.Kind.MEDICATION, "pharmacy", "included", 1100),
    ("unlisted", Service.Kind.OTHER, "", "", None),
]


@dataclass(frozen=True)
class TestPatient:
    """A patient and the account that money of theirs meets in."""

    __test__ = False
    id: UUID
    account_id: UUID


@dataclass
class TestHospital:
    """The hospital, and the operations that most tests start with. ``at`` defaults to ``NOON``."""

    __test__ = False
    id: UUID
    slug: str
    currency: str = "USD"
    actor: Actor = field(default_factory=lambda: system("test"))
    departments: dict[str, UUID] = field(default_factory=dict)
    services: dict[str, UUID] = field(default_factory=dict)
    payer_id: UUID = field(default_factory=new_id)
    cash_point: str = "main"
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The hospital's transaction: rows can be seen and written inside it only."""
        with transaction(self.id):
            yield

    def patient(
        self, name: str = "Ada Byron", *, category: str = "general", insured: bool = False
    ) -> TestPatient:
        """A registered patient with an account; ``insured``: covered by the hospital's one payer."""
        with self.transaction():
            number = next(self._numbers)
            patient = Patient.objects.create(
                hospital_id=self.id, mrn=f"T-{number:05d}", name=name, category=category, registered_at=NOON
            )
            account = PatientAccount.objects.create(
                hospital_id=self.id, patient=patient, currency=self.currency
            )
            if insured:
                Coverage.objects.create(
                    hospital_id=self.id, patient=patient, payer_id=self.payer_id, starts_on=PRICES_START
                )
        return TestPatient(patient.id, account.id)

    def encounter(self, patient: TestPatient, department: str = "cardiology", **columns: Any) -> Encounter:
        """An open visit of ``patient``; ``columns`` such as ``triage_level=1`` as in the model."""
        with self.transaction():
            return Encounter.objects.create(
                hospital_id=self.id,
                number=f"E-{next(self._numbers):05d}",
                patient_id=patient.id,
                department_id=self.departments[department],
                **{"started_at": NOON - timedelta(hours=1), **columns},
            )

    def capture(
        self,
        kind: str,
        *services: str,
        patient: TestPatient | None = None,
        encounter: Encounter | None = None,
        quantity: int | Decimal = 1,
        key: str = "",
        at: datetime = NOON,
        **fields: Any,
    ) -> charging.Captured:
        """Capture an event (such as ``TEST_ORDERED``) that names ``services``; a new key unless given."""
        event = Event(
            kind=kind,
            idempotency_key=key or f"event-{new_id()}",
            occurred_at=at,
            patient_id=patient.id if patient else None,
            encounter_id=encounter.id if encounter else None,
            lines=tuple(EventLine(service, Decimal(quantity)) for service in services),
            **fields,
        )
        return charging.capture(self.id, event, actor=self.actor, at=at)

    def pay(
        self,
        patient: TestPatient,
        amount_minor: int,
        *,
        shares: Sequence[tuple[UUID, int]] | None = None,
        method: str = "cash",
        key: str = "",
        at: datetime = NOON,
        **fields: Any,
    ) -> payments.Recorded:
        """Record a payment; ``shares`` are (charge item, minor units), ``fields`` as the operation's."""
        return payments.record_payment(
            self.id,
            patient_account_id=patient.account_id,
            method=method,
            amount_minor=amount_minor,
            currency=self.currency,
            cash_point=self.cash_point,
            idempotency_key=key or f"payment-{new_id()}",
            shares=[payments.Share(item, amount) for item, amount in shares] if shares is not None else None,
            actor=self.actor,
            at=at,
            **fields,
        )

    def deliver(self, item_ids: Sequence[UUID], at: datetime = NOON) -> list[UUID]:
        """Fulfil charges; returns those that were delivered now."""
        with self.transaction():
            return charging.deliver(item_ids, source_id=new_id(), occurred_at=at, actor=self.actor, at=at)

    def balance(self, patient: TestPatient) -> PatientBalance | None:
        """What the account owes and holds, or None before its first posting."""
        with self.transaction():
            return PatientBalance.objects.filter(id=patient.account_id).first()

    def open_minor(self, item_id: UUID) -> int:
        """The patient's part still open on a charge item."""
        with self.transaction():
            return OpenItem.objects.get(id=item_id).patient_minor


def make_hospital(slug: str | None = None, *, currency: str = "USD") -> TestHospital:
    """A hospital of its own, so that a test sees nothing of another test's rows."""
    hospital_id = new_id()
    slug = slug or f"test-{hospital_id}"
    Hospital.objects.create(
        id=hospital_id,
        slug=slug,
        name="Test Hospital",
        currency=currency,
        time_zone="UTC",
        second_factor=Hospital.SecondFactor.OFFERED,
    )
    hospital = TestHospital(id=hospital_id, slug=slug, currency=currency)
    with hospital.transaction():
        open_books()
        payments.ensure_cash_point(hospital.cash_point, "Main desk")
        payer = Payer.objects.create(hospital_id=hospital_id, code="acme", name="Acme Insurance")
        hospital.payer_id = payer.id
        _make_departments(hospital)
        _make_services(hospital)
    return hospital


def _make_departments(hospital: TestHospital) -> None:
    rows = [
        Department(hospital_id=hospital.id, code=code, name=code.replace("_", " ").title(), kind=kind)
        for code, kind in _DEPARTMENTS
    ]
    hospital.departments = {row.code: row.id for row in Department.objects.bulk_create(rows)}
    ward = Ward.objects.create(
        hospital_id=hospital.id,
        code="general_ward",
        name="General ward",
        ward_type="general",
        department_id=hospital.departments["inpatient"],
    )
    Bed.objects.bulk_create([Bed(hospital_id=hospital.id, ward=ward, code=str(number)) for number in (1, 2)])


def _make_services(hospital: TestHospital) -> None:
    taxes = {
        tax.code: tax
        for tax in Tax.objects.bulk_create(
            [
                Tax(hospital_id=hospital.id, code="sales", name="Sales tax", percent=Decimal(10)),
                Tax(
                    hospital_id=hospital.id,
                    code="included",
                    name="Included",
                    percent=Decimal(10),
                    inclusive=True,
                ),
            ]
        )
    }
    services = Service.objects.bulk_create(
        [
            Service(
                hospital_id=hospital.id,
                code=code,
                name=code.replace("_", " ").capitalize(),
                kind=kind,
                department_id=hospital.departments.get(department),
                tax=taxes.get(tax),
            )
            for code, kind, department, tax, _ in _SERVICES
        ]
    )
    hospital.services = {service.code: service.id for service in services}
    TariffLine.objects.bulk_create(
        [
            TariffLine(
                hospital_id=hospital.id,
                service_id=hospital.services[code],
                price_minor=price,
                starts_on=PRICES_START,
            )
            for code, _, _, _, price in _SERVICES
            if price is not None
        ]
    )


def enforce(hospital: TestHospital, scope: str, subject: str = "", **settings: Any) -> None:
    """Put a payment policy in force, in the words of the hospital file."""
    with hospital.transaction():
        PaymentPolicy.objects.update_or_create(
            scope=scope, subject=subject, defaults={"hospital_id": hospital.id, "settings": settings}
        )
        change_configuration(hospital)


def change_configuration(hospital: TestHospital) -> None:
    """Let the next operation read prices, rules and policies anew."""
    Hospital.objects.filter(id=hospital.id).update(configuration_version=F("configuration_version") + 1)
