"""The rows of claims_transactions into the books: charges captured, payments recorded, shares handed over.

A window of rows is one transaction: after a kill the next run finds it whole or not at all. Nothing is
posted twice, because every row's event key, payment id and journal entry id follow from its id in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from almoner.charging.operations import capture_batch
from almoner.charging.rules import Event, EventLine
from almoner.hospitals.models import Hospital
from almoner.interop.synthea.movements import Item, Movements
from almoner.interop.synthea.staging import derived
from almoner.interop.synthea.statistics import Growth
from almoner.kernel.actor import Actor
from almoner.kernel.idempotency import content_hash
from almoner.kernel.tenancy import transaction
from almoner.ledger.batches import post_many
from almoner.payments.batches import record_many
from almoner.payments.models import Payment
from almoner.payments.operations import LEDGER_ACCOUNT_OF_METHOD

WINDOW = 1000

# How Synthea names a method, and how it is recorded: our method, and a cash point (so a receipt series) of
# its own. A co-pay says what was paid, not how; it is taken as cash.
METHODS: dict[str, tuple[Payment.Method, str]] = {
    "CASH": (Payment.Method.CASH, "synthea-cash"),
    "CC": (Payment.Method.CARD, "synthea-cc"),
    "CHECK": (Payment.Method.CHEQUE, "synthea-check"),
    "ECHECK": (Payment.Method.BANK_TRANSFER, "synthea-echeck"),
    "COPAY": (Payment.Method.CASH, "synthea-copay"),
}

_WINDOW = f"""
SELECT s.line, s.source, s.kind, s.claim, s.encounter, s.amount_minor, s.unit_amount_minor, s.units,
       s.method, s.transfer_type, s.payments_minor, s.adjustments_minor, s.transfers_minor, s.happened_at,
       s.service, s.id, s.entry_id, s.handover_entry_id, s.payer, s.charge_source,
       event.id IS NOT NULL OR entry.id IS NOT NULL AS posted
FROM (SELECT * FROM synthea_step WHERE line > %s ORDER BY line LIMIT {WINDOW}) AS s
LEFT JOIN charging_clinicalevent AS event
    ON s.kind = 'CHARGE' AND event.hospital_id = %s
   AND event.idempotency_key = 'synthea:charge:' || s.source
LEFT JOIN ledger_journalentry AS entry
    ON s.kind <> 'CHARGE' AND entry.hospital_id = %s AND entry.id = s.entry_id
ORDER BY s.line
"""

_LOCK_ACCOUNTS = """
SELECT FROM patients_patientaccount WHERE hospital_id = %s AND id IN (
    SELECT item.patient_account_id FROM charging_clinicalevent AS event
    JOIN charging_chargeitem AS item ON item.hospital_id = event.hospital_id AND item.event_id = event.id
    WHERE event.hospital_id = %s AND event.idempotency_key = ANY (%s))
ORDER BY id FOR NO KEY UPDATE
"""

_ITEMS = """
SELECT DISTINCT ON (event.id) event.idempotency_key AS key, item.id, item.patient_account_id,
       item.department_id, item.service_id, item.currency, coalesce(o.patient_minor, 0) AS patient_open,
       coalesce(o.payer_minor, 0) AS payer_open
