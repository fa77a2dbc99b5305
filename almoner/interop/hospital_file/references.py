"""The names that a file defines, and whether what refers to them is right."""

from __future__ import annotations

from collections.abc import Iterable

from almoner.interop.hospital_file import derive
from almoner.interop.hospital_file.problems import Path, listing, suggestion
from almoner.interop.hospital_file.reading import Document, Node
from almoner.interop.hospital_file.structure import is_fee
from almoner.kernel import service_points

_SUGGESTIONS = 100


class Names:
    """Every name that stands in the file, in blocks with mistakes too, so that one mistake is said once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, tuple[str, tuple[str, ...]]] = {
            "department": ("department", _keys(document, "departments")),
            "tax": ("tax", _keys(document, "taxes")),
            "payer": ("payer", _keys(document, "payers")),
            "service": ("service", tuple(_services(document))),
            "ward_type": ("ward type", tuple(_words(document, "wards", "ward_type"))),
            "event_kind": ("event kind", tuple(sorted(service_points.event_kinds()))),
            "template": ("ward billing template", _keys(document, "ward_billing_templates")),
            "step": ("step", tuple(sorted(service_points.steps()))),
        }
        self._sets = {sort: frozenset(known) for sort, (_, known) in self._names.items()}

    def check(self, sort: str, name: str | None, path: Path) -> str:
        """``name`` ("" for None); notes a problem at ``path`` when nothing of this sort is called so."""
        noun, known = self._names[sort]
        if name is not None and name not in self._sets[sort]:
            # Looking for something similar takes time; nobody reads the hundredth suggestion.
            close = suggestion(name, known) if len(self._document.problems) < _SUGGESTIONS else ""
            self._document.refuse(path, f"There is no {noun} {name!r}.{close} Known: {listing(known)}.")
        return name or ""


def _section(document: Document, name: str) -> dict[str, Node]:
    root = document.root.value
    node = root.get(name) if isinstance(root, dict) else None
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _keys(document: Document, section: str) -> tuple[str, ...]:
    return tuple(_section(document, section))


def _words(document: Document, section: str, key: str) -> Iterable[str]:
    found: dict[str, None] = {}
    for node in _section(document, section).values():
        word = node.value.get(key) if isinstance(node.value, dict) else None
        if word is not None and isinstance(word.value, str):
            found[str(word.value)] = None
    return found


def _services(document: Document) -> Iterable[str]:
    yield from _keys(document, "services")
    yield from _keys(document, "packages")
    for department, node in _section(document, "departments").items():
        for key in node.value if isinstance(node.value, dict) else ():
            if is_fee(key):
                yield derive.fee_service_code(department, key)
    yield from _defined_services(document)
    for ward, node in _section(document, "wards").items():
        charges = node.value.get("charges") if isinstance(node.value, dict) else None
        for charge in charges.value if charges is not None and isinstance(charges.value, list) else ():
            code = charge.value.get("code") if isinstance(charge.value, dict) else None
            if code is not None and isinstance(code.value, str):
                yield derive.ward_service_code(ward, code.value)


def _defined_services(document: Document) -> Iterable[str]:
    """The services that charge definitions make by giving them a name."""
    root = document.root.value
    section = root.get("charge_definitions") if isinstance(root, dict) else None
    for entry in section.value if section is not None and isinstance(section.value, list) else ():
        block = entry.value if isinstance(entry.value, dict) else {}
        code = block.get("service") or block.get("code")
        if "name" in block and code is not None and isinstance(code.value, str):
            yield str(code.value)
