"""Where the pages are that are measured: those of the tour (``tests/browser/test_tour.py``), each about something
that is going on now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.urls import reverse

from almoner.patients.models import Encounter

PERSON = "john"
"""Whom the searches look for."""


def _visit() -> Any:
    here = Encounter.objects.filter(ended_at=None, department__kind="specialist")
    return _some(here.order_by("-started_at"))


def patient_here() -> Any:
    """The patient who has lain in bed longest."""
    stays = apps.get_model("ward.BedStay").objects.filter(ended_at=None)
    return _some(stays.order_by("started_at"), "admission__patient_id")


def _duplicate() -> Any:
    return _some(Encounter.objects.filter(ended_at=None).order_by("-started_at"), "patient_id")


def _order_with_results() -> Any:
    done = apps.get_model("laboratory.TestResult").objects.values("order_line__order_id")
    return _some(apps.get_model("laboratory.Sample").objects.filter(order_id__in=done), "order_id")


def _latest(model: str, order: str = "-id", field: str = "id", **wanted: object) -> Callable[[], Any]:
    return lambda: _some(apps.get_model(model).objects.filter(**wanted).order_by(order), field)


def _some(rows: Any, field: str = "id") -> Any:
    value = rows.values_list(field, flat=True).first()
    if value is None:
        raise RuntimeError(f"Nobody in the busy hospital has {rows.model.__name__}.")
    return value


_FOUND: dict[str, Callable[[], Any]] = {
    "admission_id": _latest("ward.BedStay", "-started_at", "admission_id", ended_at=None),
    "decision_id": _latest("enforcement.GateDecision", "-decided_at", outcome="held"),
    "dispensing_id": _latest("pharmacy.Dispensing"),
    "duplicate_id": _duplicate,
    "encounter_id": _visit,
    "estimate_id": _latest("estimates.Estimate"),
    "order_id": _order_with_results,
    "override_id": _latest("enforcement.Override"),
    "patient_id": patient_here,
    "payment_id": _latest("payments.Payment", "-received_at"),
    "plan_id": _latest("payments.PaymentPlan"),
    "prescription_id": _latest("orders.Prescription"),
    "role_code": lambda: "cashier",
    "session_id": _latest("payments.CashSession"),
    "stock_item_id": _latest("pharmacy.StockItem"),
    "user_id": _latest("identity.Membership", field="user_id"),
}
PAGES: dict[str, tuple[str, ...] | dict[str, str]] = {
    "day": (),
    "search": (),
    "patient": ("patient_id",),
    "checkin:arrivals": (),
    "checkin:find": (),
    "checkin:register": (),
    "checkin:patient": ("patient_id",),
    "checkin:visit": ("encounter_id",),
    "checkin:appointments": (),
    "checkin:appointment": ("patient_id",),
    "checkin:possible-duplicates": (),
    "checkin:merge-choose": ("patient_id",),
    "checkin:merge": ("patient_id", "duplicate_id"),
    "checkin:waiting-room": (),
    "consultation:queue": (),
    "consultation:visit": ("encounter_id",),
    "laboratory:work-list": (),
    "laboratory:done": (),
    "laboratory:order": ("order_id",),
    "laboratory:labels": ("order_id",),
    "laboratory:report": ("order_id",),
    "pharmacy:work-list": (),
    "pharmacy:history": (),
    "pharmacy:prescription": ("prescription_id",),
    "pharmacy:label": ("dispensing_id",),
    "pharmacy:stock": (),
    "pharmacy:stock-item": ("stock_item_id",),
    "pharmacy:count": ("stock_item_id",),
    "pharmacy:receive": (),
    "ward:board": (),
    "ward:stay": ("admission_id",),
    "cashier:desk": (),
    "cashier:find": (),
    "cashier:account": ("patient_id",),
    "cashier:receipt": ("payment_id",),
    "cashier:sessions": (),
    "cashier:session": ("session_id",),
    "cashier:open-drawer": (),
    "patient_messages:messages": (),
    "patient_messages:settings": (),
    "patient_messages:wordings": (),
    "patient_messages:wording": {"kind": "balance.overdue", "channel": "sms", "locale": "es"},
    "plans:plans": (),
    "plans:plan": ("plan_id",),
    "plans:agreement": ("plan_id",),
    "estimates:overview": (),
    "estimates:new": (),
    "estimates:estimate": ("estimate_id",),
    "work_lists:unpriced": (),
    "work_lists:unbilled": (),
    "work_lists:undelivered": (),
    "work_lists:late": (),
    "work_lists:overrides": (),
    "work_lists:override": ("override_id",),
    "work_lists:held": (),
    "work_lists:decision": ("decision_id",),
    "policies:overview": (),
    "policies:history": (),
    "policies:hospital": {"scope": "hospital"},
    "policies:block": {"scope": "department", "subject": "cardiology"},
    "ward_charges:overview": (),
    "ward_charges:new": (),
    "ward_charges:charge": {"charge_code": "icu_monitoring"},
    "ward_charges:change": {"charge_code": "icu_monitoring"},
    "ward_charges:template": {"template_code": "intensive_care"},
    "ward_charges:load": (),
    "ward_charges:new-template": (),
    "people:staff": (),
    "people:person": ("user_id",),
    "people:roles": (),
    "people:role": ("role_code",),
    "people:new-role": (),
    "people:audit": (),
    "session-renewed": (),
    "portal:me": (),
    "portal:reminders": (),
}
"""The pages as Django names them, with what their address names: something of that kind, or this very one."""
OF_PATIENTS = frozenset({"portal:me", "portal:reminders"})
"""Opened by a patient; all others by the administrator."""


def address_of(name: str) -> str:
    """Where the page is. Needs the hospital's transaction; raises ``RuntimeError`` when there is nothing to show."""
    parts = PAGES[name]
    found = parts if isinstance(parts, dict) else {part: _FOUND[part]() for part in parts}
    query = f"?q={PERSON}" if name.endswith((":find", "search")) else ""
    return reverse(name, kwargs=found) + query
