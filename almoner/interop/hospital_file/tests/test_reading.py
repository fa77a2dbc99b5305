"""Whatever a file holds, reading it ends in a tree or in a sentence with a place, never in a traceback."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.interop.hospital_file.operations import check
from almoner.interop.hospital_file.reading import MAXIMUM_BYTES, Plain, Quoted, read
from almoner.interop.hospital_file.tests.samples import small

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)

UNREADABLE = {
    "empty": ("", 1, 1, "The file is empty"),
    "only a comment": ("# nothing\n", 1, 1, "The file is empty"),
    "a tab for indentation": ("hospital:\n\tslug: a\n", 2, 1, "YAML does not allow tabs for indentation"),
    "an unclosed bracket": ("hospital: [a, b\nname: x\n", 2, 5, "This is not YAML"),
    "an unclosed quote": ('name: "x\n', 2, 1, "This is not YAML"),
    "a colon in a value": ("a: b: c\n", 1, 5, "This is not YAML"),
    "a NUL byte": ("hospital:\n  slug: a\0b\n", 2, 10, "control character U+0000"),
    "an escape character": ("hospital: \x1b[31m\n", 1, 11, "control character U+001B"),
    "not UTF-8": (b"hospital:\n  name: Caf\xe9\n", 2, 12, "Expected UTF-8 text, found the byte 0xE9"),
    "UTF-16": ("hospital: {}\n".encode("utf-16"), 1, 1, "Expected UTF-8 text"),
    "too large": (b"#" * (MAXIMUM_BYTES + 1), 1, 1, "Expected at most 4 MiB"),
    "a tag": ("hospital: !!python/object:os.system {}\n", 1, 11, "found the YAML tag"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, 1, "Expected one document"),
    "a merge key": ("a: &a {x: 1}\nb:\n  <<: *a\n", 3, 3, "Merge keys (<<) are not used here"),
    "an alias to nothing": ("a: *nowhere\n", 1, 4, "Nothing is called &nowhere"),
    "an alias to itself": ("a: &a [*a]\n", 1, 8, "*a contains itself"),
    "an alias as key": ("a: &a x\n*a : 1\n", 2, 1, "Expected a word as key"),
    "a list as key": ("? [a, b]\n: 1\n", 1, 3, "Expected a word as key"),
    "a bomb of aliases": (BOMB, 6, 20, "Expected at most 400,000 values"),
    "nested too deep": ("a: " + "[" * 50_000, 1, 19, "Expected at most 16 levels"),
    "a list at the top": ("- a\n- b\n", 1, 1, "Expected the sections of a hospital"),
    "a word at the top": ("hospital\n", 1, 1, "Expected the sections of a hospital"),
}


@pytest.mark.parametrize(("text", "line", "column", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_files_are_refused_with_line_and_column(
    text: str | bytes, line: int, column: int, message: str
) -> None:
    problems = check(text, file="x.yaml")
    assert [(problem.line, problem.column) for problem in problems] == [(line, column)]
    assert message in problems[0].message
    assert str(problems[0]).startswith(f"x.yaml:{line}:{column}: ")


def test_every_duplicate_key_is_named_with_the_line_of_the_first() -> None:
    text = small() + "  cbc:\n    name: Again\n    kind: other\n    kind: fee\ndepartments: {}\n"
    messages = {str(problem) for problem in check(text, file="x.yaml")}
    assert (
        "x.yaml:17:3: services.cbc: The key 'cbc' stands here a second time (first in line 12)." in messages
    )
    assert (
        "x.yaml:20:5: services.cbc.kind: The key 'kind' stands here a second time (first in line 19)."
        in messages
    )
    assert (
        "x.yaml:21:1: departments: The key 'departments' stands here a second time (first in line 6)."
        in messages
    )


def test_a_section_spelled_both_ways_is_a_duplicate() -> None:
    text = small() + "System Configuration: {}\nsystem_configuration: {}\n"
    assert "stands here a second time" in check(text)[0].message


def test_scalars_stay_text_and_remember_their_quotes() -> None:
    root = read("a: 75.10\nb: '75'\nc: no\nd: ~\ne: |\n  text\n", "x").root.data()
    assert root == {"a": "75.10", "b": "75", "c": "no", "d": None, "e": "text\n"}
    assert isinstance(root["a"], Plain) and isinstance(root["b"], Quoted) and isinstance(root["e"], Quoted)


def test_aliases_give_what_they_stand_for() -> None:
    text = small() + "  lipid: &lipid {name: Lipids, kind: laboratory, price: 25}\n  again: *lipid\n"
    assert check(text) == []


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert check(b"\xef\xbb\xbf" + small().replace("\n", "\r\n").encode()) == []


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_bytes_and_any_text_give_problems(content: bytes | str) -> None:
    assert check(content) != []


_LINES = st.sampled_from(
    [*small().splitlines(), "", "\t", "  - a", "  ? b", "a: &x", "b: *x", "{", "]", '"', "!!int 3", "%"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_LINES, max_size=25))
def test_shuffled_lines_never_break_the_check(lines: list[str]) -> None:
    for problem in check("\n".join(lines)):
        assert problem.line >= 1 and problem.column >= 1 and problem.message.endswith(".")
