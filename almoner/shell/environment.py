"""Settings by environment variables, each refused with a clear sentence when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import dj_database_url
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[2]


class Environment(BaseSettings):
    """What an operator may set. ``DATABASE_URL`` empty: the embedded PostgreSQL in ``data_dir``;
    ``ALMONER_MAIL_URL`` empty: letters are shown in the terminal; ``ALMONER_PUBLIC_URL`` empty: links in messages
    to patients lead to this machine."""

    model_config = SettingsConfigDict(env_prefix="ALMONER_", populate_by_name=True)

    data_dir: Path = CHECKOUT / ".almoner"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    database_url: Annotated[str, Field(validation_alias="DATABASE_URL")] = ""
    database_migration_url: Annotated[str, Field(validation_alias="DATABASE_MIGRATION_URL")] = ""
    secret_key: str = ""
    debug: bool = False
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    web_processes: Annotated[int, Field(ge=1, le=64)] = 2
    web_threads: Annotated[int, Field(ge=1, le=256)] = 4
    mail_url: str = ""
    mail_from: str = "Almoner <almoner@localhost>"
    public_url: str = ""

    @field_validator("database_url", "database_migration_url")
    @classmethod
    def _is_postgresql(cls, url: str) -> str:
        if url and not url.startswith(("postgres://", "postgresql://")):
            raise ValueError("expected postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE")
        if url:
            dj_database_url.parse(url)
        return url

    @field_validator("mail_url")
    @classmethod
    def _is_mail_server(cls, url: str) -> str:
        if url and not (url.startswith(("smtp://", "smtps://")) and urlsplit(url).hostname):
            raise ValueError("expected smtp://USER:PASSWORD@HOST:PORT or smtps://...")
        return url

    @field_validator("public_url")
    @classmethod
    def _is_address_of_pages(cls, url: str) -> str:
        if url and not (url.startswith(("https://", "http://")) and urlsplit(url).hostname):
            raise ValueError("expected https://HOST, where patients reach the pages")
        return url


class SettingRefused(SystemExit):
    """A setting that cannot be used; the message says which and why. Exit code 78 (EX_CONFIG)."""

    def __init__(self, message: str) -> None:
        super().__init__(78)
        self.message = message


def read_environment() -> Environment:
    """The settings in force. Raises ``SettingRefused`` naming the variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        name = name if name.startswith("DATABASE") else f"ALMONER_{name.removeprefix('ALMONER_')}"
        reason = first["msg"].removeprefix("Value error, ")
        is_secret = name.startswith("DATABASE") or "SECRET" in name or name.endswith("MAIL_URL")
        got = "" if is_secret else f" (got {first['input']!r})"
        raise SettingRefused(f"{name}: {reason}{got}.") from None
