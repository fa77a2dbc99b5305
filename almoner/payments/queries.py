"""Reads of drawers: who has which open, and what happened in a session, as its report says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.kernel.errors import NotFound
from almoner.ledger.queries import SessionMovement, session_movements
from almoner.payments.models import CashSession, CashTransfer
from almoner.payments.operations.shared import LEDGER_ACCOUNT_OF_METHOD

_METHOD_OF_ACCOUNT = {account: str(method.value) for method, account in LEDGER_ACCOUNT_OF_METHOD.items()}
_GIVEN_BACK = ("payment.voided", "payment.refunded")


@dataclass(frozen=True, slots=True)
class MethodTaken:
    """One method in a session, in minor units: ``received``, and ``given_back`` by voids and refunds."""

    method: str
    received_minor: int = 0
    given_back_minor: int = 0
    received_count: int = 0
    given_back_count: int = 0

    @property
    def net_minor(self) -> int:
        return self.received_minor - self.given_back_minor


@dataclass(frozen=True, slots=True)
class SessionReport:
    """A session as the ledger has it: an X report while it is open, a Z report once it is closed.

    ``expected_minor`` is what should be in the drawer: float, cash received, less given back, banked and
    moved; after the close, what should have been when it was counted.
    """

    session: CashSession
    methods: tuple[MethodTaken, ...]
    transfers: tuple[CashTransfer, ...]
    expected_minor: int


def find_session(session_id: UUID) -> CashSession:
    """The session of the open transaction's hospital. Raises ``NotFound``."""
    session = CashSession.objects.filter(id=session_id).first()
    if session is None:
        raise NotFound(
            _("There is no such drawer at this hospital."), field="session_id", code="unknown_session"
        )
    return session


def open_session_of(user_id: UUID | None) -> CashSession | None:
    """The drawer that the user has open now; one statement."""
    if user_id is None:
        return None
    return CashSession.objects.filter(cashier_id=user_id, closed_at=None).first()


def session_report(session: CashSession) -> SessionReport:
    """What happened in ``session``; two statements."""
    movements = session_movements(session.id)
    expected_minor = session.expected_minor
    if expected_minor is None:
        expected_minor = sum(one.amount_minor for one in movements if one.account_code == "cash_drawer")
    transfers = CashTransfer.objects.filter(cash_session=session).order_by("at", "id")
    return SessionReport(session, _methods(movements), tuple(transfers), expected_minor)


def _methods(movements: list[SessionMovement]) -> tuple[MethodTaken, ...]:
    taken: dict[str, MethodTaken] = {}
    for one in movements:
        method = _METHOD_OF_ACCOUNT[one.account_code]
        before = taken.get(method, MethodTaken(method))
        if one.kind == "payment.received":
            taken[method] = replace(
                before,
                received_minor=before.received_minor + one.amount_minor,
                received_count=before.received_count + one.entries,
            )
        elif one.kind in _GIVEN_BACK:
            taken[method] = replace(
                before,
                given_back_minor=before.given_back_minor - one.amount_minor,
                given_back_count=before.given_back_count + one.entries,
            )
    return tuple(taken[method] for method in _METHOD_OF_ACCOUNT.values() if method in taken)
