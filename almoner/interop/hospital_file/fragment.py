"""A part of a hospital's file, laid over the whole of it.

Section 1.2 prints department blocks and nothing around them, section 4.1 a ``System Configuration`` alone.
Such a file names no hospital: the command does, and the file then concerns only what stands in it.
"""

from __future__ import annotations

from dataclasses import replace

from almoner.interop.hospital_file.problems import listing, unknown_key
from almoner.interop.hospital_file.reading import Document, Node, read
from almoner.interop.hospital_file.structure import DEPARTMENT_KEYS, SECTIONS, is_fee, section_name

CHARGES = ("ward_billing_templates", "charge_definitions")
_MERGED = (
    "system_configuration",
    "module_rules",
    "patient_categories",
    "ward_billing_templates",
    "messaging",
)
_REPLACED = ("payment_enforcement_levels", "ward_billing_types", "per_service_configuration")
PARTS = ("departments", *_MERGED, *_REPLACED, "charge_definitions")
_KEPT_OF_DEPARTMENT = ("name", "kind")


def arrange(document: Document) -> bool:
    """Give sections their key (``System Configuration``); True when the file is a part: it has no ``hospital``.

    In a part, the department blocks at the top go under ``departments``, as if they had stood there.
    """
    root = document.root
    if not isinstance(root.value, dict):
        return False
    arranged: dict[str, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    for title, node in root.value.items():
        name = section_name(title)
        name = name if name in SECTIONS else title
        if name in arranged:
            document.refuse((title,), f"The section {name!r} stands here a second time.", key=True)
            continue
        if node.value is None and name in SECTIONS and name != "hospital":
            continue
        arranged[name] = node
        keys[name] = root.keys[title]
    document.root = replace(root, value=arranged, keys=keys)
    is_part = "hospital" not in arranged
    if is_part:
        _gather_departments(document, arranged, keys)
    else:
        _refuse_stray_departments(document, arranged)
    return is_part


def _is_department(node: Node) -> bool:
    return isinstance(node.value, dict) and any(is_fee(key) or key in DEPARTMENT_KEYS for key in node.value)


def _gather_departments(
    document: Document, arranged: dict[str, Node], keys: dict[str, tuple[int, int]]
) -> None:
    blocks = {
        title: node for title, node in arranged.items() if title not in SECTIONS and _is_department(node)
    }
    if not blocks:
        return
    places = {title: keys.pop(title) for title in blocks}
    for title in blocks:
        del arranged[title]
    under = arranged.get("departments")
    if under is None:
        arranged["departments"] = Node(blocks, document.root.line, document.root.column, places)
        return
    if isinstance(under.value, dict):
        for title in blocks:
            if title in under.value:
                document.refuse(("departments", title), f"The department {title!r} stands twice.", key=True)
        arranged["departments"] = replace(under, value=blocks | under.value, keys=places | under.keys)


def _refuse_stray_departments(document: Document, arranged: dict[str, Node]) -> None:
    for title in [
        title for title, node in arranged.items() if title not in SECTIONS and _is_department(node)
    ]:
        document.refuse((title,), "A department's block stands under 'departments:' in this file.", key=True)
        del arranged[title]


def refuse_part(document: Document) -> None:
    """Say that the file names no hospital, and nobody else did."""
    document.refuse(
        (),
        "Expected a section 'hospital' (slug, name, currency, time_zone). A file with a part of a hospital's "
        "configuration needs the hospital's name beside it: --hospital SLUG.",
    )


def lay_over(part: Document, whole: str) -> Document:
    """The file ``whole`` (as exported) with what ``part`` says in its place; problems point into ``part``."""
    base = read(whole, part.file)
    _forget_places(base.root)
    assert isinstance(base.root.value, dict) and isinstance(part.root.value, dict)
    for name, node in part.root.value.items():
        if name not in PARTS:
            message = unknown_key(name, PARTS)
            if name in SECTIONS:
                message = (
                    f"The section {name!r} needs the whole file with its 'hospital' section (almoner config "
                    f"export writes it); a part may hold {listing(PARTS)}, and department blocks."
                )
            part.refuse((name,), message, key=True)
        elif name == "departments":
            _departments(base.root, node)
        elif name == "charge_definitions":
            _put(base.root, name, _definitions(base.root.value.get(name), node))
        elif name in _MERGED:
            _put(base.root, name, _merge(base.root.value.get(name), node))
        else:
            if name == "per_service_configuration":
                _drop_billing_rules(base.root, node)
            _put(base.root, name, node)
        if name in part.root.keys:
            base.root.keys[name] = part.root.keys[name]
    base.root.line, base.root.column = part.root.line, part.root.column
    base.problems = part.problems
    return base


def _forget_places(node: Node) -> None:
    node.line = node.column = 0
    node.keys = {}
    children = node.value.values() if isinstance(node.value, dict) else node.value
    for child in children if children is not None and not isinstance(children, str) else ():
        _forget_places(child)


def _put(parent: Node, key: str, node: Node) -> None:
    assert isinstance(parent.value, dict)
    parent.value[key] = node


def _definitions(base: Node | None, part: Node) -> Node:
    """The versions of ``part``, then those of ``base`` that begin on other days."""
    if base is None or not isinstance(base.value, list) or not isinstance(part.value, list):
        return part
    told = [_version(node) for node in part.value]
    return replace(part, value=[*part.value, *(node for node in base.value if _version(node) not in told)])


def _version(node: Node) -> list[str]:
    """Code and first day of a charge definition."""
    block = node.value if isinstance(node.value, dict) else {}
    return [str(block[key].value) if key in block else "" for key in ("code", "starts_on")]


def _merge(base: Node | None, part: Node) -> Node:
    if base is None or not isinstance(base.value, dict) or not isinstance(part.value, dict):
        return part
    return replace(part, value=base.value | part.value)


def _departments(root: Node, part: Node) -> None:
    """A block says everything about its department but the name and kind, which stay unless it says them."""
    assert isinstance(root.value, dict)
    base = root.value.get("departments")
    if base is None or not isinstance(base.value, dict) or not isinstance(part.value, dict):
        root.value["departments"] = part
        return
    blocks = dict(base.value)
    for code, block in part.value.items():
        known = blocks.get(code)
        if known is not None and isinstance(known.value, dict) and isinstance(block.value, dict):
            kept = {key: known.value[key] for key in _KEPT_OF_DEPARTMENT if key in known.value}
            block = replace(block, value=kept | block.value)
        blocks[code] = block
    root.value["departments"] = replace(part, value=blocks)


def _drop_billing_rules(root: Node, part: Node) -> None:
    """What ``part`` says about a service replaces what the file said about it under ``services``."""
    assert isinstance(root.value, dict)
    services = root.value.get("services")
    entries = part.value if isinstance(part.value, list) else [part]
    for entry in entries:
        code = entry.value.get("service_id") if isinstance(entry.value, dict) else None
        if services is None or not isinstance(services.value, dict) or code is None:
            continue
        service = services.value.get(str(code.value))
        if service is not None and isinstance(service.value, dict):
            service.value.pop("billing_rules", None)
