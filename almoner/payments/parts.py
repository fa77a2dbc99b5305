"""Charges that are paid in one sum: a payment that leaves a part of such a charge open is not recorded.

Which charges those are is a policy (sections 4.1 and 4.2), and policies are kept by a room above this one. That
room's ``AppConfig`` names its rule (``part_rule``, a dotted name), as a service point names its API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.money import Money
from almoner.kernel.tenancy import autocommit, transaction


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """A charge of which a payment covers ``paid_minor`` and leaves ``left_minor`` open."""

    service: str
    name: str
    department: str
    patient_category: str
    required_at: tuple[str, ...]
    paid_minor: int
    left_minor: int


class PartRule(Protocol):
    """The policies of one configuration version, as far as parts are concerned."""

    @property
    def version(self) -> int: ...

    @property
    def refuses_parts(self) -> bool:
        """Whether any charge at all is paid in one sum."""

    def in_one_sum(self, charge: LeftOpen) -> bool:
        """Whether ``charge`` may not be paid in parts."""


@cache
def _read_rule() -> Callable[..., PartRule] | None:
    """``f(hospital_id, fresh=...)``, of the room that keeps the policies."""
    names = [getattr(config, "part_rule", "") for config in apps.get_app_configs()]
    return next((import_string(name) for name in names if name), None)


def record_in_whole(hospital_id: UUID, record: Callable[[int | None], Any], currency: str) -> Any:
    """What ``record(version)`` returns, unless it pays a part of what is paid in one sum: then nothing is written.

    ``record`` gives None when ``version`` is not in force any more; it is asked once more with the version that is.
    Raises ``DomainError`` at ``amount_minor``.
    """
    read = _read_rule()
    if read is None:
        with autocommit(hospital_id):
            return record(None)
    for fresh in (False, True):
        rule = read(hospital_id, fresh=fresh)
        with transaction(hospital_id) if rule.refuses_parts else autocommit(hospital_id):
            row = record(rule.version)
            if row is not None and rule.refuses_parts and row[0] == "recorded":
                _check(rule, row[1], currency)
        if row is not None:
            return row
    raise Conflict(
        _("The configuration was changed while this was being recorded. Please try again."),
        code="configuration_changed",
    )


def _check(rule: PartRule, payment_id: UUID, currency: str) -> None:
    for charge in _left_open(payment_id):
        if rule.in_one_sum(charge):
            paid, left = Money(charge.paid_minor, currency), Money(charge.left_minor, currency)
            raise DomainError(
                _(
                    "%(charge)s is paid in one sum. This payment covers %(paid)s of it and "
                    "leaves %(left)s open."
                )
                % {"charge": charge.name, "paid": paid, "left": left},
                field="amount_minor",
                code="part_not_allowed",
            )


def _left_open(payment_id: UUID) -> list[LeftOpen]:
    """The charges of which the payment pays a part, unless a payment plan on track covers their visit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.code, s.name, coalesce(d.code, ''), p.category, i.required_at, a.amount_minor,"
            " o.patient_minor FROM payments_allocation AS a"
            " JOIN payments_payment AS pay ON pay.hospital_id = a.hospital_id AND pay.id = a.payment_id"
            " JOIN charging_chargeitem AS i ON i.hospital_id = a.hospital_id AND i.id = a.charge_item_id"
            " JOIN ledger_openitem AS o ON o.hospital_id = i.hospital_id AND o.id = i.id"
            " JOIN catalog_service AS s ON s.hospital_id = i.hospital_id AND s.id = i.service_id"
            " JOIN patients_patient AS p ON p.hospital_id = i.hospital_id AND p.id = i.patient_id"
            " LEFT JOIN hospitals_department AS d ON d.hospital_id = i.hospital_id AND d.id = i.department_id"
            " WHERE a.payment_id = %s AND o.patient_minor > 0 AND NOT EXISTS ("
            "  SELECT FROM payments_paymentplan AS plan"
            "  CROSS JOIN LATERAL payments_plan_standing(i.hospital_id, plan.id, pay.recorded_at) AS s"
            "  WHERE plan.hospital_id = i.hospital_id AND s.status = 'on_track' AND plan.patient_account_id IN ("
            "   SELECT other.id FROM patients_patientaccount AS own JOIN patients_patientaccount AS other"
            "   ON other.hospital_id = own.hospital_id AND other.patient_id = own.patient_id"
            "   WHERE own.hospital_id = i.hospital_id AND own.id = i.patient_account_id)"
            "  AND (plan.encounter_id IS NULL OR plan.encounter_id = i.encounter_id))"
            " ORDER BY i.id",
            [payment_id],
        )
        return [
            LeftOpen(service, name, department, category, tuple(steps), paid, left)
            for service, name, department, category, steps, paid, left in cursor.fetchall()
        ]
