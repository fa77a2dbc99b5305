"""Results: entered, corrected by a further version, verified by a second person, told when critical."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.findings import mark_completed, release
from almoner.orders.models import TestFinding, TestOrder, TestOrderLine
from almoner.patients.models import Patient
from almoner.service_points.laboratory.catalogue import (
    Definition,
    Whose,
    definitions,
    ranges_in_force,
    results_are_verified,
)
from almoner.service_points.laboratory.models import (
    CriticalNotice,
    ResultVerification,
    Sample,
    TestResult,
)
from almoner.service_points.laboratory.operations.samples import usable_samples
from almoner.service_points.laboratory.operations.shared import (
    PERMISSION_PROCESS,
    PERMISSION_VERIFY,
    day_at,
    line_in_work,
    order_in_work,
)
from almoner.service_points.laboratory.rules import Bounds, Flag, Usual, flag

Place = tuple[UUID, str]
"""Where a value stands: the order's line and the code of the parameter."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and its unit, as read off or typed. Of a parameter that has a unit, that one stands."""

    value: str
    unit: str = ""


def enter_result(
    hospital_id: UUID,
    order_line_id: UUID,
    *,
    value: str,
    unit: str = "",
    parameter: str = "",
    actor: Actor,
    at: datetime,
) -> TestResult:
    """Write down one value of a test; another value later is a new version, and the latest stands.

    The value gets the reference range of the patient's sex and age, and its flag. It is released at once, or
    once a second person verified it, as the hospital says. The same value again returns the row there is.
    Raises ``DomainError`` for an empty value or an unknown parameter, ``Conflict`` while the order is not in work
    or the sample was rejected.
    """
    actor.require(PERMISSION_PROCESS)
    with transaction(hospital_id):
        line = line_in_work(order_line_id)
        entered = _enter(hospital_id, line.order, (line.id, parameter), Reading(value, unit), actor, at)
        return entered or _latest(line.order)[line.id, parameter]


def enter_results(
    hospital_id: UUID, order_id: UUID, *, readings: Mapping[Place, Reading], actor: Actor, at: datetime
) -> list[TestResult]:
    """Write down values of an order by line and parameter; what stands there already is not written again.

    Raises ``NotFound`` for a line that is not of this order, otherwise as ``enter_result``.
    """
    actor.require(PERMISSION_PROCESS)
    with transaction(hospital_id):
        order = order_in_work(order_id)
        entered = []
        for place, reading in readings.items():
            row = _enter(hospital_id, order, place, reading, actor, at)
            if row is not None:
                entered.append(row)
        return entered


def _enter(
    hospital_id: UUID, order: TestOrder, place: Place, reading: Reading, actor: Actor, at: datetime
) -> TestResult | None:
    """The new version of the value at ``place``; None when it is the one that stands."""
    line = TestOrderLine.objects.select_related("service").filter(id=place[0], order=order).first()
    if line is None:
        raise NotFound(_("There is no such test."), field="order_line_id", code="unknown_order_line")
    test = definitions([(line.service_id, line.service.name)])[line.service_id]
    parameter = test.parameter(place[1])
    if parameter is None:
        known = ", ".join(one.code for one in test.parameters if one.code) or "none"
        raise DomainError(
            _("Expected one of this test's parameters: %(known)s.") % {"known": known},
            field="parameter",
            code="unknown_parameter",
        )
    value = reading.value.strip()
    if not 1 <= len(value) <= 200:
        raise DomainError(_("A result has 1 to 200 characters."), field="value", code="invalid_result")
    _check_sample(order, test)
    latest = _latest(order).get(place)
    usual = _usual(hospital_id, order, line.service_id, parameter.code, at)
    unit = parameter.unit or reading.unit.strip() or (usual.unit if usual else "")
    if latest is not None and (latest.value, latest.unit) == (value, unit):
        return None
    bounds = usual.bounds if usual else Bounds()
    result = TestResult.objects.create(
        hospital_id=hospital_id,
        order_line=line,
        parameter=parameter.code,
        name=parameter.name,
        version=latest.version + 1 if latest else 1,
        value=value,
        unit=unit,
        low=bounds.low,
        high=bounds.high,
        flag=flag(value, bounds),
        entered_at=at,
        entered_by=actor.name,
    )
    _note("result.corrected" if latest else "result.entered", result, order, actor, at)
    if not results_are_verified():
        _release(order, [result], at)
    _settle(order, at)
    return result


def verify_results(
    hospital_id: UUID, order_id: UUID, *, result_ids: Collection[UUID], actor: Actor, at: datetime
) -> list[ResultVerification]:
    """Stand by results that somebody else entered, which releases them; those verified already are passed over.

    Raises ``NotFound`` for a result that is not of this order, ``Conflict`` for one that was corrected meanwhile
    or that the same person entered.
    """
    actor.require(PERMISSION_VERIFY)
    if not result_ids:
        raise DomainError(_("Choose at least one result."), field="results", code="no_results")
    with transaction(hospital_id):
        order = order_in_work(order_id)
        latest = {result.id: result for result in _latest(order).values()}
        released = _released(latest)
        verified = []
        for result_id in dict.fromkeys(result_ids):
            result = latest.get(result_id)
            if result is None:
                _refuse_stale(order, result_id)
            elif result_id not in released:
                verified.append(_verify(hospital_id, order, result, actor, at))
        _settle(order, at)
        return verified


