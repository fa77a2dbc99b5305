"""The texts that translators translate: ``python -m tests.support.messages`` writes them into their files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "almoner" / "shell" / "locale"
LANGUAGES = ("es", "hi")


def collect(folder: Path = LOCALE) -> None:
    """Bring the ``django.po`` of every language in ``folder`` up to date: new texts come empty, gone ones are
    dropped, the rest is kept. Needs GNU gettext, and a process of its own: it works in the code's folder."""
    import django
    from django.core.management import call_command
    from django.test.utils import override_settings

    django.setup()
    os.chdir(ROOT / "almoner")
    with override_settings(LOCALE_PATHS=[folder]):
        call_command(
            "makemessages",
            locale=list(LANGUAGES),
            ignore_patterns=["*/tests/*", "*/locale"],
            no_location=True,
            no_wrap=True,
            no_obsolete=True,
            verbosity=0,
        )
    for language in LANGUAGES:
        _without_dates(folder / language / "LC_MESSAGES" / "django.po")


def _without_dates(catalog: Path) -> None:
    """Two people who collect the same texts write the same file."""
    dated = ('"POT-Creation-Date:', '"Report-Msgid-Bugs-To:')
    lines = catalog.read_text(encoding="utf-8").splitlines(keepends=True)
    catalog.write_text("".join(line for line in lines if not line.startswith(dated)), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "almoner.shell.settings")
    collect(*(Path(argument).resolve() for argument in sys.argv[1:]))
