"""Stays for tests: admitted, given beds, moved and discharged by the operations, at the times that are told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from almoner.charging.definition_terms import DefinitionTerms
from almoner.charging.definitions import save_charge_definition
from almoner.charging.models import ChargeItem
from almoner.hospitals.models import Bed, Hospital, Ward
from almoner.kernel.ids import new_id
from almoner.orders.operations import admit
from almoner.patients.models import Patient
from almoner.service_points.ward import operations as ward
from almoner.service_points.ward.accrual import Run, accrue_hospital
from almoner.service_points.ward.transfers import transfer
from tests.support.hospital import TestHospital, TestPatient, make_hospital

LIVE = ("billable", "unpriced")
WARDS = ("general", "icu")


@dataclass
class WardHospital:
    """A hospital with a general ward and an intensive care unit, which have a bed for everybody."""

    __test__ = False
    hospital: TestHospital
    wards: dict[str, UUID] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    @property
    def id(self) -> UUID:
        return self.hospital.id

    def define(self, code: str, billing_type: str, **terms: Any) -> None:
        """Put a charge definition in force from 2020 on, unless ``starts_on`` says otherwise."""
        told = {"service": code, "service_name": code, "starts_on": date(2020, 1, 1), **terms}
        save_charge_definition(
            self.id,
            DefinitionTerms(code=code, billing_type=billing_type, **told),
            actor=self.hospital.actor,
            at=datetime.fromisoformat("2020-01-01T00:00Z"),
        )

    def bed(self, ward_type: str) -> UUID:
        """A new bed in the ward of this type."""
        with self.hospital.transaction():
            bed = Bed.objects.create(
                hospital_id=self.id, ward_id=self.wards[ward_type], code=str(next(self._numbers))
            )
        return bed.id

    def admit(
        self,
        ward_type: str,
        at: datetime,
        *,
        bed_id: UUID | None = None,
        known: TestPatient | None = None,
        **patient: Any,
    ) -> UUID:
        """A patient in a bed of ``ward_type`` since ``at``, a new one unless told; the id of the admission."""
        born = patient.pop("birth_date", None)
        known = known or self.hospital.patient(**patient)
        if born is not None:
            with self.hospital.transaction():
                Patient.objects.filter(id=known.id).update(birth_date=born)
        encounter = self.hospital.encounter(known, "inpatient", encounter_class="inpatient", started_at=at)
        admission = admit(
            self.id,
            encounter_id=encounter.id,
            ward=f"{ward_type}_ward",
            idempotency_key=f"admission-{new_id()}",
            actor=self.hospital.actor,
            at=at,
        ).order
        passage = ward.assign_bed(
            self.id,
            admission.id,
            bed_id=bed_id or self.bed(ward_type),
            actor=self.hospital.actor,
            at=at,
        )
        assert passage.went_ahead
        return admission.id

    def move(
        self, admission_id: UUID, ward_type: str, at: datetime, moved_at: datetime | None = None
    ) -> None:
        """Move the patient to a new bed, told at ``at``."""
        transfer(
            self.id,
            admission_id,
            bed_id=self.bed(ward_type),
            idempotency_key=f"transfer-{new_id()}",
            actor=self.hospital.actor,
            at=at,
            moved_at=moved_at,
        )

    def discharge(self, admission_id: UUID, at: datetime) -> None:
        passage = ward.discharge_with_exception(
            self.id, admission_id, exception="for the test", actor=self.hospital.actor, at=at
        )
        assert passage.went_ahead

    def run(self, until: datetime, **options: Any) -> Run:
        """The accrual of everybody in a bed."""
        return accrue_hospital(self.id, until=until, actor=self.hospital.actor, at=until, **options)

    def run_hourly(self, start: datetime, end: datetime, times: int = 1) -> None:
        """A run a minute after every full hour between."""
        at = start.replace(minute=1, second=0) + timedelta(hours=1)
        while at < end:
            for _ in range(times):
                assert not self.run(at).failed
            at += timedelta(hours=1)

    def charges(self, admission_id: UUID, code: str = "") -> list[ChargeItem]:
        """What the admission is charged now, by period; of one definition with ``code``."""
        with self.hospital.transaction():
            items = ChargeItem.objects.filter(order_id=admission_id, status__in=LIVE)
            if code:
                items = items.filter(rule_code=code)
            return list(items.order_by("service_period", "id"))


def make_ward_hospital(time_zone: str = "UTC") -> WardHospital:
    """A hospital of its own in ``time_zone``."""
    hospital = make_hospital()
    Hospital.objects.filter(id=hospital.id).update(time_zone=time_zone, configuration_version=1)
    with hospital.transaction():
        Ward.objects.create(
            hospital_id=hospital.id,
            code="icu_ward",
            name="Intensive care",
            ward_type="icu",
            department_id=hospital.departments["inpatient"],
        )
        wards = dict(Ward.objects.values_list("ward_type", "id"))
    return WardHospital(hospital, wards)
