"""Closing a drawer: counted, held against the books, emptied to bank and safe or handed to the next cashier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.identity.models import StaffMember, User
from almoner.identity.queries import roles_of
from almoner.identity.roles import actor_for
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.money import Money
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import post
from almoner.payments.denominations import explained_from_minor, worth
from almoner.payments.models import CashSession
from almoner.payments.operations.attempts import (
    COUNT_REFUSED,
    MAXIMUM_ATTEMPTS,
    may_try,
    note_attempt,
)
from almoner.payments.operations.drawers import (
    begin,
    check_slip,
    lines_between,
    locked_open,
    plain_count,
    refuse_closed,
    refuse_second_drawer,
    transfer_cash,
)
from almoner.payments.operations.shared import PERMISSION_RECORD, drawer_line, expected_cash


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

    A count that is refused for its difference is written down (docs/decisions/0024-refused-counts-are-kept.md).
    Raises ``Conflict`` when it is closed already, ``DomainError`` naming the field.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    hashed = content_hash(
        {
            "session": session_id,
            "count": plain_count(count),
            "reason": reason,
            "banked": banked_minor,
            "slip": slip,
            "hand_to": hand_to,
        }
    )
    with transaction(hospital_id):
        session = locked_open(session_id, actor)
        if session.closed_at is not None and (session.closing_key, session.closing_hash) == (
            idempotency_key,
            hashed,
        ):
            return session
        refuse_closed(session)
        counted_minor = worth(count, session.currency)
        _check_close(session, counted_minor, banked_minor, slip, hand_to)
        expected_minor = expected_cash(session.id)
        refusal = _unexplained(session, counted_minor, expected_minor, reason, actor, at)
        if refusal is None:
            _close(
                session,
                count=count,
                counted_minor=counted_minor,
                expected_minor=expected_minor,
                reason=reason.strip(),
                banked_minor=banked_minor,
                slip=slip,
                hand_to=hand_to,
                key=idempotency_key,
                hashed=hashed,
                actor=actor,
                at=at,
            )
    if refusal is not None:
        raise refusal
    return session


def _close(
    session: CashSession,
    *,
    count: Mapping[int, int],
    counted_minor: int,
    expected_minor: int,
    reason: str,
    banked_minor: int,
    slip: str,
    hand_to: UUID | None,
    key: str,
    hashed: str,
    actor: Actor,
    at: datetime,
) -> None:
    difference_minor = counted_minor - expected_minor
    if difference_minor:
        post(
            kind="cash_session.counted",
            source_id=session.id,
            lines=lines_between(session, "cash_over_short", difference_minor),
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
    if banked_minor:
        transfer_cash(session, "banked", banked_minor, slip, f"{key}:banked"[:200], hashed, actor, at)
    left_minor = counted_minor - banked_minor
    if left_minor and hand_to is None:
        post(
            kind="cash_session.closed",
            source_id=session.id,
            lines=lines_between(session, "cash_safe", -left_minor),
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
    _close_row(
        session,
        count=count,
        counted_minor=counted_minor,
        expected_minor=expected_minor,
        reason=reason,
        key=key,
        hashed=hashed,
        actor=actor,
        at=at,
    )
    if hand_to is not None:
        _hand_over(session, hand_to, count, actor, at)


def _unexplained(
    session: CashSession, counted_minor: int, expected_minor: int, reason: str, actor: Actor, at: datetime
) -> DomainError | None:
    """Why a count without a reason is refused; it stays written down.

    Counted again too often, it needs a reason whether it fits or not: what refuses it then tells nothing.
    """
    if reason.strip():
        return None
    if not may_try(COUNT_REFUSED, session, actor):
        return DomainError(
            _("The drawer was counted %(times)d times already. Say why the counts differ.")
            % {"times": MAXIMUM_ATTEMPTS},
            field="reason",
            code="counted_too_often",
        )
    limit = explained_from_minor(session.currency)
    if abs(counted_minor - expected_minor) < limit:
        return None
    note_attempt(COUNT_REFUSED, session, counted_minor, actor=actor, at=at)
    return DomainError(
        _(
            "The count differs from the books by %(limit)s or more. Count again, or say why. This count is "
            "written down."
        )
        % {"limit": Money(limit, session.currency)},
        field="reason",
        code="difference_unexplained",
    )


def _check_close(
    session: CashSession, counted_minor: int, banked_minor: int, slip: str, hand_to: UUID | None
) -> None:
    """Refuse what is wrong whatever should be in the drawer; this comes first, so that it tells nothing of it."""
    if not 0 <= banked_minor <= counted_minor:
        raise DomainError(
            _("No more goes to the bank than was counted."), field="banked_minor", code="invalid_amount"
        )
    if banked_minor:
        check_slip("banked", slip)
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
    if hand_to is not None:
        _next_cashier(session.hospital_id, hand_to)
        refuse_second_drawer(hand_to)


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
    session.closing_count = plain_count(count)
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
    taken = begin(
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
