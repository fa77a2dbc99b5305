"""What the client was told, against what is in the books."""

from __future__ import annotations

from collections import Counter
from typing import Any

from benchmarks.faults.plan import Request


def compare(hospital: Any, plan: list[Request], journal: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Keys that are wrong, by what is wrong with them; empty lists when all is well.

    ``unanswered``: never acknowledged; ``lost``: acknowledged, but not in the books, or as something else;
    ``doubled``: more than once in the books, or acknowledged as two different things; ``unasked``: in the books,
    though nobody asked for it.
    """
    stored = [*_stored_events(hospital), *_stored_payments(hospital)]
    times = Counter(key for key, _ in stored)
    known = dict(stored)
    told: dict[str, dict[str, Any]] = {}
    doubled = [key for key, count in times.items() if count > 1]
    for acknowledgement in journal:
        key, answer = acknowledgement["key"], _shape(acknowledgement)
        if told.setdefault(key, answer) != answer:
            doubled.append(key)
    asked = {request.key for request in plan}
    return {
        "unanswered": sorted(asked - told.keys()),
        "lost": sorted(key for key, answer in told.items() if known.get(key) != answer),
        "doubled": sorted(doubled),
        "unasked": sorted(known.keys() - asked),
    }


def _shape(acknowledgement: dict[str, Any]) -> dict[str, Any]:
    """What both sides must agree on."""
    answer = acknowledgement["answer"]
    if acknowledgement["kind"] == "capture":
        return {
            "id": answer.get("event_id"),
            "charges": sorted((item["id"], item["net_minor"]) for item in answer.get("charge_items", [])),
        }
    return {name: answer.get(name) for name in ("id", "receipt", "amount_minor")}


def _stored_events(hospital: Any) -> list[tuple[str, dict[str, Any]]]:
    from almoner.charging.models import ChargeItem, ClinicalEvent

    with hospital.transaction():
        charges: dict[Any, list[tuple[str, int | None]]] = {}
        for item in ChargeItem.objects.all():
            charges.setdefault(item.event_id, []).append((str(item.id), item.net_minor))
        return [
            (event.idempotency_key, {"id": str(event.id), "charges": sorted(charges.get(event.id, []))})
            for event in ClinicalEvent.objects.all()
        ]


def _stored_payments(hospital: Any) -> list[tuple[str, dict[str, Any]]]:
    from almoner.payments.models import Payment

    with hospital.transaction():
        return [
            (
                payment.idempotency_key,
                {"id": str(payment.id), "receipt": payment.receipt, "amount_minor": payment.amount_minor},
            )
            for payment in Payment.objects.all()
        ]
