"""``almoner user``: who may log in, and as what."""

from __future__ import annotations

import sys
from uuid import UUID

import click

_hospital = click.option(
    "--hospital", "slug", required=True, metavar="SLUG", help="The hospital they work at."
)
_role = click.option("--role", "roles", multiple=True, metavar="ROLE", help="May be given several times.")
_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")


@click.group()
def command() -> None:
    """Create, list, disable users, and give them roles."""


def print_json(data: object) -> None:
    import orjson

    click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())


@command.command("create")
@click.argument("email")
@click.option("--name", required=True, help="How the person is called.")
@_hospital
@_role
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; else it is asked for."
)
def create(email: str, name: str, slug: str, roles: tuple[str, ...], password_stdin: bool) -> None:
    """Let a person log in with EMAIL and work at a hospital."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.operations import create_user
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now
    from almoner.shell.simulation.hospitals import find_hospital

    hospital = find_hospital(slug)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    user = create_user(
        hospital.id,
        email=email,
        name=name,
        password=password,
        roles=roles,
        actor=system("command line"),
        at=now(),
    )
    click.echo(f"{user.email} may log in at {hospital.name} as {_titles(hospital.id, roles)}.")


def _titles(hospital_id: UUID, roles: tuple[str, ...]) -> str:
    from almoner.identity.queries import roles_of

    known = roles_of(hospital_id)
    return ", ".join(known[role].title for role in sorted(roles)) or "nobody: give them a role"


@command.command("list")
@click.option("--hospital", "slug", default="", metavar="SLUG", help="Only who works there.")
@_json
def list_users(slug: str, as_json: bool) -> None:
    """Show users with their hospitals and roles."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.hospitals.models import Hospital
    from almoner.identity.models import User
    from almoner.shell.simulation.hospitals import find_hospital

    slugs = dict(Hospital.objects.values_list("id", "slug"))
    wanted = find_hospital(slug).id if slug else None
    rows = []
    for user in User.objects.prefetch_related("memberships").order_by("email"):
        places: dict[str, list[str]] = {}
        for membership in sorted(user.memberships.all(), key=lambda one: one.role):
            if wanted in (None, membership.hospital_id):
                places.setdefault(slugs.get(membership.hospital_id, "?"), []).append(membership.role)
        if places or wanted is None:
            rows.append(
                {"email": user.email, "name": user.name, "is_active": user.is_active, "roles": places}
            )
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Email", "Name", "Account", "Works at")
    for row in rows:
        work = "; ".join(f"{place}: {', '.join(held)}" for place, held in dict(row["roles"]).items())  # type: ignore[call-overload]
        table.add_row(str(row["email"]), str(row["name"]), "open" if row["is_active"] else "closed", work)
    Console().print(table)


@command.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Close the account of EMAIL at every hospital; whoever is logged in is out at once."""
    _set_active(email, active=False)


@command.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Open the account of EMAIL again."""
    _set_active(email, active=True)


def _set_active(email: str, *, active: bool) -> None:
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.operations import set_active
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now

    user = set_active(email, active=active, actor=system("command line"), at=now())
    click.echo(f"The account of {user.email} is {'open' if active else 'closed'}.")


@command.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Forget the authenticator app, passkeys and recovery codes of EMAIL, who has lost them all."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.staff import reset_second_factor_everywhere
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now

    user = reset_second_factor_everywhere(email, actor=system("command line"), at=now())
    click.echo(f"{user.email} logs in with the password alone, until a second factor is set up anew.")


@command.command("set-role")
@click.argument("email")
@_hospital
@_role
def set_role(email: str, slug: str, roles: tuple[str, ...]) -> None:
    """Give EMAIL exactly these roles at a hospital; without --role they no longer work there."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.operations import set_roles
    from almoner.kernel.actor import system
    from almoner.kernel.clock import now
    from almoner.shell.simulation.hospitals import find_hospital

    hospital = find_hospital(slug)
    user = set_roles(hospital.id, email, roles=roles, actor=system("command line"), at=now())
    click.echo(f"{user.email} works at {hospital.name} as {_titles(hospital.id, roles)}.")


@command.command("roles")
@_json
def list_roles(as_json: bool) -> None:
    """Show the roles and what each may do."""
    from almoner.shell.database import setup_django

    setup_django()
    from almoner.identity.roles import ROLES

    if as_json:
        print_json(
            {
                code: {
                    "title": role.title,
                    "everything": role.everything,
                    "permissions": sorted(role.permissions),
                }
                for code, role in ROLES.items()
            }
        )
        return
    for code, role in ROLES.items():
        permissions = "everything" if role.everything else ", ".join(sorted(role.permissions))
        click.echo(f"{code} ({role.title}): {permissions}")
