"""``almoner api-key``: keys with which programs call the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from almoner.shell.commands.user import print_json

_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")


@click.group()
def command() -> None:
    """Create, list and revoke API keys."""


@command.command("create")
@click.option("--hospital", "slug", required=True, metavar="SLUG", help="The hospital of the key.")
@click.option("--name", required=True, help="What the key is for; the audit trail names it.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="May be given several times.")
@click.option("--all-scopes", is_flag=True, help="Every scope there is.")
@click.option(
    "--expires-in", "days", type=click.IntRange(1, 3650), metavar="DAYS", help="Else it never expires."
)
@_json
def create(
    slug: str, name: str, scopes: tuple[str, ...], all_scopes: bool, days: int | None, as_json: bool
) -> None:
    """Make a key and show its secret, once. `almoner api-key scopes` lists the scopes."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.operations import issue_key
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now
    from almoner.kernel.errors import DomainError
    from almoner.shell.api import known_scopes
    from almoner.shell.simulation.hospitals import find_hospital

    known = known_scopes()
    for scope in scopes:
        if scope not in known:
            raise DomainError(
                f"Unknown scope {scope!r}. Known scopes: {', '.join(known)}.",
                field="--scope",
                code="unknown_scope",
            )
    hospital = find_hospital(slug)
    at = now()
    key, secret = issue_key(
        hospital.id,
        name=name,
        scopes=known if all_scopes else scopes,
        expires_at=at + timedelta(days=days) if days else None,
        actor=system("command line"),
        at=at,
    )
    if as_json:
        print_json({"id": key.id, "key": secret, "scopes": key.scopes, "expires_at": key.expires_at})
        return
    click.echo(f"Key {key.prefix}... of {hospital.name}. Keep it: it is shown only now.", err=True)
    click.echo(secret)


@command.command("list")
@click.option("--hospital", "slug", default="", metavar="SLUG", help="Only keys of this hospital.")
@_json
def list_keys(slug: str, as_json: bool) -> None:
    """Show the keys: their beginnings, scopes, and whether they still open."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.hospitals.models import Hospital
    from almoner.identity.models import ApiKey
    from almoner.kernel.clock import now
    from almoner.shell.simulation.hospitals import find_hospital

    slugs = dict(Hospital.objects.values_list("id", "slug"))
    keys = ApiKey.objects.order_by("created_at")
    if slug:
        keys = keys.filter(hospital_id=find_hospital(slug).id)
    at = now()
    rows: list[dict[str, Any]] = [
        {
            "id": key.id,
            "hospital": slugs.get(key.hospital_id, "?"),
            "name": key.name,
            "prefix": key.prefix,
            "scopes": key.scopes,
            "status": "revoked"
            if key.revoked_at
            else "expired"
            if key.expires_at and key.expires_at <= at
            else "in use",
        }
        for key in keys
    ]
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Key", "Hospital", "Name", "Status", "Scopes")
    for row in rows:
        table.add_row(
            f"{row['prefix']}...", row["hospital"], row["name"], row["status"], ", ".join(row["scopes"])
        )
    Console().print(table)


@command.command("revoke")
@click.argument("key")
def revoke(key: str) -> None:
    """Refuse KEY (its id, its beginning or all of it) from now on."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.models import ApiKey
    from almoner.identity.operations import revoke_key
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now
    from almoner.kernel.errors import DomainError, NotFound

    found = [
        one
        for one in ApiKey.objects.filter(revoked_at=None)
        if key == str(one.id) or one.secret_hash == ApiKey.hash_secret(key) or key.rstrip(".") == one.prefix
    ]
    if not found:
        raise NotFound("There is no such key in use.", field="KEY", code="unknown_key")
    if len(found) > 1:
        raise DomainError("Several keys begin like this: give the id.", field="KEY", code="ambiguous_key")
    revoked = revoke_key(found[0].id, actor=system("command line"), at=now())
    click.echo(f"Key {revoked.prefix}... ({revoked.name}) is refused from now on.")


@command.command("scopes")
@_json
def list_scopes(as_json: bool) -> None:
    """Show the scopes and the endpoints that ask for each."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "almoner.shell.settings")
    import django

    django.setup()
    from almoner.shell.api import known_scopes

    if as_json:
        print_json(known_scopes())
        return
    for scope, operations in known_scopes().items():
        click.echo(f"{scope}: {', '.join(operations)}")
