"""``almoner verify``: prove the books."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from almoner.hospitals.models import Hospital
    from almoner.reports.verify import Result


@click.command()
@click.option("--hospital", "slug", metavar="SLUG", help="Only this hospital; all of them without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Rows shown per check."
)
def command(slug: str | None, as_json: bool, limit: int) -> None:
    """Prove that the books of every hospital keep their promises.

    Reads one snapshot per hospital and writes nothing, so people can go on working. Exit code 1 when
    something is off; the rows are named.
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.hospitals.models import Hospital
    from almoner.kernel.errors import NotFound

    hospitals = list(Hospital.objects.order_by("slug"))
    if slug is not None:
        hospitals = [hospital for hospital in hospitals if hospital.slug == slug]
        if not hospitals:
            raise NotFound(f"There is no hospital {slug!r}.", field="--hospital", code="unknown_hospital")
    started = time.monotonic()
    verified = _verify(hospitals, limit)
    seconds = time.monotonic() - started
    if as_json:
        click.echo(orjson.dumps(_document(verified, seconds), option=orjson.OPT_INDENT_2).decode())
    else:
        for hospital, results in verified:
            _print(hospital, results)
        _print_summary(verified, seconds)
    if any(result.wrong for _, results in verified for result in results):
        sys.exit(1)


def _verify(hospitals: list[Hospital], limit: int) -> list[tuple[Hospital, list[Result]]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from almoner.reports.verify import CHECKS, check_books
    from almoner.reports.verify.snapshot import snapshot

    verified = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("Verifying", total=len(CHECKS) * len(hospitals))
        for hospital in hospitals:
            progress.update(task, description=hospital.slug)
            with snapshot(hospital.id) as cursor:
                results = check_books(cursor, limit=limit, progress=lambda _: progress.advance(task))
            verified.append((hospital, results))
    return verified


def _document(verified: list[tuple[Hospital, list[Result]]], seconds: float) -> dict[str, object]:
    return {
        "clean": not any(result.wrong for _, results in verified for result in results),
        "seconds": round(seconds, 3),
        "hospitals": [
            {
                "slug": hospital.slug,
                "id": hospital.id,
                "checks": [
                    {
                        "check": result.check.code,
                        "title": result.check.title,
                        "examined": result.examined,
                        "wrong": result.wrong,
                        "rows": [{"row": found.row, "detail": found.detail} for found in result.findings],
                    }
                    for result in results
                ],
            }
            for hospital, results in verified
        ],
    }


def _print(hospital: Hospital, results: list[Result]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(
        "Promise", "Rows examined", "Wrong", title=f"{hospital.name} ({hospital.slug})", title_justify="left"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for result in results:
        style = "bold red" if result.wrong else ""
        table.add_row(
            result.check.title,
            f"{result.examined:,}",
            f"{result.wrong:,}" if result.wrong else "–",
            style=style,
        )
    console.print(table)
    for result in results:
        if not result.wrong:
            continue
        console.print(f"\n[bold red]{result.check.code}[/]: {result.check.title} ({result.wrong:,} wrong)")
        for found in result.findings:
            console.print(f"  {found.row}: {found.detail}", markup=False, highlight=False, soft_wrap=True)
        if result.wrong > len(result.findings):
            console.print(f"  ... and {result.wrong - len(result.findings):,} more")


def _print_summary(verified: list[tuple[Hospital, list[Result]]], seconds: float) -> None:
    results = [result for _, each in verified for result in each]
    wrong = sum(result.wrong for result in results)
    click.echo(
        f"{len(verified)} hospital{'' if len(verified) == 1 else 's'}, {len(results)} checks, {sum(result.examined for result in results):,} rows"
        f" examined in {seconds:.1f} s: "
        + ("the books are clean." if not wrong else f"{wrong:,} rows are wrong.")
    )
