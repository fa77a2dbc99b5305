"""The background worker's process: ``python -m almoner.shell.worker``."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress

from asgiref.sync import sync_to_async

from almoner.shell.database import setup_django

SHUTDOWN_TIMEOUT_SECONDS = 8
PAUSE_SECONDS = 1
CONCURRENCY = 2

log = logging.getLogger(__name__)


def run() -> None:
    """Do jobs until SIGTERM or SIGINT; jobs that are done are forgotten, failed ones are kept."""
    setup_django(with_tables=False)
    from django.conf import settings

    # A job must not fail for a connection that broke since the last one.
    settings.DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # It warns about every stop and every lost connection; what matters is logged here and by the jobs.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    asyncio.run(_work_until_told())


async def _work_until_told() -> None:
    """Work; when the database goes away, wait for it and go on."""
    from django.db import InterfaceError, OperationalError, connections
    from procrastinate.exceptions import ConnectorException

    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    while not told.is_set():
        reason = "connection lost"
        try:
            await _work(told)
        except (ConnectorException, OperationalError, InterfaceError) as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
        if not told.is_set():
            log.warning("The database went away and is waited for: %s", reason)
            # In the thread that has it: the connection that jobs are handed in by is broken too.
            await sync_to_async(connections.close_all)()
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), PAUSE_SECONDS)


async def _work(told: asyncio.Event) -> None:
    """Do jobs until ``told`` is set, or until the connection is lost."""
    from procrastinate.contrib.django import app, django_connector
    from procrastinate.exceptions import AlreadyEnqueued

    from almoner.shell.tasks import charge_ward_time

    # What fell due while nothing was running is done at once, not at the next full hour.
    with suppress(AlreadyEnqueued):
        await charge_ward_time.defer_async()
    connector = app.connector
    if not isinstance(connector, django_connector.DjangoConnector):
        raise RuntimeError("The worker runs on Django's database only.")
    with app.replace_connector(connector.get_worker_connector()) as worker_app:
        async with worker_app.open_async():
            working = asyncio.create_task(
                worker_app.run_worker_async(
                    concurrency=CONCURRENCY,
                    delete_jobs="successful",
                    shutdown_graceful_timeout=SHUTDOWN_TIMEOUT_SECONDS,
                    install_signal_handlers=False,
                )
            )
            stopping = asyncio.create_task(told.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


if __name__ == "__main__":
    run()
