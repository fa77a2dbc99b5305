"""Drawers as the pages show them: the list, and a session's report for the screen and for paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.identity.models import AuditRecord, StaffMember, User
from almoner.identity.queries import roles_of
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import require_transaction
from almoner.pages.presenters import METHODS, Formats
from almoner.payments.models import CashSession
from almoner.payments.operations import PERMISSION_RECORD, PERMISSION_SUPERVISE
from almoner.payments.operations.attempts import COUNT_REFUSED
from almoner.payments.queries import MethodTaken, SessionReport

MAXIMUM_SESSIONS = 100
PRINTED = "cash_session.printed"
TRANSFERS = {
    "banked": _("To the bank"),
    "to_safe": _("To the safe"),
    "from_safe": _("Change from the safe"),
}


def colleagues_of(hospital_id: UUID, session: CashSession) -> list[tuple[str, str]]:
    """Id and name of those who may take the drawer over: they take payments and have none open; three statements."""
    roles = [
        code
        for code, role in roles_of(hospital_id).items()
        if role.everything or PERMISSION_RECORD in role.permissions
    ]
    suspended = StaffMember.objects.filter(hospital_id=hospital_id, suspended_at__isnull=False)
    busy = CashSession.objects.filter(closed_at=None).values_list("cashier_id", flat=True)
    users = (
        User.objects.filter(is_active=True, memberships__hospital_id=hospital_id, memberships__role__in=roles)
        .exclude(id__in=[session.cashier_id, *busy])
        .exclude(id__in=suspended.values("user_id"))
        .order_by("name", "id")
        .distinct()
    )
    return [(str(user.id), str(user)) for user in users]


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session with what was taken in it, of all methods, in minor units."""

    id: UUID
    cash_point: str
    number: int
    cashier: str
    opened_at: datetime
    closed_at: datetime | None
    float_minor: int
    expected_minor: int | None
    counted_minor: int | None
    taken_minor: int


_SESSIONS = """
WITH listed AS (
    SELECT session.* FROM payments_cashsession AS session
    WHERE session.hospital_id = %(hospital)s AND (%(cashier)s::uuid IS NULL OR session.cashier_id = %(cashier)s::uuid)
    ORDER BY session.closed_at IS NOT NULL, session.opened_at DESC, session.id DESC
    LIMIT %(limit)s
)
SELECT listed.id, listed.cash_point, listed.number, listed.cashier, listed.opened_at, listed.closed_at,
       listed.float_minor, listed.expected_minor, listed.counted_minor,
       coalesce((SELECT sum(posting.amount_minor) FROM ledger_posting AS posting
                 WHERE posting.hospital_id = %(hospital)s AND posting.cash_session_id = listed.id
                   AND posting.payment_id IS NOT NULL), 0)::bigint
FROM listed
ORDER BY listed.closed_at IS NOT NULL, listed.opened_at DESC, listed.id DESC
"""


