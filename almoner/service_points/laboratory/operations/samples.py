"""Samples: collected with a label, received, or rejected and collected again. Never before the release."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import transaction
from almoner.orders.models import TestOrderLine
from almoner.service_points.laboratory.catalogue import definitions
from almoner.service_points.laboratory.models import Sample, SampleReceipt, SampleRejection
from almoner.service_points.laboratory.operations.shared import PERMISSION_PROCESS, day_at, order_in_work
from almoner.service_points.laboratory.rules import lacking_specimens

SERIES = "accession"


def accession_number(year: int, number: int) -> str:
    """What stands on the label, short enough for a narrow bar code: ``S26-000123``."""
    return f"S{year % 100:02d}-{number:06d}"


def usable_samples(order_id: UUID) -> list[Sample]:
    """The samples of an order that were not rejected, in the order of their numbers."""
    rejected = SampleRejection.objects.filter(sample__order=order_id).values("sample_id")
    return list(Sample.objects.filter(order=order_id).exclude(id__in=rejected).order_by("accession_number"))


def collect_samples(hospital_id: UUID, order_id: UUID, *, actor: Actor, at: datetime) -> list[Sample]:
    """Collect what an order in work still lacks: one sample for each kind of specimen that has no usable one.

    Returns the new samples; none when nothing is lacking, so collecting twice takes nothing twice. Their
    accession numbers are a gapless series of the hospital's year. Raises ``NotFound``, and ``Conflict`` while
    the order is not in work.
    """
    actor.require(PERMISSION_PROCESS)
    with transaction(hospital_id):
        order = order_in_work(order_id)
        lines = TestOrderLine.objects.filter(order=order).select_related("service").order_by("line")
        services = [(line.service_id, line.service.name) for line in lines]
        tests = definitions(services)
        needed = [tests[service_id].specimen for service_id, _ in services]
        usable = usable_samples(order_id)
        year = day_at(hospital_id, at).year
        samples = [
            Sample.objects.create(
                hospital_id=hospital_id,
                order=order,
                accession_number=accession_number(year, next_number(SERIES, year)),
                specimen=specimen,
                collected_at=at,
                collected_by=actor.name,
            )
            for specimen in lacking_specimens(needed, (sample.specimen for sample in usable))
        ]
        for sample in samples:
            _note("collected", sample, order.number, actor, at)
        return samples


def receive_sample(hospital_id: UUID, sample_id: UUID, *, actor: Actor, at: datetime) -> SampleReceipt:
    """Note that a sample arrived; the second time returns the first receipt.

    Raises ``NotFound``, and ``Conflict`` for a rejected sample.
    """
    actor.require(PERMISSION_PROCESS)
    with transaction(hospital_id):
        sample, number = _sample_in_work(sample_id)
        if SampleRejection.objects.filter(sample=sample).exists():
            raise Conflict(gettext("The sample was rejected."), field="sample_id", code="sample_rejected")
        receipt, is_new = SampleReceipt.objects.get_or_create(
            sample=sample, defaults={"hospital_id": hospital_id, "received_at": at, "received_by": actor.name}
        )
        if is_new:
            _note("received", sample, number, actor, at)
        return receipt


def reject_sample(
    hospital_id: UUID, sample_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> SampleRejection:
    """Say that a sample cannot be used, so that another one is collected; the second time returns the first.

    ``reason`` has 1 to 200 characters. Raises ``NotFound`` and ``DomainError``.
    """
    actor.require(PERMISSION_PROCESS)
    reason = reason.strip()
    if not 1 <= len(reason) <= 200:
        raise DomainError(
            gettext("Expected a reason of 1 to 200 characters."), field="reason", code="invalid_reason"
        )
    with transaction(hospital_id):
        sample, number = _sample_in_work(sample_id)
        rejection, is_new = SampleRejection.objects.get_or_create(
            sample=sample,
            defaults={
                "hospital_id": hospital_id,
                "reason": reason,
                "rejected_at": at,
                "rejected_by": actor.name,
            },
        )
        if is_new:
            _note("rejected", sample, number, actor, at, reason=reason)
        return rejection


def _sample_in_work(sample_id: UUID) -> tuple[Sample, str]:
    """The sample and its order's number; the order is locked. Raises ``NotFound``, ``Conflict``."""
    sample = Sample.objects.filter(id=sample_id).first()
    if sample is None:
        raise NotFound(gettext("There is no such sample."), field="sample_id", code="unknown_sample")
    return sample, order_in_work(sample.order_id).number


def _note(what: str, sample: Sample, order: str, actor: Actor, at: datetime, **data: str) -> None:
    audit.record(
        f"sample.{what}",
        actor=actor,
        at=at,
        subject_kind="sample",
        subject_id=sample.id,
        accession_number=sample.accession_number,
        order=order,
        **data,
    )
