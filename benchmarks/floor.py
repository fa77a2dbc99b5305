"""What PostgreSQL itself needs: hand-written statements, prepared, autocommit, nothing in between.

The connection says once which hospital it means and is the application's role. Identifiers are made as
the operations make theirs; every other value is known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

import psycopg

from almoner.kernel.ids import new_id

HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that the benchmark adds charges to, by its identifiers (as UUID or as text)."""

    encounter_id: Any
    patient_id: Any
    account_id: Any
    department_id: Any


HandWrittenEvent = tuple[Visit, list[tuple[Any, int]], str]
"""A visit, its lines (service, price in minor units), a key."""
HandWrittenPayment = tuple[Visit, list[tuple[Any, Any, int]], str, str]
"""A visit, what is paid (charge item, service, amount in minor units), a cash point, a key."""


@cache
def statement(name: str) -> str:
    """The floor's SQL, as it is printed."""
    return resources.files("benchmarks").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def connect(url: str, hospital_id: UUID) -> psycopg.Connection[Any]:
    """A connection in autocommit with server-side prepared statements, at work for one hospital."""
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
    connection.execute("SELECT set_config('almoner.hospital_id', %s, false)", [str(hospital_id)])
    return connection


def capture_parameters(hospital_id: UUID, event: HandWrittenEvent, at: datetime) -> dict[str, Any]:
    """What ``capture.sql`` is given for one event."""
    visit, lines, key = event
    parameters: dict[str, Any] = {
        "hospital": hospital_id,
        "event": new_id(),
        "entry": new_id(),
        "key": key,
        "hash": HASH,
        "at": at,
        "date": at.date(),
        "patient": visit.patient_id,
        "account": visit.account_id,
        "encounter": visit.encounter_id,
        "department": visit.department_id,
    }
    for number, (service_id, net_minor) in enumerate(lines, start=1):
        parameters |= {
            f"item_{number}": new_id(),
            f"service_{number}": service_id,
            f"net_{number}": net_minor,
        }
    return parameters


def batch_parameters(hospital_id: UUID, events: list[HandWrittenEvent], at: datetime) -> dict[str, Any]:
    """What ``capture_batch.sql`` is given for many events."""
    event_ids = [new_id() for _ in events]
    lines = [
        (event_id, number, service_id, net_minor)
        for event_id, (_, priced, _) in zip(event_ids, events, strict=True)
        for number, (service_id, net_minor) in enumerate(priced, start=1)
    ]
    visits = [visit for visit, _, _ in events]
    return {
        "hospital": hospital_id,
        "at": at,
        "date": at.date(),
        "department": visits[0].department_id,
        "events": event_ids,
        "keys": [key for _, _, key in events],
        "hashes": [HASH] * len(events),
        "patients": [visit.patient_id for visit in visits],
        "accounts": [visit.account_id for visit in visits],
        "encounters": [visit.encounter_id for visit in visits],
        "entries": [new_id() for _ in events],
        "item_events": [event_id for event_id, _, _, _ in lines],
        "numbers": [number for _, number, _, _ in lines],
        "items": [new_id() for _ in lines],
        "services": [service_id for _, _, service_id, _ in lines],
        "nets": [net_minor for _, _, _, net_minor in lines],
    }


def payment_parameters(hospital_id: UUID, payment: HandWrittenPayment, at: datetime) -> dict[str, Any]:
    """What ``payment.sql`` is given for a payment in full of three charges."""
    visit, items, cash_point, key = payment
    parameters: dict[str, Any] = {
        "hospital": hospital_id,
        "payment": new_id(),
        "entry": new_id(),
        "key": key,
        "hash": HASH,
        "at": at,
        "year": at.year,
        "series": cash_point.upper(),
        "cash_point": cash_point,
        "account": visit.account_id,
        "encounter": visit.encounter_id,
        "department": visit.department_id,
        "amount": sum(net_minor for _, _, net_minor in items),
    }
    for number, (item_id, service_id, net_minor) in enumerate(items, start=1):
        parameters |= {
            f"item_{number}": item_id,
            f"service_{number}": service_id,
            f"net_{number}": net_minor,
        }
    return parameters
