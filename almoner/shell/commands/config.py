"""``almoner config``: a hospital as one file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from almoner.interop.hospital_file.plan import Plan
    from almoner.interop.hospital_file.problems import Problem

EXIT_FOUND_WRONG = 1
EXIT_BAD_INPUT = 65
_MARKS = {"added": "+", "changed": "~", "removed": "-"}
_COLOURS = {"added": "green", "changed": "yellow", "removed": "red"}
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
_hospital = click.option(
    "--hospital",
    default="",
    metavar="SLUG",
    help="For a file that holds only a part: the hospital it is for.",
)
_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")


@click.group()
def command() -> None:
    """Check, load and export the file that describes a hospital.

    FILE may be - for standard input. Exit codes: 0 done; 1 problems were found, or the changes were
    declined; 65 a file that cannot be loaded.
    """


@command.command("check")
@_file
@_hospital
@_json
def check_file(file: str, hospital: str, as_json: bool) -> None:
    """Say everything that is wrong with FILE: line, column, what was expected.

    Needs no database, unless --hospital names what the file is held against.
    """
    if hospital:
        from almoner.shell.database import setup_django

        setup_django()
    else:
        _setup_without_database()
    from almoner.interop.hospital_file.operations import check

    problems = check(_read(file), hospital=hospital, file=_name(file))
    if as_json:
        _print_json({"file": _name(file), "valid": not problems, "problems": _data(problems)})
    elif not problems:
        click.echo(f"{_name(file)}: nothing wrong.")
    else:
        _print_problems(problems)
    sys.exit(EXIT_FOUND_WRONG if problems else 0)


@command.command("load")
@_file
@_hospital
@click.option("--yes", is_flag=True, help="Load without asking.")
@_json
def load_file(file: str, hospital: str, yes: bool, as_json: bool) -> None:
    """Show what FILE would change, ask, and change it.

    With --json and without --yes the changes are shown and nothing is loaded.
    """
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.interop.hospital_file.operations import load, plan
    from almoner.interop.hospital_file.problems import HospitalFileInvalid
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now

    text = _read(file)
    try:
        shown = plan(text, hospital=hospital, file=_name(file))
    except HospitalFileInvalid as refusal:
        if as_json:
            _print_json({"file": _name(file), "valid": False, "problems": _data(refusal.problems)})
        else:
            _print_problems(refusal.problems)
        sys.exit(EXIT_BAD_INPUT)
    version, loaded = shown.version, False
    if not as_json:
        _print_plan(shown)
    if shown.changes and (yes or (not as_json and _agreed(shown))):
        with _Progress(hidden=as_json) as progress:
            done = load(
                text,
                actor=system("config"),
                at=now(),
                hospital=hospital,
                file=_name(file),
                based_on=shown.version,
                progress=progress,
            )
        version, loaded = done.version, True
    if as_json:
        changes = [change.as_data() for change in shown.changes]
        _print_json(
            {"hospital": shown.slug, "valid": True, "loaded": loaded, "version": version, "changes": changes}
        )
    elif loaded:
        click.echo(f"Loaded: {shown.slug} is now at version {version}.")
    elif shown.changes:
        click.echo("Nothing was changed.", err=True)
        sys.exit(EXIT_FOUND_WRONG)


@command.command("export")
@click.option("--hospital", required=True, metavar="SLUG", help="The hospital to write out.")
def export_file(hospital: str) -> None:
    """Write the configuration in force as a file, to standard output. Loading it changes nothing."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.interop.hospital_file.operations import export

    click.echo(export(hospital), nl=False)


@command.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    from almoner.interop.hospital_file.schema import schema_text

    click.echo(schema_text(), nl=False)


def _setup_without_database() -> None:
    """Django's applications, for the event kinds and steps that they declare."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "almoner.shell.settings")
    import django

    django.setup()


def _read(file: str) -> bytes:
    from almoner.interop.hospital_file.reading import MAXIMUM_BYTES

    with click.open_file(file, "rb") as stream:
        content: bytes = stream.read(MAXIMUM_BYTES + 1)
        return content


def _name(file: str) -> str:
    return "standard input" if file == "-" else str(Path(file))


def _data(problems: list[Problem]) -> list[dict[str, Any]]:
    return [problem.as_data() for problem in problems]


def _print_json(data: Any) -> None:
    import orjson

    click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode())


def _print_problems(problems: list[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(f"{len(problems)} problem{'s' if len(problems) != 1 else ''}.", err=True)


def _print_plan(plan: Plan) -> None:
    if not plan.changes:
        click.echo(f"{plan.slug}: nothing to change (version {plan.version}).")
        return
    section = ""
    for change in plan.changes:
        if change.section != section:
            section = change.section
            click.secho(section.replace("_", " "), bold=True)
        mark = click.style(f"  {_MARKS[change.kind]} {change.label or plan.slug}", fg=_COLOURS[change.kind])
        click.echo(": ".join([mark, *filter(None, ["; ".join(change.describe(plan.currency))])]))
    counts = ", ".join(f"{plan.count(kind)} {kind}" for kind in _MARKS)
    click.echo(f"{plan.slug}, version {plan.version}: {counts}.")


def _agreed(plan: Plan) -> bool:
    try:
        return click.confirm(f"Load these changes as version {plan.version + 1} of {plan.slug}?")
    except click.Abort:
        click.echo("", err=True)
        return False


class _Progress:
    """A bar over the sections, on standard error, gone when done."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        from almoner.interop.hospital_file.state import SECTIONS

        self._bar = Progress(console=Console(stderr=True), transient=True, disable=hidden)
        self._task = self._bar.add_task("Loading", total=len(SECTIONS))

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, section: str) -> None:
        self._bar.update(self._task, advance=1, description=f"Loading {section.replace('_', ' ')}")
