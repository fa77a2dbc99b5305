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
from almoner.pages.presenters import BillingWidget, Formats, billing_widget
from almoner.service_points.laboratory.queries import LaboratoryOrder, Test
from almoner.service_points.laboratory.rules import Flag, range_text

PRIORITIES = {
    "urgent": ("triage", gettext_lazy("Urgent")),
    "stat": ("critical", gettext_lazy("Immediately")),
}
FLAGS = {Flag.LOW: gettext_lazy("Low"), Flag.HIGH: gettext_lazy("High")}


@dataclass(frozen=True, slots=True)
class HeldRow:
    """An order that waits for payment: patient, order number and amount due, and nothing else (section 1.3)."""

    url: str
    patient: str
    order: str
    why: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A released order in a list."""

    url: str
    patient: str
    patient_url: str
    mrn: str
    number: str
    tests: str
    tag: str
    tag_title: Any
    since: str
    done: str
    billing: BillingWidget | None


@dataclass(frozen=True, slots=True)
class TestLine:
    """A test with its result. ``tone`` colours the flag."""

    name: str
    code: str
    result: str
    unit: str
    usual: str
    flag: Any
    entered: str
    range_url: str


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
    entered = sum(bool(test.result) for test in order.tests)
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
        done=_("%(n)d of %(all)d results") % {"n": entered, "all": len(order.tests)},
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


def test_line(order_id: UUID, test: Test, formats: Formats, *, today: date) -> TestLine:
    """A test of a released order."""
    entered = ""
    if test.entered_at is not None:
        entered = f"{formats.moment(test.entered_at, today=today)} · {test.entered_by.partition(':')[2]}"
    return TestLine(
        name=test.name,
        code=test.code,
        result=test.result,
        unit=test.unit,
        usual=range_text(test.low, test.high),
        flag=FLAGS.get(test.flag, ""),
        entered=entered,
        range_url=reverse("laboratory:range", args=[order_id, test.order_line_id]),
    )