def _verify(
    hospital_id: UUID, order: TestOrder, result: TestResult, actor: Actor, at: datetime
) -> ResultVerification:
    if result.entered_by == actor.name:
        raise Conflict(
            _("Who entered a result does not verify it: a second person does."),
            field="results",
            code="same_person",
        )
    row = ResultVerification.objects.create(
        hospital_id=hospital_id,
        result=result,
        entered_by=result.entered_by,
        verified_at=at,
        verified_by=actor.name,
    )
    _note("result.verified", result, order, actor, at)
    _release(order, [result], at, verified_by=actor.name)
    return row


def _refuse_stale(order: TestOrder, result_id: UUID) -> None:
    if TestResult.objects.filter(id=result_id, order_line__order=order).exists():
        raise Conflict(
            _("A result was corrected meanwhile: look at it again."), field="results", code="result_corrected"
        )
    raise NotFound(_("There is no such result."), field="results", code="unknown_result")


def tell_critical(
    hospital_id: UUID, result_id: UUID, *, told_to: str, actor: Actor, at: datetime
) -> CriticalNotice:
    """Note who was told of a critical result; the second time returns the first notice.

    ``told_to`` has 1 to 200 characters. Raises ``NotFound``, ``DomainError``, and ``Conflict`` for a result that
    is not critical.
    """
    actor.require(PERMISSION_PROCESS)
    told_to = told_to.strip()
    if not 1 <= len(told_to) <= 200:
        raise DomainError(
            _("Expected whom you told, in 1 to 200 characters."), field="told_to", code="invalid"
        )
    with transaction(hospital_id):
        result = TestResult.objects.select_related("order_line").filter(id=result_id).first()
        if result is None:
            raise NotFound(_("There is no such result."), field="result_id", code="unknown_result")
        order = order_in_work(result.order_line.order_id)
        if not Flag(result.flag).is_critical:
            raise Conflict(_("The result is not critical."), field="result_id", code="not_critical")
        notice, is_new = CriticalNotice.objects.get_or_create(
            result=result,
            defaults={
                "hospital_id": hospital_id,
                "told_to": told_to,
                "told_at": at,
                "told_by": actor.name,
            },
        )
        if is_new:
            _note("critical_result.told", result, order, actor, at, told_to=told_to)
            _settle(order, at)
        return notice


def _check_sample(order: TestOrder, test: Definition) -> None:
    """Refuse a result of a sample that was rejected and not collected again."""
    collected = Sample.objects.filter(order=order, specimen=test.specimen).exists()
    if collected and all(sample.specimen != test.specimen for sample in usable_samples(order.id)):
        raise Conflict(
            _("The sample was rejected: collect another one first."),
            field="order_line_id",
            code="sample_rejected",
        )


def _usual(
    hospital_id: UUID, order: TestOrder, service_id: UUID, parameter: str, at: datetime
) -> Usual | None:
    ranges = ranges_in_force([service_id]).get((service_id, parameter), [])
    if not ranges:
        return None
    patient = Patient.objects.only("sex", "birth_date").get(id=order.patient_id)
    return Whose(patient.sex, patient.birth_date).usual(ranges, day_at(hospital_id, at))


def _latest(order: TestOrder) -> dict[Place, TestResult]:
    """The latest version of every value of an order."""
    rows = TestResult.objects.filter(order_line__order=order).order_by("version")
    return {(row.order_line_id, row.parameter): row for row in rows}


def _released(ids: Collection[UUID]) -> set[UUID]:
    return set(TestFinding.objects.filter(id__in=list(ids)).values_list("id", flat=True))


def _release(order: TestOrder, results: list[TestResult], at: datetime, *, verified_by: str = "") -> None:
    """Let the doctor read ``results``. A finding has the id of its result, and a version of its own: what was
    corrected before anybody read it is no correction."""
    for result in results:
        told = TestFinding.objects.filter(order_line=result.order_line_id, parameter=result.parameter)
        finding = TestFinding(
            id=result.id,
            hospital_id=result.hospital_id,
            order_line_id=result.order_line_id,
            patient_id=order.patient_id,
            service_id=result.order_line.service_id,
            parameter=result.parameter,
            name=result.name,
            value=result.value,
            unit=result.unit,
            low=result.low,
            high=result.high,
            flag=result.flag,
            version=told.count() + 1,
            released_at=at,
            entered_by=result.entered_by,
            verified_by=verified_by,
        )
        release(order, [finding])


def _settle(order: TestOrder, at: datetime) -> None:
    """Note whether anything about the order is left to do: a value, a verification, somebody to be told."""
    lines = list(TestOrderLine.objects.filter(order=order).select_related("service"))
    tests = definitions((line.service_id, line.service.name) for line in lines)
    expected = [(line.id, one.code) for line in lines for one in tests[line.service_id].parameters]
    latest = _latest(order)
    ids = [result.id for result in latest.values()]
    released = _released(ids)
    told = set(CriticalNotice.objects.filter(result__in=ids).values_list("result_id", flat=True))
    is_done = all(place in latest and latest[place].id in released for place in expected) and all(
        result.id in told for result in latest.values() if Flag(result.flag).is_critical
    )
    mark_completed(order, at if is_done else None)


def _note(action: str, result: TestResult, order: TestOrder, actor: Actor, at: datetime, **data: str) -> None:
    """An audit record that tells no value: who may read the trail may not read every result."""
    audit.record(
        action,
        actor=actor,
        at=at,
        subject_kind="test_result",
        subject_id=result.id,
        order=order.number,
        version=result.version,
        **data,
    )
