"""YAML text into a tree that remembers where everything stands.

Only the syntax of YAML is used: mappings, lists and scalars. A scalar stays text, and whether it was
quoted, until the structure says what is expected there; so ``75.10`` is never a float and ``no`` is never
a boolean by accident. Tags are refused. Aliases work, within a limit on the size of what they expand to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from almoner.interop.hospital_file.problems import Path, Problem, show_path

MAXIMUM_BYTES = 4 * 1024 * 1024
MAXIMUM_NODES = 400_000
MAXIMUM_DEPTH = 16
_NULLS = {"", "~", "null", "Null", "NULL"}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Plain(str):
    """A scalar without quotes: a word, number, date or amount, as the structure has it."""

    __slots__ = ()


class Quoted(str):
    """A scalar in quotes or in a block: text."""

    __slots__ = ()


@dataclass(slots=True)
class Node:
    """A value and where it stands. ``line`` 0: it does not stand in this file."""

    value: Plain | Quoted | list[Node] | dict[str, Node] | None
    line: int = 0
    column: int = 0
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    size: int = 1
    height: int = 1

    def child(self, part: str | int) -> Node | None:
        """The value under a key, or at a place of a list."""
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None

    def data(self) -> Any:
        """The bare value: dict, list, ``Plain``, ``Quoted`` or None."""
        if isinstance(self.value, dict):
            return {key: node.data() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.data() for node in self.value]
        return self.value


@dataclass(slots=True)
class Document:
    """A file that was read: its tree, and the problems found so far."""

    file: str
    root: Node
    problems: list[Problem] = field(default_factory=list)

    def locate(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value at ``path`` (of its key with ``key``), or of what is nearest above it."""
        node, place = self.root, (max(self.root.line, 1), max(self.root.column, 1))
        for depth, part in enumerate(path):
            child = node.child(part)
            if child is None and isinstance(node.value, dict) and part == 0:
                continue  # one mapping where a list of them may stand as well
            if child is None:
                break
            place_of_key = node.keys.get(part) if isinstance(part, str) else None
            if key and depth == len(path) - 1:
                return place_of_key or place
            node = child
            place = (node.line, node.column) if node.line else place_of_key or place
        return place

    def has(self, path: Path) -> bool:
        """Whether something stands at ``path``, right or wrong."""
        node: Node | None = self.root
        for part in path:
            node = node.child(part) if node is not None else None
        return node is not None

    def refuse(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note a problem at ``path``."""
        line, column = self.locate(path, key=key)
        self.problems.append(Problem(self.file, line, column, show_path(path), message))


class _Unreadable(Exception):
    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


def read(text: str | bytes, file: str) -> Document:
    """The tree of ``text``. What cannot be read at all is a problem of a document with an empty root."""
    try:
        content = _decode(text)
        builder = _Builder(file)
        document = Document(file, builder.build(_events(content)), builder.problems)
    except _Unreadable as error:
        document = Document(file, Node({}, 1, 1))
        document.problems.append(Problem(file, error.line, error.column, "", error.message))
        return document
    if not isinstance(document.root.value, dict) and not document.problems:
        document.refuse((), "Expected the sections of a hospital (hospital:, departments:, ...) at the top.")
        document.root = Node({}, 1, 1)
    return document


def _decode(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAXIMUM_BYTES:
        raise _Unreadable(
            1,
            1,
            f"Expected at most {MAXIMUM_BYTES // 1024 // 1024} MiB, the file has {size / 1024 / 1024:.1f} MiB.",
        )
    text = _utf8(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    found = _CONTROL.search(text)
    if found is not None:
        line, column = _position(text, found.start())
        raise _Unreadable(line, column, f"Expected text, found the control character U+{ord(found[0]):04X}.")
    return text


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line, column = _position(before, len(before))
        found = raw[error.start]
        raise _Unreadable(line, column, f"Expected UTF-8 text, found the byte 0x{found:02X}.") from None


def _position(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _Unreadable(line, column, _syntax_message(error, text, line, column)) from None
    except yaml.YAMLError as error:
        raise _Unreadable(1, 1, f"This is not YAML: {error}.") from None


def _syntax_message(error: yaml.MarkedYAMLError, text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if "\t" in written[:column] and not written[: column - 1].strip():
        return "YAML does not allow tabs for indentation: use spaces."
    parts = [error.context or "", error.problem or ""]
    return f"This is not YAML: {', '.join(part for part in parts if part)}."


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_mark: tuple[int, int] = (1, 1)


class _Builder:
    """Builds the tree from parser events, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.root: Node | None = None

    def build(self, events: Iterator[Any]) -> Node:
        documents = 0
        for event in events:
            mark = (event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Unreadable(*mark, "Expected one document, found a second one after '---'.")
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event, mark)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._start(event, mark)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event, mark)
        if self.root is None or self.root.value is None:
            raise _Unreadable(1, 1, "The file is empty: expected the sections of a hospital.")
        return self.root

    def _check_tag(self, event: Any, mark: tuple[int, int]) -> None:
        if event.tag not in (None, "!"):
            raise _Unreadable(*mark, f"Expected a plain value, found the YAML tag {event.tag!r}.")

    def _scalar(self, event: Any, mark: tuple[int, int]) -> None:
        self._check_tag(event, mark)
        value: Plain | Quoted | None
        if not event.style:
            value = None if event.value in _NULLS else Plain(event.value)
        else:
            value = Quoted(event.value)
        node = Node(value, *mark)
        if self._takes_key():
            self._key(event.value, mark)
            return
        if event.anchor:
            self.anchors[event.anchor] = node
        self._place(node, mark)

    def _takes_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].node.value, dict) and self.stack[-1].key is None

    def _key(self, key: str, mark: tuple[int, int]) -> None:
        if key == "<<":
            raise _Unreadable(*mark, "Merge keys (<<) are not used here: write the keys out.")
        self.stack[-1].key = key
        self.stack[-1].key_mark = mark

    def _start(self, event: Any, mark: tuple[int, int]) -> None:
        self._check_tag(event, mark)
        if self._takes_key():
            raise _Unreadable(*mark, "Expected a word as key, found a list or block.")
        if len(self.stack) >= MAXIMUM_DEPTH:
            raise _Unreadable(*mark, f"Expected at most {MAXIMUM_DEPTH} levels, this is nested deeper.")
        if event.anchor:
            self.anchors[event.anchor] = None
        node = Node({} if isinstance(event, yaml.MappingStartEvent) else [], *mark)
        self.stack.append(_Open(node, event.anchor))

    def _end(self) -> None:
        done = self.stack.pop()
        if done.anchor:
            self.anchors[done.anchor] = done.node
        self._place(done.node, (done.node.line, done.node.column))

    def _alias(self, event: Any, mark: tuple[int, int]) -> None:
        if event.anchor not in self.anchors:
            raise _Unreadable(*mark, f"Nothing is called &{event.anchor} above this place.")
        node = self.anchors[event.anchor]
        if node is None:
            raise _Unreadable(*mark, f"*{event.anchor} contains itself.")
        if self._takes_key():
            raise _Unreadable(*mark, "Expected a word as key, found an alias.")
        if len(self.stack) + node.height > MAXIMUM_DEPTH:
            raise _Unreadable(*mark, f"Expected at most {MAXIMUM_DEPTH} levels, this is nested deeper.")
        self._place(node, mark)

    def _place(self, node: Node, mark: tuple[int, int]) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)
        if parent.node.size > MAXIMUM_NODES:
            raise _Unreadable(*mark, f"Expected at most {MAXIMUM_NODES:,} values; aliases make more of them.")
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif isinstance(parent.node.value, dict) and parent.key is not None:
            key, parent.key = parent.key, None
            if key in parent.node.value:
                first = parent.node.keys[key][0]
                self._refuse(
                    parent, key, f"The key {key!r} stands here a second time (first in line {first})."
                )
                return
            parent.node.value[key] = node
            parent.node.keys[key] = parent.key_mark

    def _refuse(self, parent: _Open, key: str, message: str) -> None:
        path = (*(entry.key for entry in self.stack[:-1] if entry.key is not None), key)
        self.problems.append(Problem(self.file, *parent.key_mark, show_path(path), message))
