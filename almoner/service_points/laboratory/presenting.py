"""The laboratory's pages in words and figures. What is concealed never gets as far as here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.enforcement.queries import BillingStatus
from almoner.kernel.actor import Actor
from almoner.orders.findings import range_text
from almoner.pages.presenters import BillingWidget, Formats, billing_widget
from almoner.service_points.laboratory.bench import Earlier, Entered, Test, Value
from almoner.service_points.laboratory.queries import LaboratoryOrder, SampleSeen
from almoner.service_points.laboratory.rules import Flag, lacking_specimens

PRIORITIES = {
    "urgent": ("triage", gettext_lazy("Urgent")),
    "stat": ("critical", gettext_lazy("Immediately")),
}
FLAGS = {
    Flag.NONE: "",
    Flag.LOW: gettext_lazy("Low"),
    Flag.HIGH: gettext_lazy("High"),
    Flag.CRITICALLY_LOW: gettext_lazy("Critically low"),
    Flag.CRITICALLY_HIGH: gettext_lazy("Critically high"),
}


@dataclass(frozen=True, slots=True)
class HeldRow:
    """An order that waits for payment: patient, order number and amount due, and nothing else (section 1.3)."""

    url: str
    patient: str
    order: str
    why: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A released order in a list. ``to_do``: what is left, in a few words; ``to_tell``: a critical value waits."""

    url: str
    patient: str
    patient_url: str
    mrn: str
    number: str
    tests: str
    tag: str
    tag_title: Any
    since: str
    to_do: str
    to_tell: bool
    billing: BillingWidget | None


@dataclass(frozen=True, slots=True)
class ValueLine:
    """A value of a test. ``tone`` colours its flag; ``verify``: it waits for a second person; ``tell_url``: a
    critical value that nobody was told of."""

    name: str
    is_alone: bool
    result: str
    unit: str
    usual: str
    flag: Any
    tone: str
    earlier: str
    entered: str
    verified: str
    is_pending: bool
    is_corrected: bool
    told_to: str
    tell_url: str
    range_url: str


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test with its values."""

    name: str
    code: str
    specimen: str
    instructions: str
    values: tuple[ValueLine, ...]


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A sample; ``receive_url`` and ``reject_url`` are empty when that is done."""

    accession_number: str
    specimen: str
    state: Any
    tone: str
    says: str
    receive_url: str
    reject_url: str


def why_held(order: LaboratoryOrder, formats: Formats) -> str:
    """What a held order waits for, as section 1.3 prints it."""
    if order.decision.due_minor:
        return _("Payment Required: %(amount)s") % {"amount": formats.money(order.decision.due_minor)}
    return order.decision.reason


def held_row(order: LaboratoryOrder, formats: Formats) -> HeldRow:
    """An order whose details are hidden."""
    return HeldRow(
        url=reverse("laboratory:order", args=[order.order_id]),
        patient=order.patient_name,
        order=_("Lab Order %(number)s") % {"number": order.number},
        why=why_held(order, formats),
    )


def order_row(
    order: LaboratoryOrder,
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    today: date,
) -> OrderRow:
    """An order whose details may be seen."""
    status = statuses.get(order.patient_id)
    tag, tag_title = PRIORITIES.get(order.priority, ("", ""))
    return OrderRow(
        url=reverse("laboratory:order", args=[order.order_id]),
        patient=order.patient_name,
        patient_url=reverse("patient", args=[order.patient_id]),
        mrn=order.mrn,
        number=order.number,
        tests=", ".join(test.name for test in order.tests),
        tag=tag,
        tag_title=tag_title,
        since=formats.moment(order.processed_at or order.ordered_at, today=today),
        to_do=_to_do(order),
        to_tell=bool(order.to_tell),
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


def _to_do(order: LaboratoryOrder) -> str:
    entered = sum(value.entered is not None for value in order.values)
    says = [_("%(n)d of %(all)d results") % {"n": entered, "all": len(order.values)}]
    if order.to_verify:
        says.append(_("%(n)d to verify") % {"n": len(order.to_verify)})
    return " · ".join(says)


def test_card(order_id: UUID, test: Test, formats: Formats, *, today: date) -> TestCard:
    """A test of a released order."""
    values = tuple(_value_line(order_id, test, value, formats, today) for value in test.values)
    return TestCard(test.name, test.code, test.specimen, test.instructions, values)


def _value_line(order_id: UUID, test: Test, value: Value, formats: Formats, today: date) -> ValueLine:
    entered = value.entered
    flag = entered.flag if entered else Flag.NONE
    range_at = reverse("laboratory:range", args=[order_id, test.order_line_id])
    return ValueLine(
        name=value.parameter.name,
        is_alone=not value.parameter.code,
        result=entered.value if entered else "",
        unit=value.unit,
        usual=range_text(value.low, value.high),
        flag=FLAGS[flag],
        tone="required" if flag.is_critical else "overdue",
        earlier=earlier_text(value.earlier, formats, today=today),
        entered=_who_and_when(entered, formats, today) if entered else "",
        verified=formats.person(entered.verified_by) if entered else "",
        is_pending=entered is not None and not entered.is_released,
        is_corrected=entered is not None and entered.version > 1,
        told_to=entered.told_to if entered else "",
        tell_url=reverse("laboratory:tell", args=[order_id, entered.result_id])
        if entered and entered.is_to_tell
        else "",
        range_url=f"{range_at}?parameter={value.parameter.code}",
    )


def _who_and_when(entered: Entered, formats: Formats, today: date) -> str:
    return f"{formats.moment(entered.entered_at, today=today)} · {formats.person(entered.entered_by)}"


def earlier_text(earlier: Earlier | None, formats: Formats, *, today: date) -> str:
    """``11.2 g/dL H, Mar 3``: what the same parameter was the last time; empty when there is no last time."""
    if earlier is None:
        return ""
    said = " ".join(part for part in (earlier.value, earlier.unit, earlier.flag) if part)
    return f"{said}, {formats.moment(earlier.released_at, today=today)}"


def sample_row(order_id: UUID, sample: SampleSeen, formats: Formats, *, today: date) -> SampleRow:
    """A sample with what happened to it last."""
    ids = [order_id, sample.sample_id]
    receive = reverse("laboratory:receive", args=ids)
    reject = reverse("laboratory:reject", args=ids)
    state, tone, at, by = _("Collected"), "due", sample.collected_at, sample.collected_by
    if sample.rejected_at is not None:
        state, tone, at, by = _("Rejected"), "overdue", sample.rejected_at, sample.rejected_by
        receive = reject = ""
    elif sample.received_at is not None:
        state, tone, at, by = _("Received"), "good", sample.received_at, sample.received_by
        receive = ""
    says = f"{formats.moment(at, today=today)} · {formats.person(by)}"
    return SampleRow(
        accession_number=sample.accession_number,
        specimen=sample.specimen,
        state=state,
        tone=tone,
        says=f"{says} · {sample.reason}" if sample.reason else says,
        receive_url=receive,
        reject_url=reject,
    )


def still_to_collect(order: LaboratoryOrder, samples: list[SampleSeen]) -> list[str]:
    """The kinds of specimen that the order lacks; a test that names none needs a sample, too."""
    usable = (sample.specimen for sample in samples if sample.rejected_at is None)
    lacking = lacking_specimens((test.specimen for test in order.tests), usable)
    return [kind or _("Sample") for kind in lacking]
