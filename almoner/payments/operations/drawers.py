"""Drawers: opened with a counted float, emptied to bank and safe, closed with a count, handed to the next cashier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.identity.models import StaffMember, User
from almoner.identity.queries import roles_of
from almoner.identity.roles import actor_for
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.models import next_number
from almoner.kernel.money import Money
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import Line, post
from almoner.payments.denominations import explained_from_minor, worth
from almoner.payments.models import CashPoint, CashSession, CashTransfer
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
    hashed = content_hash({"cash_point": cash_point, "count": _plain(count), "cashier": actor.user_id})
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
        session = _begin(
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
                lines=_lines(session, "cash_safe", session.float_minor),
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


def _plain(count: Mapping[int, int]) -> dict[str, int]:
    """A count as it is stored: only what was there, the largest first."""
    return {str(piece): number for piece, number in sorted(count.items(), reverse=True) if number}


def _begin(
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
    currency = Hospital.objects.values_list("currency", flat=True).get(id=hospital_id)
    float_minor = worth(count, currency)
    for mine in CashSession.objects.filter(closed_at=None, cashier_id=cashier_id):
        raise Conflict(
            _("A drawer of this cashier is open already: %(mine)s. Close it first.") % {"mine": mine.name},
            field="cash_point",
            code="cashier_has_drawer",
        )
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
                float_count=_plain(count),
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


def _lines(session: CashSession, other_account: str, into_drawer_minor: int) -> list[Line]:
    """Cash between the drawer and another account."""
    return [
        drawer_line(session, into_drawer_minor),
        Line(other_account, -into_drawer_minor, session.currency),
    ]


def _locked_open(session_id: UUID, actor: Actor) -> CashSession:
    """The session, locked until the commit. Its cashier may act on it, and who supervises drawers."""
    session = CashSession.objects.select_for_update().filter(id=session_id).first()
    if session is None:
        raise NotFound(
            _("There is no such drawer at this hospital."), field="session_id", code="unknown_session"
        )
    if actor.user_id is None or session.cashier_id != actor.user_id:
        actor.require(PERMISSION_SUPERVISE)
    return session


def _refuse_closed(session: CashSession) -> None:
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

    Raises ``Conflict`` for more than the drawer holds by the books, and when it is closed.
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
    _check_slip(kind, reference)
    hashed = content_hash(
        {"session": session_id, "kind": kind, "amount": amount_minor, "reference": reference}
    )
    with transaction(hospital_id):
        session = _locked_open(session_id, actor)
        before = replayed(CashTransfer, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        _refuse_closed(session)
        if kind != CashTransfer.Kind.FROM_SAFE and amount_minor > expected_cash(session.id):
            raise Conflict(
                _("By the books there is not so much in the drawer."),
                field="amount_minor",
                code="exceeds_drawer",
            )
        return _transfer(session, kind, amount_minor, reference, idempotency_key, hashed, actor, at)


def _check_slip(kind: str, reference: str) -> None:
    if kind == CashTransfer.Kind.BANKED and not reference.strip():
        raise DomainError(
            _("Write down the number of the deposit slip."), field="reference", code="slip_missing"
        )


def _transfer(
    session: CashSession,
    kind: str,
    amount_minor: int,
    reference: str,
    key: str,
    hashed: str,
    actor: Actor,
    at: datetime,
) -> CashTransfer:
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
        lines=_lines(session, other, into_drawer_minor),
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


def close_session(
    hospital_id: UUID,
    session_id: UUID,
    *,
    count: Mapping[int, int],
    reason: str = "",
    banked_minor: int = 0,
    slip: str = "",
    hand_to: UUID | None = None,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> CashSession:
    """Close a drawer with what was counted in it (pieces by denomination, minor units).

    What the books expect is read after the drawer was locked. A difference is posted to cash over and short;
    from ``explained_from_minor`` on it needs a ``reason``. Of what was counted, ``banked_minor`` goes to the bank
    with its ``slip``, the rest to the safe. With ``hand_to`` (a user who may take payments) all of it is the
    counted float of that cashier's drawer instead. Returns the closed session.

    Raises ``Conflict`` when it is closed already, ``DomainError`` naming the field.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    hashed = content_hash(
        {
            "session": session_id,
            "count": _plain(count),
            "reason": reason,
            "banked": banked_minor,
            "slip": slip,
            "hand_to": hand_to,
        }
    )
    with transaction(hospital_id):
        session = _locked_open(session_id, actor)
        if session.closed_at is not None and (session.closing_key, session.closing_hash) == (
            idempotency_key,
            hashed,
        ):
            return session
        _refuse_closed(session)
        counted_minor = worth(count, session.currency)
        expected_minor = expected_cash(session.id)
        _check_close(session, counted_minor, expected_minor, reason, banked_minor, slip, hand_to)
        difference_minor = counted_minor - expected_minor
        if difference_minor:
            post(
                kind="cash_session.counted",
                source_id=session.id,
                lines=_lines(session, "cash_over_short", difference_minor),
                occurred_at=at,
                posted_at=at,
                actor=actor.name,
            )
        if banked_minor:
            _transfer(
                session, "banked", banked_minor, slip, f"{idempotency_key}:banked"[:200], hashed, actor, at
            )
        left_minor = counted_minor - banked_minor
        if left_minor and hand_to is None:
            post(
                kind="cash_session.closed",
                source_id=session.id,
                lines=_lines(session, "cash_safe", -left_minor),
                occurred_at=at,
                posted_at=at,
                actor=actor.name,
            )
        _close_row(
            session,
            count=count,
            counted_minor=counted_minor,
            expected_minor=expected_minor,
            reason=reason.strip(),
            key=idempotency_key,
            hashed=hashed,
            actor=actor,
            at=at,
        )
        if hand_to is not None:
            _hand_over(session, hand_to, count, actor, at)
        return session


