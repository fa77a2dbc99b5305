"""The background worker's process: ``python -m almoner.shell.worker``."""

from __future__ import annotations

import logging
from contextlib import suppress

from almoner.shell.database import setup_django

SHUTDOWN_TIMEOUT_SECONDS = 8
CONCURRENCY = 2


def run() -> None:
    """Do jobs until SIGTERM or SIGINT; jobs that are done are forgotten, failed ones are kept."""
    setup_django(with_tables=False)
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
