"""Migration helpers: what the database must hold and Django cannot say.

``SecureTenantTable`` turns a table into a tenant's table: primary key and references include the
hospital, row-level security is forced, and the application's role gets the rights that are named and
no others. ``LoadSql`` runs a file of a room's ``sql/`` folder (functions and triggers).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation

from almoner.kernel.tenancy import SETTING, TenantForeignKey


def application_role() -> str:
    """The role that the application connects as; it owns no table."""
    return str(settings.ALMONER_APPLICATION_ROLE)


def _rights(
    table: str, append_only: bool, derived: bool, updatable: Sequence[str] | None, deletable: bool
) -> list[str]:
    role = application_role()
    statements = [f'REVOKE ALL ON "{table}" FROM "{role}"', f'GRANT SELECT ON "{table}" TO "{role}"']
    if derived:
        return statements
    statements.append(f'GRANT INSERT ON "{table}" TO "{role}"')
    if append_only:
        statements.append(
            f'CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON "{table}" '
            "FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change()"
        )
        statements.append(
            f'CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON "{table}" '
            "FOR EACH STATEMENT EXECUTE FUNCTION kernel_refuse_change()"
        )
    elif updatable is None:
        statements.append(f'GRANT UPDATE ON "{table}" TO "{role}"')
    elif updatable:
        columns = ", ".join(f'"{column}"' for column in updatable)
        statements.append(f'GRANT UPDATE ({columns}) ON "{table}" TO "{role}"')
    if deletable:
        statements.append(f'GRANT DELETE ON "{table}" TO "{role}"')
    return statements


class SecureTenantTable(Operation):
    """Make ``model_name``'s table a tenant's table.

    ``append_only``: rows are never changed (a trigger refuses it even to the owner).
    ``derived``: a trigger of the owner writes the rows, the application only reads them.
    ``updatable``: the columns the application may change; all of them when None.
    ``deletable``: whether the application may delete rows (settings, never money).
    """

    reversible = False

    def __init__(
        self,
        model_name: str,
        *,
        append_only: bool = False,
        derived: bool = False,
        updatable: Sequence[str] | None = None,
        deletable: bool = False,
        swap_primary_key: bool = True,
    ) -> None:
        self.model_name = model_name
        self.append_only = append_only
        self.derived = derived
        self.updatable = updatable
        self.deletable = deletable
        self.swap_primary_key = swap_primary_key

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The state that Django tracks does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        statements = []
        if self.swap_primary_key:
            statements += [
                f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey"',
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_pkey" PRIMARY KEY (hospital_id, id)',
            ]
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                target = field.remote_field.model._meta.db_table
                statements.append(
                    f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{field.column}_tenant_fk" '
                    f'FOREIGN KEY (hospital_id, "{field.column}") REFERENCES "{target}" (hospital_id, id)'
                )
        mine = f"hospital_id = nullif(current_setting('{SETTING}', true), '')::uuid"
        statements += [
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'CREATE POLICY tenant ON "{table}" USING ({mine}) WITH CHECK ({mine})',
            *_rights(table, self.append_only, self.derived, self.updatable, self.deletable),
        ]
        for statement in statements:
            schema_editor.execute(statement)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        raise NotImplementedError("A tenant's table is never laid open again.")

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (
            type(self).__qualname__,
            [self.model_name],
            {
                "append_only": self.append_only,
                "derived": self.derived,
                "updatable": self.updatable,
                "deletable": self.deletable,
                "swap_primary_key": self.swap_primary_key,
            },
        )

    def describe(self) -> str:
        return f"Keep the rows of {self.model_name} apart by hospital"


class GrantPlatformTable(Operation):
    """Let the application read (and, where named, write) a table that belongs to no tenant."""

    reversible = False

    def __init__(self, table: str, rights: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
        self.table = table
        self.rights = rights

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The state that Django tracks does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(f'GRANT {self.rights} ON "{self.table}" TO "{application_role()}"')

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(f'REVOKE ALL ON "{self.table}" FROM "{application_role()}"')

    def describe(self) -> str:
        return f"Let the application use {self.table}"


class LoadSql(Operation):
    """Run ``package``'s file ``sql/name``."""

    reversible = False

    def __init__(self, package: str, name: str) -> None:
        self.package = package
        self.name = name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The state that Django tracks does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        text = resources.files(self.package).joinpath("sql", self.name).read_text(encoding="utf-8")
        with schema_editor.connection.cursor() as cursor:
            cursor.cursor.execute(text.encode())

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        raise NotImplementedError("Functions are replaced, not removed.")

    def describe(self) -> str:
        return f"Load {self.package}/sql/{self.name}"
