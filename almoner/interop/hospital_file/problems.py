"""What is wrong with a file, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from almoner.kernel.errors import DomainError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that was expected and not found. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}"

    def as_data(self) -> dict[str, Any]:
        """For programs: file, line, column, path, message."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
        }


class HospitalFileInvalid(DomainError):
    """A file that cannot be loaded; ``problems`` holds everything that was found, in order of lines."""

    code = "invalid_hospital_file"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__(
            "\n".join(str(problem) for problem in self.problems),
            detail={"problems": [problem.as_data() for problem in self.problems]},
        )


def show_path(path: Path) -> str:
    """A path as people write it: ``tariffs[2].price``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def suggestion(word: str, known: Iterable[str]) -> str:
    """``" Did you mean 'name'?"`` when something close to ``word`` is known, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def listing(words: Sequence[str], limit: int = 20) -> str:
    """``words`` in their order, shortened when there are many; ``none`` when there are none."""
    shown = ", ".join(words[:limit]) or "none"
    return f"{shown} and {len(words) - limit} more" if len(words) > limit else shown


def unknown_key(key: str, known: Sequence[str]) -> str:
    """The sentence about a key that this block does not have."""
    return f"Unknown key {key!r}.{suggestion(key, known)} Known here: {listing(known)}."
