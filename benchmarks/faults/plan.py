"""What the client asks for: captures and payments in turn, each under a key of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import orjson

SERVICES = ["consultation", "blood_count", "lipid_panel", "bandage", "vitamins"]


@dataclass(frozen=True)
class Request:
    """One request: POST ``body`` to ``path`` under ``key``."""

    key: str
    kind: Literal["capture", "payment"]
    path: str
    body: dict[str, Any]


def make_plan(count: int, accounts: Sequence[tuple[UUID, UUID]], seed: int) -> list[Request]:
    """``count`` requests for ``accounts`` (patient, patient account); the same seed gives the same plan."""
    choose = random.Random(seed)
    plan = []
    for number in range(count):
        patient_id, account_id = accounts[number // 2 % len(accounts)]
        if number % 2 == 0:
            services = choose.sample(SERVICES, choose.randint(1, 3))
            body: dict[str, Any] = {
                "kind": choose.choice(["lab_test.ordered", "service.provided"]),
                "patient_id": str(patient_id),
                "lines": [
                    {"service": service, "quantity": str(choose.randint(1, 4))} for service in services
                ],
            }
            plan.append(Request(f"capture-{number}", "capture", "/api/v1/events", body))
        else:
            body = {
                "patient_account_id": str(account_id),
                "method": "cash",
                "amount_minor": choose.randint(100, 12_000),
                "currency": "USD",
                "cash_point": "main",
                "excess": "deposit",
            }
            plan.append(Request(f"payment-{number}", "payment", "/api/v1/payments", body))
    return plan


def write_plan(path: Path, plan: Sequence[Request]) -> None:
    path.write_bytes(orjson.dumps([asdict(request) for request in plan]))


def read_plan(path: Path) -> list[Request]:
    return [Request(**request) for request in orjson.loads(path.read_bytes())]