def list_sessions(cashier_id: UUID | None) -> list[ListedSession]:
    """Open drawers first, then the latest; of one cashier, or of all; one statement."""
    parameters = {"hospital": require_transaction(), "cashier": cashier_id, "limit": MAXIMUM_SESSIONS}
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS, parameters)
        return [ListedSession(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A drawer of the list. ``tone``: good (agrees), due (over or short), open."""

    url: str
    name: str
    cashier: str
    opened: str
    closed: str
    taken: str
    expected: str
    counted: str
    difference: Any
    tone: str


def session_row(one: ListedSession, formats: Formats, *, today: date) -> SessionRow:
    difference: Any = _("open")
    tone = "open"
    if one.counted_minor is not None and one.expected_minor is not None:
        difference = difference_said(one.counted_minor - one.expected_minor, formats)
        tone = "good" if one.counted_minor == one.expected_minor else "due"
    return SessionRow(
        url=reverse("cashier:session", args=[one.id]),
        name=f"{one.cash_point.upper()}/{one.number}",
        cashier=formats.person(one.cashier),
        opened=moment(one.opened_at, formats, today),
        closed=moment(one.closed_at, formats, today) if one.closed_at else "",
        taken=formats.money(one.taken_minor),
        expected=formats.money(one.expected_minor) if one.expected_minor is not None else "",
        counted=formats.money(one.counted_minor) if one.counted_minor is not None else "",
        difference=difference,
        tone=tone,
    )


def difference_said(minor: int, formats: Formats) -> Any:
    """A difference in words: ``$2.00 short``."""
    if minor == 0:
        return _("agrees")
    if minor > 0:
        return _("%(amount)s over") % {"amount": formats.money(minor)}
    return _("%(amount)s short") % {"amount": formats.money(-minor)}


def moment(at: datetime, formats: Formats, today: date) -> str:
    """The time, and the day before it when it is not today."""
    local = formats.local_date(at)
    return formats.time(at) if local == today else f"{formats.moment(at, today=today)} {formats.time(at)}"


@dataclass(frozen=True, slots=True)
class MethodRow:
    method: Any
    taken: str
    given_back: str
    net: str
    count: int


@dataclass(frozen=True, slots=True)
class TransferRow:
    what: Any
    reference: str
    when: str
    by: str
    amount: str


@dataclass(frozen=True, slots=True)
class CountedRow:
    piece: str
    number: int
    worth: str


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A session's report in words. What a cashier may not know before counting is empty (``is_blind``)."""

    id: UUID
    title: Any
    name: str
    is_open: bool
    is_blind: bool
    hospital: str
    cashier: str
    cash_point: str
    opened: str
    closed: str
    closed_by: str
    from_name: str
    from_url: str
    to_name: str
    to_url: str
    float: str
    methods: tuple[MethodRow, ...]
    transfers: tuple[TransferRow, ...]
    float_count: tuple[CountedRow, ...]
    closing_count: tuple[CountedRow, ...]
    expected: str
    counted: str
    difference: Any
    tone: str
    reason: str
    attempts: tuple[str, ...]
    copy: str


def is_blind(session: CashSession, actor: Actor) -> bool:
    """Whether ``actor`` is still to count this drawer, and so is not told what should be in it."""
    return (
        session.closed_at is None
        and session.cashier_id == actor.user_id
        and not actor.may(PERMISSION_SUPERVISE)
    )


def session_page(
    report: SessionReport,
    taken_over: CashSession | None,
    hospital: str,
    formats: Formats,
    actor: Actor,
    *,
    attempts: Sequence[AuditRecord] = (),
    copy: str = "",
) -> SessionPage:
    """``report`` for ``actor``; ``taken_over`` is the session that its cash was handed to, if it was, ``attempts``
    what the books refused."""
    session = report.session
    blind, is_open = is_blind(session, actor), session.closed_at is None
    before = session.handed_over_from
    return SessionPage(
        id=session.id,
        title=_("X report") if is_open else _("Z report"),
        name=session.name,
        is_open=is_open,
        is_blind=blind,
        hospital=hospital,
        cashier=formats.person(session.cashier),
        cash_point=session.cash_point.upper(),
        opened=_long(session.opened_at, formats),
        closed=_long(session.closed_at, formats) if session.closed_at else "",
        closed_by=formats.person(session.closed_by),
        from_name=f"{before.name} · {before.cashier.partition(':')[2]}" if before else "",
        from_url=reverse("cashier:session", args=[before.id]) if before else "",
        to_name=f"{taken_over.name} · {taken_over.cashier.partition(':')[2]}" if taken_over else "",
        to_url=reverse("cashier:session", args=[taken_over.id]) if taken_over else "",
        float=formats.money(session.float_minor),
        methods=tuple(_method_row(one, formats, blind) for one in report.methods),
        transfers=tuple(
            TransferRow(
                what=TRANSFERS[one.kind],
                reference=one.reference,
                when=_long(one.at, formats),
                by=formats.person(one.moved_by),
                amount=formats.money(one.amount_minor if one.kind == "from_safe" else -one.amount_minor),
            )
            for one in report.transfers
        ),
        float_count=_counted(session.float_count, formats),
        closing_count=_counted(session.closing_count, formats),
        expected="" if blind else formats.money(report.expected_minor),
        counted=formats.money(session.counted_minor) if session.counted_minor is not None else "",
        difference="" if is_open else difference_said(session.difference_minor, formats),
        tone="good" if session.difference_minor == 0 else "due",
        reason=session.difference_reason,
        attempts=tuple(_attempt(one, formats) for one in attempts),
        copy=copy,
    )


def _attempt(one: AuditRecord, formats: Formats) -> str:
    amount, when = formats.money(one.data["amount_minor"]), _long(one.at, formats)
    if one.action == COUNT_REFUSED:
        return gettext("Counted %(amount)s, %(when)s") % {"amount": amount, "when": when}
    return gettext("Asked to take out %(amount)s, %(when)s") % {"amount": amount, "when": when}


def _long(at: datetime, formats: Formats) -> str:
    return f"{formats.day(formats.local_date(at))} {formats.time(at)}"


def _method_row(one: MethodTaken, formats: Formats, blind: bool) -> MethodRow:
    hidden = blind and one.method == "cash"
    return MethodRow(
        method=METHODS.get(one.method, one.method),
        taken="" if hidden else formats.money(one.received_minor),
        given_back="" if hidden else formats.money(one.given_back_minor),
        net=str(_("to be counted")) if hidden else formats.money(one.net_minor),
        count=one.received_count,
    )


def _counted(count: dict[str, int], formats: Formats) -> tuple[CountedRow, ...]:
    pieces: Sequence[tuple[int, int]] = sorted(((int(minor), n) for minor, n in count.items()), reverse=True)
    return tuple(CountedRow(formats.money(minor), n, formats.money(minor * n)) for minor, n in pieces)
