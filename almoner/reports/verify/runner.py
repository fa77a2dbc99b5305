"""Running every probe over one hospital."""

from __future__ import annotations

from collections.abc import Callable

from almoner.reports.verify.audit import AUDIT
from almoner.reports.verify.charges import CHARGES
from almoner.reports.verify.drawers import DRAWERS
from almoner.reports.verify.ledger import LEDGER
from almoner.reports.verify.payments import PAYMENTS
from almoner.reports.verify.pharmacy import PHARMACY
from almoner.reports.verify.plans import PLANS
from almoner.reports.verify.probe import Check, Cursor, Found, Probe, Result
from almoner.reports.verify.series import SERIES
from almoner.reports.verify.summaries import SUMMARIES
from almoner.reports.verify.time_charges import TIME_CHARGES

PROBES: tuple[Probe, ...] = (
    *LEDGER,
    *CHARGES,
    *TIME_CHARGES,
    *PAYMENTS,
    *PLANS,
    *DRAWERS,
    *SERIES,
    *SUMMARIES,
    *PHARMACY,
    *AUDIT,
)
CHECKS: tuple[Check, ...] = tuple(check for probe in PROBES for check in probe.checks)
FINDINGS_SHOWN = 20


def check_books(
    cursor: Cursor, *, limit: int = FINDINGS_SHOWN, progress: Callable[[Check], None] | None = None
) -> list[Result]:
    """Test every promise on the rows of the hospital whose transaction is open, in one snapshot.

    At most ``limit`` offending rows are kept per check, all of them are counted. ``progress`` is told of
    each check when it is done. For a consistent answer while people work, the transaction should be
    REPEATABLE READ.
    """
    counted: dict[str, int] = {}
    results = []
    for probe in PROBES:
        found = probe.run(cursor, limit)
        for check in probe.checks:
            if check.examined not in counted:
                cursor.execute(check.examined)
                counted[check.examined] = int(cursor.fetchall()[0][0])
            wrong = found.get(check.code, Found(0, []))
            results.append(Result(check, counted[check.examined], wrong.wrong, wrong.findings))
            if progress is not None:
                progress(check)
    return results
