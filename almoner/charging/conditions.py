"""The condition of a charge: an expression in CEL (Common Expression Language) over declared variables.

CEL has no loops, no side effects and no access to anything but the variables. A condition is checked when
it is saved: it must parse, name only declared variables, and answer true or false for every sample.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cel
from django.utils.translation import gettext as _

from almoner.kernel.errors import DomainError

VARIABLES: dict[str, type] = {
    "patient_age": int,
    "patient_category": str,
    "patient_sex": str,
    "payer": str,
    "encounter_class": str,
    "visit_type": str,
    "triage_level": int,
    "priority": str,
    "department": str,
    "ward_type": str,
    "day_of_stay": int,
    "quantity": float,
}
"""What a condition may ask for. ``patient_age`` in whole years, ``day_of_stay`` from 1; what is not known of a
patient is not there, and a condition that asks for it fails for that patient."""

MAXIMUM_LENGTH = 500
_MAXIMUM_SAMPLES = 400
_LITERAL = re.compile(r"\"([^\"\\]*)\"|'([^'\\]*)'")
_NUMBER = re.compile(r"(?<![\w.])\d{1,6}(?![\w.])")


class ConditionFailed(Exception):
    """The condition has no answer for these facts; the message says why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was checked; ``holds`` answers it."""

    source: str

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether it is true for ``facts`` (variable to value). Raises ``ConditionFailed``."""
        program = _program(self.source)
        asked = {name: facts[name] for name in program.variables() if facts.get(name) is not None}
        missing = sorted(set(program.variables()) - set(asked))
        if missing:
            raise ConditionFailed(f"{', '.join(missing)} not known")
        try:
            answer = program.execute(asked)
        except Exception as error:
            raise ConditionFailed(str(error).split(".")[0][:120]) from error
        if not isinstance(answer, bool):
            raise ConditionFailed(f"the answer is {answer!r}, not true or false")
        return answer


def check_condition(source: str) -> Condition:
    """The condition, if it can be relied on. Raises ``DomainError`` at ``condition`` saying what is wrong."""
    if len(source) > MAXIMUM_LENGTH:
        raise _refusal(
            _("A condition has at most %(maximum_length)s characters.") % {"maximum_length": MAXIMUM_LENGTH}
        )
    try:
        program = _program(source)
    except ValueError as error:
        reason = str(error).split("Syntax error:")[-1].split("\n")[0].split(" expecting")[0].strip()
        raise _refusal(_("The condition cannot be read: %(reason)s.") % {"reason": reason}) from None
    unknown = sorted(set(program.variables()) - set(VARIABLES))
    if unknown:
        raise _refusal(
            _("There is no %(unknown)r to ask for. Known: %(variables)s.")
            % {"unknown": unknown[0], "variables": ", ".join(sorted(VARIABLES))}
        )
    condition = Condition(source)
    for facts in _samples(source, sorted(program.variables())):
        try:
            condition.holds(facts)
        except ConditionFailed as failure:
            raise _refusal(
                _("The condition has no answer for %(facts)s: %(failure)s.")
                % {"facts": _told(facts), "failure": failure}
            ) from None
    return condition


@lru_cache(maxsize=1024)
def _program(source: str) -> cel.Program:
    return cel.compile(source)


def _refusal(message: str) -> DomainError:
    return DomainError(message, field="condition", code="invalid_condition")


def _told(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in facts.items()) or "any patient"


def _samples(source: str, names: list[str]) -> list[dict[str, Any]]:
    """Facts to try the condition on: every variable with the texts and numbers that it is compared with."""
    texts = ["", *dict.fromkeys(first or second for first, second in _LITERAL.findall(source))]
    numbers = sorted(
        {0, 1, *(int(number) + step for number in _NUMBER.findall(source) for step in (-1, 0, 1))}
    )
    values = {str: texts, int: numbers, float: [float(number) for number in numbers]}
    choices = [values[VARIABLES[name]] for name in names]
    combinations = itertools.islice(itertools.product(*choices), _MAXIMUM_SAMPLES)
    return [dict(zip(names, combination, strict=True)) for combination in combinations]
