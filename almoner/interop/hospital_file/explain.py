"""The structure's complaints as problems with a place, and what is left of a file without its mistakes.

What is left is still looked at for unknown references and the like, so that everything that is wrong is
said at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from almoner.interop.hospital_file import structure
from almoner.interop.hospital_file.problems import Path, listing, unknown_key
from almoner.interop.hospital_file.reading import Document, Plain
from almoner.interop.hospital_file.values import show

_ROUNDS = 20
_MISSING = object()
_NO_CURRENCY = "XXX"
_STAND_INS = {"slug": "-", "name": "-", "currency": _NO_CURRENCY, "time_zone": "UTC"}
_ENTRIES: dict[str, type[structure.Block]] = {
    "hospital": structure.HospitalBlock,
    "departments": structure.Department,
    "wards": structure.Ward,
    "services": structure.Service,
    "per_service_configuration": structure.ServiceRules,
    "taxes": structure.Tax,
    "tariffs": structure.TariffLine,
    "discounts": structure.Discount,
    "packages": structure.Package,
    "payers": structure.Named,
    "cash_points": structure.CashPoint,
    "charge_rules": structure.ChargeRule,
    "system_configuration": structure.SystemConfiguration,
    "module_rules": structure.PolicySettings,
    "patient_categories": structure.PolicySettings,
    "payment_enforcement_levels": structure.EnforcementLevels,
    "ward_billing_types": structure.WardBillingTypes,
}
_INNER: dict[str, type[structure.Block]] = {
    "charges": structure.WardCharge,
    "billing_rules": structure.BillingRules,
    "payment_enforcement": structure.GlobalEnforcement,
    "service_policies": structure.ServicePolicies,
    "billing_cycles": structure.BillingCycles,
    "gate": structure.GateSettings,
}


@dataclass(slots=True)
class Content:
    """A file without its mistakes. ``kept`` maps a list to the places its entries have in the file."""

    file: structure.HospitalFile
    kept: dict[Path, list[int]]

    @property
    def currency_known(self) -> bool:
        """False when the file's currency was one of its mistakes: amounts cannot be judged then."""
        return self.file.hospital.currency != _NO_CURRENCY


def validate(document: Document) -> Content | None:
    """The file's content. Problems go to ``document``; what has mistakes is left out of the content."""
    data = document.root.data()
    kept: dict[Path, list[int]] = {}
    for round_number in range(_ROUNDS):
        try:
            return Content(structure.HospitalFile.model_validate(data), kept)
        except ValidationError as failure:
            errors = failure.errors(include_url=False)
        if round_number == 0:
            for error in errors:
                _note(document, error, data)
        for error in reversed(errors):
            _remove(data, error["loc"], error["type"] == "missing", kept)
        if not isinstance(data.get("hospital"), dict):
            data["hospital"] = {}
        data["hospital"] = {key: Plain(word) for key, word in _STAND_INS.items()} | data["hospital"]
    return None


def _note(document: Document, error: Any, data: Any) -> None:
    loc: Path = error["loc"]
    kind = error["type"]
    if loc and loc[-1] == "[key]":
        document.refuse(loc[:-1], _sentence(error), key=True)
    elif kind == "extra_forbidden":
        document.refuse(loc, unknown_key(str(loc[-1]), _known(loc[:-1])), key=True)
    elif kind == "missing":
        block = ", ".join(_required(loc[:-1]))
        where = f"Expected the key {loc[-1]!r} here" if len(loc) > 1 else f"Expected a section {loc[-1]!r}"
        document.refuse(loc[:-1], f"{where} (needed: {block}).", key=len(loc) > 1)
    elif kind in ("model_type", "dict_type", "model_attributes_type"):
        document.refuse(loc, f"Expected a block of keys ({listing(_known(loc))}), got {_found(data, loc)}.")
    elif kind in ("tuple_type", "list_type"):
        document.refuse(loc, f"Expected a list, got {_found(data, loc)}.")
    else:
        document.refuse(loc, _sentence(error))


def _sentence(error: Any) -> str:
    reason = error.get("ctx", {}).get("error")
    return str(reason) if reason is not None else str(error["msg"]).rstrip(".") + "."


def _model(loc: Path) -> type[structure.Block] | None:
    """The block that ``loc`` leads to."""
    for part in reversed(loc[1:]):
        if part in _INNER and not (part == "payment_enforcement" and loc[0] != "system_configuration"):
            return _INNER[str(part)]
    return _ENTRIES.get(str(loc[0])) if loc else structure.HospitalFile


def _known(loc: Path) -> list[str]:
    model = _model(loc)
    if model is None:
        return []
    names = list(model.model_fields)
    if model is structure.Department:
        return [*structure.DEPARTMENT_KEYS, "..._fee", "..._surcharge"]
    return names


def _required(loc: Path) -> list[str]:
    model = _model(loc)
    return [name for name, info in model.model_fields.items() if info.is_required()] if model else []


def _lookup(data: Any, loc: Path) -> Any:
    for part in loc:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part, _MISSING)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif not (isinstance(data, dict) and part == 0):
            return _MISSING
    return data


def _found(data: Any, loc: Path) -> str:
    value = _lookup(data, loc)
    return "something else" if value is _MISSING else show(value)


def _remove(data: Any, loc: Path, missing: bool, kept: dict[Path, list[int]]) -> None:
    """Take the mistake out: the value at ``loc``; for a missing key the block that lacks it."""
    if missing or loc[-1] == "[key]":
        loc = loc[:-1]
    if not loc or (missing and loc == ("hospital",)):
        return
    parent = _lookup(data, loc[:-1])
    if isinstance(parent, dict) and loc[-1] in parent:
        del parent[loc[-1]]
    elif isinstance(parent, list) and isinstance(loc[-1], int) and loc[-1] < len(parent):
        places = kept.setdefault(loc[:-1], list(range(len(parent))))
        del parent[loc[-1]], places[loc[-1]]
    elif isinstance(parent, dict) and loc[-1] == 0 and len(loc) > 1:
        _remove(data, loc[:-1], False, kept)
