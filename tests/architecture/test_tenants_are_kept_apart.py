"""For every tenant's table: without a hospital, or for another one, nothing is seen and nothing is written."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, models
from django.db.transaction import atomic

from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import TenantModel, set_hospital

TENANT_MODELS = [
    model
    for model in apps.get_models()
    if issubclass(model, TenantModel)
    or any(field.name == "hospital_id" for field in model._meta.local_fields)
]
# Read before the hospital is known; see docs/explanation/tenancy.md.
PLATFORM_TABLES = {
    "identity_membership",
    "identity_apikey",
    "identity_staffmember",
    "identity_hospitalrole",
    "portal_patientlogin",
}
TABLES = sorted({model._meta.db_table for model in TENANT_MODELS} - PLATFORM_TABLES)


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_row_level_security_is_forced(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner) FROM pg_class WHERE relname = %s",
            [table],
        )
        enabled, forced, owner = cursor.fetchone()
    assert enabled and forced
    assert owner != connection.settings_dict["USER"]


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("hospital", [None, new_id()], ids=["no hospital", "another hospital"])
def test_nothing_is_seen_or_written_outside_the_hospital(table: str, hospital: UUID | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        assert cursor.fetchone() == (0,)
        if hospital is not None:
            set_hospital(hospital)
        columns, values = _row(table)
        with pytest.raises(ProgrammingError, match=r"row-level security|permission denied"), atomic():
            cursor.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({values})')


def _row(table: str) -> tuple[str, str]:
    """Columns and literals of a row of a third hospital that satisfies every NOT NULL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, udt_name FROM information_schema.columns"
            " WHERE table_name = %s AND is_nullable = 'NO' AND is_identity = 'NO'",
            [table],
        )
        columns = cursor.fetchall()
    literal = {
        "uuid": f"'{new_id()}'",
        "bool": "false",
        "jsonb": "'{}'",
        "date": "'2026-01-01'",
        "timestamptz": "'2026-01-01'",
        "_varchar": "'{}'",
        "_uuid": "'{}'",
        "_int2": "'{}'",
    }
    numbers = {"int2", "int4", "int8", "numeric"}
    return (
        ", ".join(f'"{name}"' for name, _ in columns),
        ", ".join("1" if kind in numbers else literal.get(kind, "'x'") for _, kind in columns),
    )


def test_every_table_with_a_hospital_is_checked() -> None:
    assert len(TABLES) >= 30
    assert all(isinstance(model._meta.get_field("hospital_id"), models.UUIDField) for model in TENANT_MODELS)
