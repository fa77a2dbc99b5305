"""``almoner late-fees``: charge what stays unpaid past its grace its late fee, now or as of a day of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from almoner.shell.commands.accrue import moment_of

if TYPE_CHECKING:
    from almoner.enforcement.late_fees import LateFee
    from almoner.hospitals.models import Hospital


@click.command("late-fees")
@click.option("--hospital", "slug", metavar="SLUG", help="Only this hospital; all of them without it.")
@click.option(
    "--as-of", metavar="TIME", help="What was late at this moment (ISO 8601, UTC unless it says otherwise)."
)
@click.option("--dry-run", is_flag=True, help="Print what would be charged, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(slug: str | None, as_of: str | None, dry_run: bool, as_json: bool) -> None:
    """Charge late fees where the hospital's settings ask for them.

    The worker does the same every hour. A visit bears one fee a period, however often this is run.
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.enforcement.late_fees import charge_late_fees, find_late_fees
    from almoner.hospitals.models import Hospital
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now
    from almoner.kernel.errors import NotFound

    at = now()
    until = moment_of(as_of, at)
    hospitals = list(Hospital.objects.order_by("slug"))
    if slug is not None:
        hospitals = [hospital for hospital in hospitals if hospital.slug == slug]
        if not hospitals:
            raise NotFound(f"There is no hospital {slug!r}.", field="--hospital", code="unknown_hospital")
    done = []
    for hospital in hospitals:
        fees = find_late_fees(hospital.id, at=until)
        if not dry_run:
            fees = charge_late_fees(hospital.id, fees, actor=system("late-fees"), at=at)
        done.append(_result(hospital, fees))
    if as_json:
        document = {"as_of": until, "dry_run": dry_run, "hospitals": done}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    would = "would be charged" if dry_run else "charged"
    for result in done:
        click.echo(f"{result['slug']}: {len(result['fees']):,} late fees {would}, {result['total']}.")


def _result(hospital: Hospital, fees: list[LateFee]) -> dict[str, Any]:
    from almoner.kernel.money import Money

    return {
        "slug": hospital.slug,
        "currency": hospital.currency,
        "total": Money(sum(fee.amount_minor for fee in fees), hospital.currency).format(),
        "fees": [
            {
                "patient_account_id": fee.account_id,
                "encounter_id": fee.encounter_id,
                "period": fee.period,
                "owed_minor": fee.owed_minor,
                "amount_minor": fee.amount_minor,
            }
            for fee in fees
        ],
    }
