"""``almoner remind``: write the reminders that are due into the outbox, now or as of a day of the past."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import orjson

from almoner.shell.commands.accrue import moment_of

if TYPE_CHECKING:
    from almoner.hospitals.models import Hospital
    from almoner.messaging.models import Message


@click.command("remind")
@click.option("--hospital", "slug", metavar="SLUG", help="Only this hospital; all of them without it.")
@click.option(
    "--as-of", metavar="TIME", help="What was due at this moment (ISO 8601, UTC unless it says otherwise)."
)
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(slug: str | None, as_of: str | None, dry_run: bool, as_json: bool) -> None:
    """Write the reminders that the hospital's settings ask for; the worker sends them.

    The worker does the same every hour. A step of a reminder is written once, however often this is run.
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.hospitals.models import Hospital
    from almoner.kernel.clock import now
    from almoner.kernel.errors import NotFound
    from almoner.messaging.outbox import unwritten, write_reminders

    at = moment_of(as_of, now())
    hospitals = list(Hospital.objects.order_by("slug"))
    if slug is not None:
        hospitals = [hospital for hospital in hospitals if hospital.slug == slug]
        if not hospitals:
            raise NotFound(f"There is no hospital {slug!r}.", field="--hospital", code="unknown_hospital")
    write = unwritten if dry_run else write_reminders
    done = [_result(hospital, write(hospital.id, at=at)) for hospital in hospitals]
    if as_json:
        document = {"as_of": at, "dry_run": dry_run, "hospitals": done}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    would = "would be written" if dry_run else "written"
    for result in done:
        click.echo(f"{result['slug']}: {len(result['messages']):,} reminders {would}.")
        counted = Counter((one["kind"], one["state"], one["reason"]) for one in result["messages"])
        for (kind, state, reason), count in sorted(counted.items()):
            click.echo(f"  {count:,} {kind}: {state}{f' ({reason})' if reason else ''}")


def _result(hospital: Hospital, messages: list[Message]) -> dict[str, Any]:
    """What was written; addresses and texts stay in the outbox."""
    return {
        "slug": hospital.slug,
        "currency": hospital.currency,
        "messages": [
            {
                "kind": one.kind,
                "thing": one.thing,
                "step": one.step,
                "patient_id": one.patient_id,
                "channel": one.channel,
                "state": str(one.state),
                "reason": str(one.reason),
                "amount_minor": one.amount_minor,
                "due_on": one.due_on,
                "not_before": one.not_before,
            }
            for one in messages
        ],
    }