FROM charging_clinicalevent AS event
JOIN charging_chargeitem AS item ON item.hospital_id = event.hospital_id AND item.event_id = event.id
LEFT JOIN ledger_openitem AS o ON o.hospital_id = item.hospital_id AND o.id = item.id
WHERE event.hospital_id = %s AND event.idempotency_key = ANY (%s)
ORDER BY event.id, item.revision DESC
"""


def charge_key(source: str) -> str:
    """The idempotency key of the event that a CHARGE row becomes."""
    return f"synthea:charge:{source}"


def post_rows(
    hospital: Hospital,
    *,
    actor: Actor,
    at: datetime,
    advance: Callable[[int], None],
    growth: Growth,
) -> int:
    """Post every staged row that is not in the books yet, window by window; returns how many were posted.

    ``advance`` is told the number of rows after each window, ``growth`` how many were posted.
    """
    line = posted = 0
    while True:
        with transaction(hospital.id):
            window = _fetch(_WINDOW, [line, hospital.id, hospital.id])
            fresh = [row for row in window if not row["posted"]]
            fresh_posted = _post_window(hospital, fresh, actor, at) if fresh else 0
        if not window:
            return posted
        line = window[-1]["line"]
        posted += fresh_posted
        growth.add(fresh_posted)
        advance(len(window))


def _fetch(statement: str, parameters: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _post_window(hospital: Hospital, rows: list[dict[str, Any]], actor: Actor, at: datetime) -> int:
    """Post the rows of one window in the order of the file; returns how many of them posted something."""
    charges = [row for row in rows if row["kind"] == "CHARGE"]
    if charges:
        events = [_event(hospital.id, row) for row in charges]
        capture_batch(hospital.id, events, actor=actor, at=at, historical=True)
    items = _locked_items(hospital.id, {charge_key(row["charge_source"]) for row in rows})
    movements = Movements(actor.name, at)
    moved = 0
    for row in rows:
        moved += _move(hospital, row, items[charge_key(row["charge_source"])], movements)
    post_many(movements.entries, movements.lines)
    record_many(movements.payments, movements.allocations, actor=actor)
    return len(charges) + moved


def _locked_items(hospital_id: UUID, keys: set[str]) -> dict[str, Item]:
    """The charge items behind the events of these keys; their accounts are locked until the end."""
    ordered = sorted(keys)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_ACCOUNTS, [hospital_id, hospital_id, ordered])
    return {row.pop("key"): Item(**row) for row in _fetch(_ITEMS, [hospital_id, ordered])}


def _event(hospital_id: UUID, row: dict[str, Any]) -> Event:
    """The event behind a CHARGE row; its AMOUNT counts even where it is not UNITS times UNITAMOUNT."""
    quantity, price = row["units"], row["unit_amount_minor"]
    if quantity * price != row["amount_minor"]:
        quantity, price = Decimal(1), row["amount_minor"]
    line = EventLine(row["service"], quantity=quantity, price_minor=price)
    return Event(
        kind="service.provided",
        idempotency_key=charge_key(row["source"]),
        occurred_at=row["happened_at"],
        encounter_id=derived(hospital_id, "encounter", row["encounter"]),
        lines=(line,),
        body={"source": "synthea", "claim": row["claim"], "transaction": row["source"]},
    )


def _move(hospital: Hospital, row: dict[str, Any], item: Item, movements: Movements) -> int:
    """Add what a row moves to ``movements``; 1 when a row that is no charge posts something, else 0."""
    payer_id = derived(hospital.id, "payer", row["payer"]) if row["payer"] else None
    entry_id, happened_at = row["entry_id"], row["happened_at"]
    match row["kind"], row["transfer_type"]:
        case ("CHARGE", "1" | "2") if payer_id:
            movements.take_over(item, row["amount_minor"], entry_id, payer_id, happened_at)
        case ("TRANSFERIN", "1" | "2") if payer_id:
            moved = movements.take_over(item, row["transfers_minor"], entry_id, payer_id, happened_at)
            return int(moved != 0)
        case ("TRANSFEROUT", _) if payer_id:
            moved = movements.hand_back(item, row["transfers_minor"], entry_id, payer_id, happened_at)
            return int(moved != 0)
        case ("ADJUSTMENT", _):
            reduced = movements.adjust(item, row["adjustments_minor"], entry_id, payer_id, happened_at)
            return int(reduced != 0)
        case ("PAYMENT", _) if row["payments_minor"]:
            payment = _payment(hospital, row, item, payer_id, movements)
            movements.pay(item, payment, row["handover_entry_id"], payer_id)
            return 1
    return 0


def _payment(
    hospital: Hospital, row: dict[str, Any], item: Item, payer_id: UUID | None, movements: Movements
) -> dict[str, Any]:
    """What ``record_many`` expects. An ECHECK is the payer's, every other method the patient's."""
    method, cash_point = METHODS[row["method"]]
    amount = row["payments_minor"]
    received = row["happened_at"].astimezone(ZoneInfo(hospital.time_zone))
    payment = {
        "patient_account_id": item.patient_account_id,
        "encounter_id": derived(hospital.id, "encounter", row["encounter"]),
        "payer_id": payer_id if row["method"] == "ECHECK" else None,
        "method": method,
        "tendered_minor": amount,
        "change_minor": 0,
        "amount_minor": amount,
        "currency": hospital.currency,
        "reference": f"{row['method']} {row['source']}",
        "cash_point": cash_point,
        "received_at": row["happened_at"],
    }
    return {
        **payment,
        "id": row["id"],
        "entry_id": row["entry_id"],
        "account_code": LEDGER_ACCOUNT_OF_METHOD[method],
        "receipt_series": cash_point.upper(),
        "receipt_year": received.year,
        "recorded_at": movements.at,
        "received_by": movements.actor,
        "idempotency_key": f"synthea:payment:{row['source']}",
        "content_hash": content_hash(payment),
    }
