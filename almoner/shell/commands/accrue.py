"""``almoner accrue``: charge the time in bed, now or up to a moment of the past."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from almoner.hospitals.models import Hospital


@click.command()
@click.option("--hospital", "slug", metavar="SLUG", help="Only this hospital; all of them without it.")
@click.option(
    "--as-of", metavar="TIME", help="Charge up to this moment (ISO 8601, UTC unless it says otherwise)."
)
@click.option("--dry-run", is_flag=True, help="Print what would be charged, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(slug: str | None, as_of: str | None, dry_run: bool, as_json: bool) -> None:
    """Charge everybody in a bed for the days and hours that fell due.

    The worker does the same every hour. Each period is charged once, however often and by whomever this is run;
    an interrupted run is simply started again. Exit code 1 when a stay could not be charged.
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.hospitals.models import Hospital
    from almoner.kernel.clock import now
    from almoner.kernel.errors import NotFound

    at = now()
    until = moment_of(as_of, at)
    hospitals = list(Hospital.objects.order_by("slug"))
    if slug is not None:
        hospitals = [hospital for hospital in hospitals if hospital.slug == slug]
        if not hospitals:
            raise NotFound(f"There is no hospital {slug!r}.", field="--hospital", code="unknown_hospital")
    done = [_foreseen(one, until, at) if dry_run else _accrued(one, until, at) for one in hospitals]
    if as_json:
        document = {"as_of": until, "dry_run": dry_run, "hospitals": done}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        for result in done:
            _print(result, dry_run)
    if any(result["failed"] for result in done):
        sys.exit(1)


def moment_of(text: str | None, at: datetime) -> datetime:
    """The moment that ``text`` tells; ``at`` for none. Raises ``DomainError`` for another text or the future."""
    from almoner.kernel.errors import DomainError

    if text is None:
        return at
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DomainError(
            f"Expected a time such as 2026-03-02T06:00, got {text!r}.", field="--as-of"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > at:
        raise DomainError("Time that has not passed cannot be charged.", field="--as-of")
    return moment


def _accrued(hospital: Hospital, until: datetime, at: datetime) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from almoner.kernel.actor import system
    from almoner.service_points.ward.accrual import accrue_hospital, open_admissions

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(hospital.slug, total=len(open_admissions(hospital.id, until)))
        run = accrue_hospital(
            hospital.id,
            until=until,
            actor=system("accrue"),
            at=at,
            progress=lambda done: progress.update(task, completed=done),
        )
    return {
        "slug": hospital.slug,
        "stays": run.stays,
        "charges": run.charges,
        "failed": [{"admission_id": admission, "reason": reason} for admission, reason in run.failed],
    }


def _foreseen(hospital: Hospital, until: datetime, at: datetime) -> dict[str, Any]:
    from almoner.service_points.ward.accrual import foresee_hospital

    stays, charges, unpriced = set(), 0, 0
    periods: Counter[str] = Counter()
    minor: Counter[str] = Counter()
    for one in foresee_hospital(hospital.id, until=until, at=at):
        stays.add(one.admission_id)
        charges += 1
        unpriced += one.net_minor is None
        periods[one.charge.rule.code] += 1
        minor[one.charge.rule.code] += one.net_minor or 0
    return {
        "slug": hospital.slug,
        "currency": hospital.currency,
        "stays": len(stays),
        "charges": charges,
        "unpriced": unpriced,
        "by_definition": [
            {"code": code, "periods": count, "net_minor": minor[code]}
            for code, count in sorted(periods.items())
        ],
        "failed": [],
    }


def _print(result: dict[str, Any], dry_run: bool) -> None:
    from almoner.kernel.money import Money

    would = "would be charged" if dry_run else "charged"
    click.echo(f"{result['slug']}: {result['charges']:,} periods of {result['stays']:,} stays {would}.")
    for one in result.get("by_definition", ()):
        amount = Money(one["net_minor"], result["currency"]).format()
        click.echo(f"  {one['code']:<30} {one['periods']:>8,}  {amount:>16}")
    for failure in result["failed"]:
        click.echo(f"  admission {failure['admission_id']}: {failure['reason']}", err=True)
