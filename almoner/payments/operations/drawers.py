"""Drawers: opened with a counted float, and cash moved between them, the bank and the safe while they are open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import Line, post
from almoner.payments.denominations import worth
from almoner.payments.models import CashPoint, CashSession, CashTransfer
from almoner.payments.operations.attempts import (
    MAXIMUM_ATTEMPTS,
    MOVE_REFUSED,
    may_try,
    note_attempt,
)
from almoner.payments.operations.shared import (
    PERMISSION_RECORD,
    PERMISSION_SUPERVISE,
    check_amount,
    drawer_line,
    expected_cash,
    replayed,
)


def open_session(
    hospital_id: UUID,
    *,
    cash_point: str,
    count: Mapping[int, int],
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> CashSession:
    """Open ``actor``'s drawer at ``cash_point`` with the float in ``count`` (pieces by denomination, minor units).

    The float comes out of the safe. Raises ``Conflict`` when the cashier or the cash point has an open one.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    if actor.user_id is None:
        raise DomainError(
            _("A drawer is opened by the person who answers for it."), field="actor", code="no_person"
        )
    hashed = content_hash({"cash_point": cash_point, "count": plain_count(count), "cashier": actor.user_id})
    with transaction(hospital_id):
        before = replayed(CashSession, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        if not CashPoint.objects.filter(code=cash_point, is_active=True).exists():
            raise NotFound(
                _("There is no such cash point at this hospital."),
                field="cash_point",
                code="unknown_cash_point",
            )
        session = begin(
            hospital_id,
            cash_point=cash_point,
            count=count,
            cashier_id=actor.user_id,
            cashier=actor.name,
            idempotency_key=idempotency_key,
            hashed=hashed,
            at=at,
        )
        if session.float_minor:
            post(
                kind="cash_session.opened",
                source_id=session.id,
                lines=lines_between(session, "cash_safe", session.float_minor),
                occurred_at=at,
                posted_at=at,
                actor=actor.name,
            )
        audit.record(
            "cash_session.opened",
            actor=actor,
            at=at,
            subject_kind="cash_session",
            subject_id=session.id,
            cash_point=cash_point,
            float_minor=session.float_minor,
        )
        return session


def plain_count(count: Mapping[int, int]) -> dict[str, int]:
    """A count as it is stored: only what was there, the largest first."""
    return {str(piece): number for piece, number in sorted(count.items(), reverse=True) if number}


def begin(
    hospital_id: UUID,
    *,
    cash_point: str,
    count: Mapping[int, int],
    cashier_id: UUID,
    cashier: str,
    idempotency_key: str,
    hashed: str,
    at: datetime,
    handed_over_from: CashSession | None = None,
) -> CashSession:
    """A new drawer with its float; needs the hospital's transaction. Raises ``Conflict`` when one is open."""
    currency = Hospital.objects.values_list("currency", flat=True).get(id=hospital_id)
    float_minor = worth(count, currency)
    refuse_second_drawer(cashier_id)
    for other in CashSession.objects.filter(closed_at=None, cash_point=cash_point):
        raise Conflict(
            _("This cash point has an open drawer: %(other)s of %(cashier)s.")
            % {"other": other.name, "cashier": other.cashier.partition(":")[2]},
            field="cash_point",
            code="cash_point_has_drawer",
        )
    try:
        with atomic():
            return CashSession.objects.create(
                hospital_id=hospital_id,
                number=next_number(f"drawer:{cash_point}", 0),
                cash_point=cash_point,
                currency=currency,
                cashier_id=cashier_id,
                cashier=cashier,
                opened_at=at,
                float_count=plain_count(count),
                float_minor=float_minor,
                handed_over_from=handed_over_from,
                idempotency_key=idempotency_key,
                content_hash=hashed,
            )
    except IntegrityError as error:
        before = replayed(CashSession, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        raise Conflict(
            _("A drawer of this cashier or at this cash point was opened meanwhile."),
            field="cash_point",
            code="drawer_opened_meanwhile",
        ) from error


def refuse_second_drawer(cashier_id: UUID) -> None:
    """Raise ``Conflict`` when this cashier has an open drawer."""
    for mine in CashSession.objects.filter(closed_at=None, cashier_id=cashier_id):
        raise Conflict(
            _("A drawer of this cashier is open already: %(mine)s. Close it first.") % {"mine": mine.name},
            field="cash_point",
            code="cashier_has_drawer",
        )


def lines_between(session: CashSession, other_account: str, into_drawer_minor: int) -> list[Line]:
    """Cash between the drawer and another account."""
    return [
        drawer_line(session, into_drawer_minor),
        Line(other_account, -into_drawer_minor, session.currency),
    ]


def locked_open(session_id: UUID, actor: Actor) -> CashSession:
    """The session, locked until the commit. Its cashier may act on it, and who supervises drawers."""
    session = CashSession.objects.select_for_update().filter(id=session_id).first()
    if session is None:
        raise NotFound(
            _("There is no such drawer at this hospital."), field="session_id", code="unknown_session"
        )
    if actor.user_id is None or session.cashier_id != actor.user_id:
        actor.require(PERMISSION_SUPERVISE)
    return session


def refuse_closed(session: CashSession) -> None:
    """Raise ``Conflict`` for a drawer that is closed."""
    if session.closed_at is not None:
        raise Conflict(
            _("The drawer %(session)s is closed.") % {"session": session.name},
            field="session_id",
            code="cash_session_closed",
        )


def move_cash(
    hospital_id: UUID,
    session_id: UUID,
    *,
    kind: str,
    amount_minor: int,
    reference: str = "",
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> CashTransfer:
    """Take cash out of an open drawer to the bank (``banked``, with the number of the deposit slip) or to the
    safe (``to_safe``), or bring change in (``from_safe``). ``amount_minor``: minor units.

    Raises ``Conflict`` for more than the drawer holds by the books, which is written down, and when it is closed.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    check_amount(amount_minor)
    if kind not in CashTransfer.Kind.values:
        raise DomainError(
            _("Unknown kind %(kind)r. Known: %(values)s.")
            % {"kind": kind, "values": ", ".join(CashTransfer.Kind.values)},
            field="kind",
            code="unknown_kind",
        )
    check_slip(kind, reference)
    hashed = content_hash(
        {"session": session_id, "kind": kind, "amount": amount_minor, "reference": reference}
    )
    with transaction(hospital_id):
        session = locked_open(session_id, actor)
        before = replayed(CashTransfer, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        refuse_closed(session)
        refusal = None
        if kind != CashTransfer.Kind.FROM_SAFE:
            refusal = _exceeds_drawer(session, amount_minor, actor, at)
        if refusal is None:
            return transfer_cash(session, kind, amount_minor, reference, idempotency_key, hashed, actor, at)
    raise refusal


def _exceeds_drawer(
    session: CashSession, amount_minor: int, actor: Actor, at: datetime
) -> DomainError | None:
    """Why this much cannot leave the drawer; the attempt stays written down."""
    if not may_try(MOVE_REFUSED, session, actor):
        return Conflict(
            _(
                "More was asked for %(times)d times than there is. Whoever supervises drawers moves cash out of this "
                "one now."
            )
            % {"times": MAXIMUM_ATTEMPTS},
            field="amount_minor",
            code="asked_too_often",
        )
    if amount_minor <= expected_cash(session.id):
        return None
    note_attempt(MOVE_REFUSED, session, amount_minor, actor=actor, at=at)
    return Conflict(
        _("By the books there is not so much in the drawer."), field="amount_minor", code="exceeds_drawer"
    )


def check_slip(kind: str, reference: str) -> None:
    """Raise ``DomainError`` when cash goes to the bank without the number of its slip."""
    if kind == CashTransfer.Kind.BANKED and not reference.strip():
        raise DomainError(
            _("Write down the number of the deposit slip."), field="reference", code="slip_missing"
        )


def transfer_cash(
    session: CashSession,
    kind: str,
    amount_minor: int,
    reference: str,
    key: str,
    hashed: str,
    actor: Actor,
    at: datetime,
) -> CashTransfer:
    """Write a transfer of ``amount_minor`` (minor units) and post it; ``key`` and ``hashed`` are the request's."""
    transfer = CashTransfer.objects.create(
        hospital_id=session.hospital_id,
        cash_session=session,
        kind=kind,
        amount_minor=amount_minor,
        currency=session.currency,
        reference=reference.strip(),
        at=at,
        moved_by=actor.name,
        idempotency_key=key,
        content_hash=hashed,
    )
    other = "bank" if kind == CashTransfer.Kind.BANKED else "cash_safe"
    into_drawer_minor = amount_minor if kind == CashTransfer.Kind.FROM_SAFE else -amount_minor
    post(
        kind="cash.transferred",
        source_id=transfer.id,
        lines=lines_between(session, other, into_drawer_minor),
        occurred_at=at,
        posted_at=at,
        actor=actor.name,
    )
    audit.record(
        f"cash.{kind}",
        actor=actor,
        at=at,
        subject_kind="cash_session",
        subject_id=session.id,
        amount_minor=amount_minor,
        reference=reference.strip(),
    )
    return transfer
