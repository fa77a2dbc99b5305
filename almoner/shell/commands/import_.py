"""``almoner import``: bring in what other systems wrote."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
import orjson

if TYPE_CHECKING:
    from almoner.interop.synthea.operations import Advance
    from almoner.interop.synthea.report import Reconciliation, Total


@click.group()
def command() -> None:
    """Bring in what other systems wrote."""


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--hospital", "slug", default="synthea", show_default=True, metavar="SLUG", help="Whose books.")
@click.option(
    "--name", default="Synthea population", show_default=True, help="The hospital's name when it is new."
)
@click.option("--currency", default="USD", show_default=True, help="Currency of the amounts (ISO 4217).")
@click.option(
    "--time-zone",
    default="America/New_York",
    show_default=True,
    help="Zone of a new hospital: it decides the date of a service.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the reconciliation as JSON.")
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(min=1),
    help="Rows listed that do not agree.",
)
@click.option(
    "--table",
    type=click.File("w", encoding="utf-8", lazy=True),
    help="Write the balance after every row to this CSV file.",
)
def synthea(
    folder: Path,
    slug: str,
    name: str,
    currency: str,
    time_zone: str,
    as_json: bool,
    limit: int,
    table: TextIO | None,
) -> None:
    """Import the CSV files of a Synthea population in DIR, and reconcile every row with the books.

    Running it again adds nothing, and one that was killed is continued. Exit code 1 when a row does not
    reconcile for a reason that is not known; 65 when a file cannot be read (then nothing was written).
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.interop.synthea.operations import import_population
    from almoner.interop.synthea.statistics import refresh_statistics
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now

    with _progress() as advance:
        result = import_population(
            folder,
            slug=slug,
            name=name,
            currency=currency,
            time_zone=time_zone,
            actor=system("import"),
            at=now(),
            advance=advance,
            analyse=refresh_statistics,
            table=table,
        )
    if as_json:
        _print_json(result)
    else:
        _print_tables(result, limit)
    if result.unexplained:
        sys.exit(1)


@contextmanager
def _progress() -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    tasks: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:

        def advance(step: str, count: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=total or None)
            progress.advance(tasks[step], count)
            if not total:
                task = next(task for task in progress.tasks if task.id == tasks[step])
                progress.update(tasks[step], total=task.completed)

        yield advance


def _print_json(result: Reconciliation) -> None:
    """The document, its findings written one by one: there may be more than fit in memory."""
    head = orjson.dumps(result.as_dict()).decode()
    click.echo(head[:-1] + ',"unreconciled":[', nl=False)
    for number, finding in enumerate(result.findings):
        click.echo((",\n" if number else "\n") + orjson.dumps(finding).decode(), nl=False)
    click.echo("]}")


def _print_tables(result: Reconciliation, limit: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from almoner.kernel.money import Money

    def amount(minor: int) -> str:
        return f"{Money(minor, result.currency).format()}"

    # Wide enough for the amounts of a large population: a cut amount is worse than a wrapped line.
    console = Console(width=max(Console().width, 110))

    def table(title: str, totals: dict[str, Total]) -> None:
        shown = Table(title, "Rows", "Reconcile", "File", "Ledger", "Difference", title_justify="left")
        for column in shown.columns[1:]:
            column.justify = "right"
        for name, total in sorted(totals.items()):
            difference = total.ledger_minor - total.file_minor
            shown.add_row(
                name,
                f"{total.rows:,}",
                f"{total.reconciled:,}",
                amount(total.file_minor),
                amount(total.ledger_minor),
                amount(difference) if difference else "–",
                style="bold red" if difference or total.reconciled < total.rows else "",
            )
        console.print(shown)

    table("Kind", result.by_kind)
    table("Payment method", result.by_method)
    console.print(
        f"{result.rows:,} rows of {result.lines:,} charge lines, {result.posted:,} posted now: "
        f"{result.reconciled:,} reconcile"
        + (f" ({result.carried:,} after a difference listed below)" if result.carried else "")
        + f", {len(result.findings):,} do not. Open at the end: {amount(result.final_open_minor)}.",
        highlight=False,
        soft_wrap=True,
    )
    for number, finding in enumerate(result.findings):
        if number == limit:
            console.print(f"... and {len(result.findings) - limit:,} more (--json lists all, --limit more)")
            break
        console.print(
            f"\n{'explained' if finding['explained'] else 'UNEXPLAINED'}: {finding['kind']} {finding['row']}, "
            f"claims_transactions.csv line {finding['line']}, {finding['column']}\n"
            f"  {finding['arithmetic']}\n  {finding['reason']}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