def _check_close(
    session: CashSession,
    counted_minor: int,
    expected_minor: int,
    reason: str,
    banked_minor: int,
    slip: str,
    hand_to: UUID | None,
) -> None:
    limit = explained_from_minor(session.currency)
    if abs(counted_minor - expected_minor) >= limit and not reason.strip():
        raise DomainError(
            _("The count differs from the books by %(limit)s or more. Count again, or say why.")
            % {"limit": Money(limit, session.currency)},
            field="reason",
            code="difference_unexplained",
        )
    if not 0 <= banked_minor <= counted_minor:
        raise DomainError(
            _("No more goes to the bank than was counted."), field="banked_minor", code="invalid_amount"
        )
    if banked_minor:
        _check_slip("banked", slip)
    if hand_to is not None and banked_minor:
        raise DomainError(
            _(
                "Bank cash before the drawer is handed over, not with it: the next cashier "
                "takes what was counted."
            ),
            field="banked_minor",
            code="banked_at_handover",
        )
    if hand_to is not None and hand_to == session.cashier_id:
        raise DomainError(_("Hand the drawer to somebody else."), field="hand_to", code="same_cashier")


def _close_row(
    session: CashSession,
    *,
    count: Mapping[int, int],
    counted_minor: int,
    expected_minor: int,
    reason: str,
    key: str,
    hashed: str,
    actor: Actor,
    at: datetime,
) -> None:
    session.closed_at = at
    session.closed_by = actor.name
    session.closing_count = _plain(count)
    session.counted_minor = counted_minor
    session.expected_minor = expected_minor
    session.difference_reason = reason
    session.closing_key = key
    session.closing_hash = hashed
    session.save(
        update_fields=[
            "closed_at",
            "closed_by",
            "closing_count",
            "counted_minor",
            "expected_minor",
            "difference_reason",
            "closing_key",
            "closing_hash",
        ]
    )
    audit.record(
        "cash_session.closed",
        actor=actor,
        at=at,
        subject_kind="cash_session",
        subject_id=session.id,
        counted_minor=counted_minor,
        expected_minor=expected_minor,
        reason=reason,
    )


def _next_cashier(hospital_id: UUID, user_id: UUID) -> Actor:
    user = User.objects.filter(id=user_id, is_active=True).first()
    suspended = StaffMember.objects.filter(
        hospital_id=hospital_id, user=user_id, suspended_at__isnull=False
    ).exists()
    if user is not None and not suspended:
        held = user.memberships.filter(hospital_id=hospital_id).values_list("role", flat=True)
        cashier = actor_for(user, held, roles_of(hospital_id))
        if cashier.may(PERMISSION_RECORD):
            return cashier
    raise DomainError(
        _("The drawer is handed to somebody who takes payments at this hospital."),
        field="hand_to",
        code="unknown_cashier",
    )


def _hand_over(
    session: CashSession, user_id: UUID, count: Mapping[int, int], actor: Actor, at: datetime
) -> None:
    """The next cashier's drawer, opened with what was counted; the cash goes from the one to the other."""
    to = _next_cashier(session.hospital_id, user_id)
    taken = _begin(
        session.hospital_id,
        cash_point=session.cash_point,
        count=count,
        cashier_id=user_id,
        cashier=to.name,
        idempotency_key=f"handover:{session.id}",
        hashed=session.closing_hash,
        at=at,
        handed_over_from=session,
    )
    if taken.float_minor:
        post(
            kind="cash_session.handed_over",
            source_id=taken.id,
            lines=[drawer_line(taken, taken.float_minor), drawer_line(session, -taken.float_minor)],
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
    audit.record(
        "cash_session.handed_over",
        actor=actor,
        at=at,
        subject_kind="cash_session",
        subject_id=taken.id,
        handed_over_from=str(session.id),
        taken_by=to.name,
        float_minor=taken.float_minor,
    )
