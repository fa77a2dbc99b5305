"""``almoner simulate``: play a hospital."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from almoner.shell.simulation.engine import Played
    from almoner.shell.simulation.world import World

DEFAULT_START = date(2026, 1, 5)


@click.command()
@click.option("--patients", required=True, type=click.IntRange(1, 1_000_000), help="How many people come.")
@click.option("--days", required=True, type=click.IntRange(1, 366), help="In how many days.")
@click.option("--seed", required=True, type=click.IntRange(0), help="The same seed gives the same ledger.")
@click.option("--hospital", "slug", metavar="SLUG", help="Play here; without it in a new hospital.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default=DEFAULT_START.isoformat(),
    show_default=True,
    help="The first simulated day.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(patients: int, days: int, seed: int, slug: str | None, start: datetime, as_json: bool) -> None:
    """Play a hospital: arrivals, queues, orders, admissions, payments, emergencies, overrides, mistakes.

    Everything goes through the operations of the pages and the API, in simulated time. The digest at the
    end covers every posting in business terms: the same seed, start and hospital file give the same one.
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.kernel.actor import system
    from almoner.shell.simulation import hospitals
    from almoner.shell.simulation.engine import make_world, start_of

    first_day = start.date()
    if slug is None:
        hospital = hospitals.new_hospital(actor=system("simulation"), at=start.replace(tzinfo=UTC))
    else:
        hospital = hospitals.find_hospital(slug)
    world = make_world(hospital, patients=patients, days=days, seed=seed, start=first_day)
    played = _play(world, days)
    if as_json:
        document = {
            "hospital": hospital.slug,
            "seed": seed,
            "start": start_of(hospital, first_day).date().isoformat(),
            "days": days,
            "patients": patients,
            "currency": hospital.currency,
            "events": played.events,
            "entries": played.books.entries,
            "postings": played.books.postings,
            "balances_minor": played.books.balances,
            "digest": played.books.digest,
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(world, played)


def _play(world: World, days: int) -> Played:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from almoner.shell.simulation.engine import play, stock_taker
    from almoner.shell.simulation.world import DAY

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("Playing", total=1.0)
        take_stock = stock_taker(world)

        def show(share: float) -> None:
            take_stock()
            progress.update(
                task,
                completed=share,
                description=f"{world.local:%a %d %b %H:%M}, {world.tally['visits']:,} visits",
            )

        return play(world, seconds=days * DAY, progress=show)


def _print(world: World, played: Played) -> None:
    from rich.console import Console
    from rich.table import Table

    from almoner.kernel.money import Money

    console = Console()
    events = Table(
        "What happened",
        "Times",
        title=f"{world.hospital.name}, from {world.start:%Y-%m-%d}, seed {world.seed}",
        title_justify="left",
    )
    events.columns[1].justify = "right"
    for what, times in played.events.items():
        events.add_row(what, f"{times:,}")
    console.print(events)
    books = Table("Ledger account", "Balance (credits are negative)")
    books.columns[1].justify = "right"
    for code, minor in played.books.balances.items():
        money = Money(minor, world.hospital.currency).format(world.hospital.locale)
        books.add_row(code.replace("_", " "), money)
    console.print(books)
    console.print(f"{played.books.entries:,} entries, {played.books.postings:,} postings, digest:")
    console.print(played.books.digest, highlight=False)
    console.print(f"Prove the books with: almoner verify --hospital {world.hospital.slug}", highlight=False)
