"""The background worker's process: ``python -m almoner.shell.worker``."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from almoner.shell.database import setup_django

SHUTDOWN_TIMEOUT_SECONDS = 8
PAUSE_SECONDS = 1
CONCURRENCY = 2


def run() -> None:
    """Do jobs until SIGTERM or SIGINT. A database that goes away is waited for."""
    setup_django(with_tables=False)
    from django.db import InterfaceError, OperationalError, connections
    from procrastinate.exceptions import ConnectorException

    while True:
        try:
            return _work()
        except (ConnectorException, OperationalError, InterfaceError) as error:
            logging.getLogger(__name__).warning("The database went away: %s", type(error).__name__)
            connections.close_all()
            time.sleep(PAUSE_SECONDS)


def _work() -> None:
    """Do jobs; those that are done are forgotten, failed ones are kept."""
    from procrastinate.contrib.django import app, django_connector
    from procrastinate.exceptions import AlreadyEnqueued

    from almoner.shell.tasks import charge_ward_days

    # It warns about every stop; what matters is logged as an error.
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    # What fell due while nothing was running is done at once, not at the next full hour.
    with suppress(AlreadyEnqueued):
        charge_ward_days.defer()
    connector = app.connector
    if not isinstance(connector, django_connector.DjangoConnector):
        raise RuntimeError("The worker runs on Django's database only.")
    with app.replace_connector(connector.get_worker_connector()) as worker_app:
        worker_app.run_worker(
            concurrency=CONCURRENCY,
            delete_jobs="successful",
            shutdown_graceful_timeout=SHUTDOWN_TIMEOUT_SECONDS,
        )


if __name__ == "__main__":
    run()
