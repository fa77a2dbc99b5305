"""``almoner openapi``: the committed description of the API."""

from __future__ import annotations

import os
import sys

import click


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when openapi.json is not up to date.")
def command(check: bool) -> None:
    """Write openapi.json, the OpenAPI 3.1 document of /api/v1, at the root of the checkout.

    Needs no database.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "almoner.shell.settings")
    import django

    django.setup()
    import orjson

    from almoner.shell.api import openapi_document
    from almoner.shell.environment import CHECKOUT

    path = CHECKOUT / "openapi.json"
    document = openapi_document()
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    operations = sum(len(methods) for methods in document["paths"].values())
    if path.exists() and path.read_bytes() == text:
        click.echo(f"openapi.json is up to date: {operations} operations.")
    elif check:
        click.echo("openapi.json is not up to date. Run: almoner openapi", err=True)
        sys.exit(1)
    else:
        path.write_bytes(text)
        click.echo(f"openapi.json: {operations} operations written.")
