"""``almoner``: what operators type.

Exit codes: 0 done; 1 the command looked and found something wrong; 2 wrong usage; 65 bad input
(EX_DATAERR); 78 a wrong setting (EX_CONFIG); 130 interrupted.
"""

from __future__ import annotations

import importlib
import keyword
import pkgutil
import sys
import warnings

import click

from almoner.kernel.errors import DomainError
from almoner.shell import commands
from almoner.shell.environment import SettingRefused

EXIT_BAD_INPUT = 65


class _Commands(click.Group):
    """Loads a command's module when it is asked for, so that ``almoner --help`` needs no database.

    A module is named after its command; one that Python reserves the word of ends in an underscore.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        modules = pkgutil.iter_modules(commands.__path__)
        return sorted(module.name.rstrip("_").replace("_", "-") for module in modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        file_name = f"{name}_" if keyword.iskeyword(name) else name.replace("-", "_")
        module = importlib.import_module(f"almoner.shell.commands.{file_name}")
        command: click.Command = module.command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="almoner")
def almoner() -> None:
    """Hospital billing: every service captures its charges, one ledger holds every cent."""


def main() -> None:
    """Run the command line, turning refusals into a sentence and an exit code."""
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    try:
        almoner(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingRefused as error:
        click.echo(error.message, err=True)
        sys.exit(error.code)
    except DomainError as error:
        where = f"{error.field}: " if error.field else ""
        click.echo(f"{where}{error.message}", err=True)
        sys.exit(EXIT_BAD_INPUT)
