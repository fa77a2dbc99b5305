"""``almoner up``: everything that a hospital needs, from one command."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

import click

from almoner.shell.environment import SettingRefused, read_environment

WATCH_INTERVAL_SECONDS = 0.5
EXIT_UNAVAILABLE = 69


@click.command()
@click.option("--demo/--no-demo", default=True, help="Make a demo hospital when there is none yet.")
def command(demo: bool) -> None:
    """Start the database, bring its tables up to date, and serve Almoner until Ctrl-C.

    The first start makes a demo hospital and prints whom to log in as; later ones keep the data. Settings are
    environment variables: ALMONER_PORT, ALMONER_DATA_DIR, or DATABASE_URL with DATABASE_MIGRATION_URL
    for a server of your own. Everything listens on this machine only; put a proxy with TLS in front of
    it to let others in.
    """
    from almoner.shell import start_up
    from almoner.shell.processes import Children, GaveUp
    from almoner.shell.steps import Steps

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    environment = read_environment()
    steps = Steps()
    children = Children(environment.data_dir.resolve())
    elsewhere = children.claim(environment.port)
    if elsewhere is not None:
        raise SettingRefused(
            f"Almoner is running already with this data folder: {elsewhere}. Stop it first, or choose another "
            "folder with ALMONER_DATA_DIR."
        )
    try:
        start_up.check_port(environment.port)
        steps.title("Almoner")
        server = start_up.connect(steps, environment)
        start_up.bring_up_to_date(steps, demo=demo, data_dir=environment.data_dir)
        start_up.collect_static_files(steps)
        start_up.serve(steps, environment, children)
        start_up.welcome(steps, environment)
        while True:
            time.sleep(WATCH_INTERVAL_SECONDS)
            start_up.keep_database(steps, server)
            for name in children.restart_ended(environment.port):
                steps.note(f"The {name} had ended and was started again.")
    except GaveUp as error:
        steps.note(f"{error} Stopping; the messages above say why.")
        sys.exit(EXIT_UNAVAILABLE)
    except KeyboardInterrupt:
        steps.note("Stopping.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        children.stop()


def _leave(number: int, frame: FrameType | None) -> None:
    """The first signal leaves; those that follow change nothing, since leaving takes a moment."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
