"""``make faults``: 1,000 captures and payments, 20 kills, and the books afterwards."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
import orjson

from benchmarks.faults.nights import run_nights
from benchmarks.faults.run import Report, run


@click.command()
@click.option("--requests", default=1000, show_default=True, type=click.IntRange(min=10))
@click.option("--kills", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--nights", is_flag=True, help="Kill in the middle of the nightly run instead.")
@click.option("--stays", default=240, show_default=True, type=click.IntRange(min=1), help="For --nights.")
@click.option("--seed", default=1, show_default=True, help="Which requests are made.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave data, plan, journal and logs here.")
def main(
    requests: int, kills: int, nights: bool, stays: int, seed: int, as_json: bool, keep: Path | None
) -> None:
    """Kill web process, database backend and postmaster in the middle of captures and payments.

    With ``--nights``: the nightly run, a backend, the worker and the postmaster while stays are charged.
    """

    def tell(sentence: str) -> None:
        click.echo(sentence, err=as_json)

    with tempfile.TemporaryDirectory(prefix="almoner-faults-", ignore_cleanup_errors=True) as folder:
        data_dir = keep.resolve() if keep else Path(folder)
        if nights:
            report = run_nights(data_dir, stays=stays, kills=kills, tell=tell)
        else:
            report = run(data_dir, requests=requests, kills=kills, seed=seed, tell=tell)
    if as_json:
        click.echo(orjson.dumps(_document(report), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(report)
    sys.exit(1 if report.wrong else 0)


def _document(report: Report) -> dict[str, object]:
    return {
        "requests": report.requests,
        "acknowledged": report.acknowledged,
        "replayed": report.replayed,
        "failures": report.failures,
        "seconds": round(report.seconds, 1),
        "strikes": [
            {
                "victim": strike.victim,
                "inside_a_transaction": strike.landed_inside,
                "transaction": strike.outcome,
            }
            for strike in report.strikes
        ],
        "landed_inside": report.landed_inside,
        "verify_is_clean": bool(report.verified.get("clean")),
        "wrong": report.wrong,
    }


def _print(report: Report) -> None:
    outcomes = Counter(strike.outcome for strike in report.strikes if strike.landed_inside)
    checks = sum(len(hospital["checks"]) for hospital in report.verified.get("hospitals", []))
    click.echo(
        f"\n{report.requests} {report.what} in {report.seconds:.0f} s, {report.acknowledged} acknowledged,"
        f" {report.replayed} of them for what had been committed before an answer got lost.\n"
        f"Failures on the way: {dict(report.failures) or 'none'}.\n"
        f"{report.landed_inside} of {len(report.strikes)} kills landed inside an open transaction"
        f" (of those transactions: {dict(outcomes)}).\n"
        f"almoner verify: {checks} checks, {'clean' if report.verified.get('clean') else 'not clean'}."
    )
    for sentence in report.wrong:
        click.echo(f"WRONG  {sentence}", err=True)
    if not report.wrong:
        click.echo("Nothing acknowledged was lost, nothing was doubled.")


if __name__ == "__main__":
    main()
