"""One block of settings as a page or a program states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from almoner.enforcement.policy import read_settings
from almoner.enforcement.sense import find_senseless
from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.state import Record, State
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.service_points import modules

HOSPITAL_BLOCKS = {
    "global_policy": "payment_enforcement",
    "emergency_override": "payment_enforcement",
    "payment_plans": "payment_enforcement",
    "grace_periods": "payment_enforcement",
    "require_payment_before_service": "service_policies",
    "allow_partial_payments": "service_policies",
    "auto_payment_plans": "service_policies",
    "payment_reminders": "service_policies",
}
"""The block of section 4.1 that a key of the hospital stands in; every other key is a gate's."""
_GATE = {
    f"{key}_minor" if key in structure.AMOUNT_SETTINGS else key for key in structure.GateSettings.model_fields
}
_POLICY = _GATE | set(structure.PolicySettings.model_fields) - set(structure.AMOUNT_SETTINGS)
_KEYS = {
    "hospital": {"billing_cycle", *HOSPITAL_BLOCKS, *_GATE},
    "module": _POLICY,
    "department": _POLICY | {"payment_required_before_consultation"},
    "service": _GATE | set(structure.BillingRules.model_fields) - set(structure.AMOUNT_SETTINGS),
    "patient_category": _POLICY,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the block of ``scope`` and ``subject`` (a code; empty for the hospital) shall say about ``settings``.

    The settings are in the file's own words, amounts in minor units (``deferral_limit_minor``); None takes a key
    out of the block. Keys that are not named stay. ``billing_cycle`` is the hospital's.
    """

    scope: str
    subject: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def put(self, state: State) -> None:
        """Change ``state`` accordingly. Raises ``NotFound`` and ``DomainError``."""
        self._check_subject(state)
        for name in self.settings:
            if name not in _KEYS[self.scope]:
                raise DomainError(
                    f"Unknown setting {name!r} of a {self.scope}. Known: {', '.join(sorted(_KEYS[self.scope]))}.",
                    field=name,
                    code="unknown_setting",
                )
        key = (self.scope, self.subject)
        block = _copy(state["policies"].get(key, {}))
        for name, value in self.settings.items():
            if name == "billing_cycle" and self.scope == "hospital":
                state["hospital"][""]["billing_cycle"] = value or "real_time"
                continue
            holder = block
            if self.scope == "hospital":
                holder = block.setdefault(HOSPITAL_BLOCKS.get(name, "gate"), {})
            if value is None or value == "" or value == []:
                holder.pop(name, None)
            else:
                holder[name] = value
        block = {name: value for name, value in block.items() if value != {}}
        read_settings(self.scope, block)
        if block:
            state["policies"][key] = block
        else:
            state["policies"].pop(key, None)
        for found in find_senseless(state["policies"], state["services"]):
            if (found.scope, found.subject) == key:
                raise DomainError(found.message, field=found.key, code="senseless_setting")
            what = " ".join(word for word in (found.scope, found.subject, found.key) if word)
            raise DomainError(f"{what}: {found.message}", code="senseless_setting")

    def _check_subject(self, state: State) -> None:
        known: Mapping[Any, Any] = {"": None}
        if self.scope == "module":
            known = dict.fromkeys(modules().values())
        elif self.scope in ("department", "service"):
            known = state[f"{self.scope}s"]
        elif self.scope == "patient_category":
            return
        elif self.scope != "hospital":
            raise DomainError(
                f"There is no scope {self.scope!r} of settings.", field="scope", code="unknown_scope"
            )
        if self.subject not in known:
            raise NotFound(
                f"There is no {self.scope} {self.subject!r} at this hospital.",
                field="subject",
                code=f"unknown_{self.scope}",
            )


def _copy(block: Record) -> Record:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in block.items()}
