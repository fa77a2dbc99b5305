"""What the API tests act on: a hospital with fees, a patient, a visit, orders; and another hospital."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from almoner.catalog.models import Service
from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem, ChargeRule
from almoner.enforcement import gate
from almoner.enforcement.facts import Subject
from almoner.enforcement.models import Override, PaymentPolicy
from almoner.enforcement.operations import grant_override
from almoner.enforcement.queries import plan_offer
from almoner.estimates.operations import Wanted, make_estimate
from almoner.hospitals.models import Bed, Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date, now
from almoner.kernel.ids import new_id
from almoner.messaging.models import Message
from almoner.orders import operations as orders
from almoner.orders.models import Admission, Prescription, TestOrder, TestOrderLine
from almoner.patients.diagnoses import record_diagnosis
from almoner.patients.models import Encounter
from almoner.payments import operations as payments
from almoner.payments.plans import Terms
from almoner.scheduling.appointments import book
from almoner.scheduling.models import Appointment
from almoner.service_points.consultation import operations as consultation
from almoner.service_points.laboratory import operations as laboratory
from almoner.service_points.laboratory.models import LaboratorySettings
from almoner.service_points.laboratory.rules import Bounds, Usual
from almoner.service_points.pharmacy import operations as pharmacy
from almoner.service_points.pharmacy.models import Batch
from almoner.service_points.ward.corrections import correct_stay
from almoner.service_points.ward.operations import assign_bed
from tests.support.api import ApiClient
from tests.support.hospital import SERVICE_PROVIDED, TestPatient, enforce, make_hospital


class World:
    """Everything is made when it is first asked for, by the operations, as of now."""

    def __init__(self, *, strict: bool = False) -> None:
        self.hospital = make_hospital()
        with self.hospital.transaction():
            ChargeRule.objects.create(
                hospital_id=self.hospital.id,
                code="consultation_fee",
                event_kind="patient.checked_in",
                service="consultation",
                required_at=["consultation.start"],
            )
            ChargeRule.objects.create(
                hospital_id=self.hospital.id,
                code="bed",
                event_kind="ward.admitted",
                service="bed_day",
                charge_type="daily",
                planned=True,
                required_at=["bed.assign"],
            )
            if strict:
                PaymentPolicy.objects.create(
                    hospital_id=self.hospital.id,
                    scope="hospital",
                    settings={"payment_enforcement": {"global_policy": "strict"}},
                )
        self.at = now() - timedelta(minutes=1)
        self.actor = self.hospital.actor

    @cached_property
    def owner(self) -> ApiClient:
        """A key with every scope."""
        return ApiClient(self.hospital.id)

    @cached_property
    def outsider(self) -> ApiClient:
        """A key of another hospital with every scope."""
        return ApiClient(make_hospital().id)

    @cached_property
    def patient(self) -> TestPatient:
        return self.hospital.patient("Ada Byron", insured=True)

    @cached_property
    def encounter(self) -> Encounter:
        return self.hospital.encounter(self.patient, started_at=self.at)

    @cached_property
    def charged(self) -> charging.Captured:
        """A bandage (1,100 minor units with its tax), delivered."""
        return self.hospital.capture(SERVICE_PROVIDED, "bandage", encounter=self.encounter, at=self.at)

    @property
    def item_id(self) -> UUID:
        return self.charged.items[0]["id"]

    @cached_property
    def unpriced_id(self) -> UUID:
        return self.hospital.capture(
            SERVICE_PROVIDED, "unlisted", encounter=self.encounter, at=self.at
        ).items[0]["id"]

    @cached_property
    def payment_id(self) -> UUID:
        """The bandage paid in cash."""
        assert self.charged.total_minor == 1100
        return self.hospital.pay(self.patient, 1100, at=self.at).payment_id

    @cached_property
    def deposit_id(self) -> UUID:
        """A deposit of 500 beside the open bandage."""
        return self.hospital.pay(self.patient, 500, shares=None, excess="deposit", at=self.at).payment_id

    @cached_property
    def void_request_id(self) -> UUID:
        """Somebody else asks that the payment of the bandage be voided."""
        clerk = Actor("user:clerk@example.org", frozenset({"payments.record"}))
        return payments.request_void(
            self.hospital.id, self.payment_id, reason="typed twice", **{**self._key(), "actor": clerk}
        ).id

    @cached_property
    def refund_request_id(self) -> UUID:
        """Somebody else asks that 2.00 of the bandage be given back."""
        clerk = Actor("user:clerk@example.org", frozenset({"payments.refund"}))
        return payments.request_refund(
            self.hospital.id,
            self.payment_id,
            amount_minor=200,
            reason="too much",
            **{**self._key(), "actor": clerk},
        ).id

    @cached_property
    def plan_id(self) -> UUID:
        """A plan for the charged visit."""
        return payments.agree_plan(
            self.hospital.id,
            patient_account_id=self.charged.patient_account_id,
            encounter_id=self.encounter.id,
            total_minor=1100,
            terms=Terms(2, local_date(self.at, "UTC")),
            **self._key(),
        ).id

    @cached_property
    def plan_change_id(self) -> UUID:
        """A change of the plan that somebody asked for."""
        return payments.request_plan_change(
            self.hospital.id,
            self.plan_id,
            terms=Terms(3, local_date(self.at, "UTC")),
            reason="lost the job",
            idempotency_key="change",
            actor=Actor("user:clerk@example.org", frozenset({"payments.plan"}), user_id=new_id()),
            at=self.at,
        ).id

    @cached_property
    def offer_code(self) -> str:
        """The plan that is offered for the charged visit."""
        assert self.charged
        enforce(self.hospital, "patient_category", "general", auto_payment_plans="enabled")
        visit = self.encounter
        offer = plan_offer(self.hospital.id, visit.patient_id, visit.id, at=now())
        assert offer is not None
        return offer.code

    @cached_property
    def cash_session_id(self) -> UUID:
        """The drawer of a cashier at the main desk, with a float of 20.00."""
        cashier = Actor("user:clerk@example.org", frozenset({"payments.record"}), user_id=new_id())
        return payments.open_session(
            self.hospital.id, cash_point="main", count={2000: 1}, **{**self._key(), "actor": cashier}
        ).id

    def _key(self) -> dict[str, Any]:
        return {"idempotency_key": f"world-{new_id()}", "actor": self.actor, "at": self.at}

    @cached_property
    def test_order(self) -> TestOrder:
        return orders.order_tests(
            self.hospital.id,
            encounter_id=self.encounter.id,
            services=["blood_count", "lipid_panel"],
            **self._key(),
        ).order

    @cached_property
    def prescription(self) -> Prescription:
        """Twenty amoxicillin."""
        return orders.prescribe(
            self.hospital.id,
            encounter_id=self.encounter.id,
            medications=[orders.Medication("amoxicillin", Decimal(20))],
            **self._key(),
        ).order

    @cached_property
    def substitutable_id(self) -> UUID:
        """The prescription, when vitamins may take the place of amoxicillin."""
        with self.hospital.transaction():
            Service.objects.filter(code="amoxicillin").update(substitutes=["vitamins"])
        return self.prescription.id

    @cached_property
    def dispensing_id(self) -> UUID:
        """The twenty amoxicillin, handed out."""
        passage = pharmacy.dispense(self.hospital.id, self.prescription.id, **self._key())
        assert passage.result is not None
        return passage.result[0].id

    @cached_property
    def batch(self) -> Batch:
        """Fifty vitamins in stock."""
        moved = pharmacy.receive(
            self.hospital.id,
            store="pharmacy",
            service="vitamins",
            batch_number="V-1",
            expires_on=self.at.date() + timedelta(days=300),
            quantity=Decimal(50),
            **self._key(),
        )
        return moved.batch

    @cached_property
    def admission(self) -> Admission:
        return orders.admit(
            self.hospital.id, encounter_id=self.encounter.id, ward="general_ward", **self._key()
        ).order

    @property
    def tomorrow(self) -> datetime:
        return self.at + timedelta(days=1)

    @property
    def yesterday(self) -> datetime:
        return self.at - timedelta(days=1)

    @cached_property
    def appointment(self) -> Appointment:
        return book(
            self.hospital.id,
            patient_id=self.patient.id,
            department="cardiology",
            starts_at=self.tomorrow,
            **self._key(),
        )

    @cached_property
    def failed_message_id(self) -> UUID:
        """A reminder of the charged visit that could not be sent."""
        with self.hospital.transaction():
            return Message.objects.create(
                hospital_id=self.hospital.id,
                kind="balance.overdue",
                thing=f"visit:{self.encounter.id}",
                step="2026-03-02+1",
                patient_id=self.charged.patient_id,
                channel="email",
                address="ada@example.org",
                locale="en",
                amount_minor=1100,
                due_on=self.at.date(),
                state="failed",
                last_error="mailbox full",
                written_on=self.at.date(),
                written_at=self.at,
                not_before=self.at,
                finished_at=self.at,
            ).id

    @cached_property
    def lying_admission(self) -> Admission:
        """A patient who lies in the last bed."""
        encounter = self.hospital.encounter(self.hospital.patient("Kwame Mensah"), "inpatient")
        admission = orders.admit(
            self.hospital.id, encounter_id=encounter.id, ward="general_ward", **self._key()
        ).order
        enforce(self.hospital, "department", "inpatient", payment_enforcement="none")
        with self.hospital.transaction():
            bed_id = Bed.objects.order_by("-code").values_list("id", flat=True)[0]
        assign_bed(self.hospital.id, admission.id, bed_id=bed_id, actor=self.actor, at=self.at)
        return admission

    @cached_property
    def corrected_admission(self) -> Admission:
        """The patient in the last bed, who came the day before."""
        told = {"came_at": self.yesterday, "reason": "Came the day before", **self._key()}
        correct_stay(self.hospital.id, self.lying_admission.id, **told)
        return self.lying_admission

    @cached_property
    def bed_id(self) -> UUID:
        with self.hospital.transaction():
            return Bed.objects.order_by("code").values_list("id", flat=True)[0]

    @cached_property
    def test_line_id(self) -> UUID:
        """A test of an order that is being processed."""
        response = self.owner.post(f"/laboratory/orders/{self.test_order.id}/processing")
        assert response.json()["result"] is not None
        with self.hospital.transaction():
            return TestOrderLine.objects.filter(order=self.test_order).order_by("line")[0].id

    @cached_property
    def sample_id(self) -> UUID:
        """A sample of the order in work."""
        assert self.test_line_id
        [sample] = laboratory.collect_samples(
            self.hospital.id, self.test_order.id, actor=self.actor, at=self.at
        )
        return sample.id

    @cached_property
    def released_order_id(self) -> UUID:
        """An order with a result that can be read."""
        told = {"actor": self.actor, "at": self.at}
        laboratory.enter_result(self.hospital.id, self.test_line_id, value="5", **told)
        return self.test_order.id

    @cached_property
    def result_id(self) -> UUID:
        """A critical result that a second person has to verify and nobody was told of."""
        with self.hospital.transaction():
            LaboratorySettings.objects.create(hospital_id=self.hospital.id, verify_results=True)
        told = {"actor": self.actor, "at": self.at}
        usual = Usual(Bounds(critical_high=Decimal(10)))
        laboratory.set_reference_range(self.hospital.id, self.test_line_id, usual=usual, **told)
        return laboratory.enter_result(self.hospital.id, self.test_line_id, value="11", **told).id

    @cached_property
    def decision_id(self) -> UUID:
        _, decision_id = gate.check(
            self.hospital.id,
            "laboratory.process",
            Subject(self.encounter.id, self.test_order.id),
            actor=self.actor,
            at=self.at,
        )
        return decision_id

    @cached_property
    def override(self) -> Override:
        return grant_override(
            self.hospital.id,
            step="consultation.start",
            subject=Subject(self.encounter.id),
            reason="cannot pay today",
            expires_at=self.at + timedelta(days=1),
            **self._key(),
        )

    @cached_property
    def started_encounter_id(self) -> UUID:
        """The visit, with its consultation started."""
        response = self.owner.post(f"/consultation/encounters/{self.encounter.id}/start")
        assert response.json()["result"] is not None
        return self.encounter.id

    @cached_property
    def note_id(self) -> UUID:
        text = {"text": "No fever."}
        return consultation.write_note(self.hospital.id, self.started_encounter_id, **text, **self._key()).id

    @cached_property
    def diagnosis_id(self) -> UUID:
        found = {"text": "Angina pectoris", "code": "I20.9"}
        return record_diagnosis(self.hospital.id, self.encounter.id, **found, **self._key()).id

    @cached_property
    def estimate_id(self) -> UUID:
        """A blood count for the patient, valid for a week."""
        day = local_date(self.at, "UTC")
        wanted = Wanted(
            expected_on=day,
            valid_until=day + timedelta(days=7),
            patient_id=self.patient.id,
            services=(("blood_count", Decimal(1)),),
        )
        return make_estimate(self.hospital.id, wanted, **self._key()).id

    @cached_property
    def configured(self) -> int:
        """The version of the configuration when the hospital says how hard it asks."""
        enforce(self.hospital, "hospital", payment_enforcement={"global_policy": "strict"})
        return Hospital.objects.get(id=self.hospital.id).configuration_version

    @cached_property
    def duplicate(self) -> TestPatient:
        return self.hospital.patient("A. Byron")

    def charge_items(self, **conditions: Any) -> list[ChargeItem]:
        with self.hospital.transaction():
            return list(ChargeItem.objects.filter(**conditions).order_by("captured_at", "id"))
