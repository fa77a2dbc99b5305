"""The examples of docs/reference/api.md run as they stand, against a server, and give what is printed."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from markdown_it import MarkdownIt

from almoner.interop.hospital_file.operations import load
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.shell.api import known_scopes
from almoner.shell.simulation.hospitals import demo_file
from tests.docs.tables import DOCS, read_tables
from tests.support.api import ApiClient, document

PAGE = "reference/api.md"
ANYTHING = "…"
MARK = "=== the next example ==="


@dataclass
class Example:
    """A block of the page that is run, and what the page says it prints."""

    line: int
    script: str
    kind: str = ""
    printed: str = ""


def examples() -> list[Example]:
    found: list[Example] = []
    for token in MarkdownIt("commonmark").parse((DOCS / PAGE).read_text(encoding="utf-8")):
        if token.type != "fence" or token.map is None:
            continue
        if token.info == "sh":
            found.append(Example(token.map[0] + 1, token.content))
        elif token.info in ("json", "text"):
            assert found and not found[-1].kind, f"line {token.map[0]}: an answer to nothing"
            found[-1].kind, found[-1].printed = token.info, token.content
    return found


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the test says what went wrong."""


@pytest.fixture
def server(committed: None) -> Iterator[str]:
    """The address of a server whose data are the demo hospital's settings."""
    application = get_wsgi_application()
    httpd = ThreadedWSGIServer(("localhost", 0), _Quiet)
    httpd.set_app(application)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{httpd.server_address[1]}/api/v1"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def matches(printed: Any, answer: Any) -> bool:
    """Whether ``answer`` holds what is printed; ``…`` is anything, also as the rest of a list."""
    if printed == ANYTHING:
        return True
    if isinstance(printed, dict):
        return isinstance(answer, dict) and all(
            name in answer and matches(value, answer[name]) for name, value in printed.items()
        )
    if isinstance(printed, list):
        if not isinstance(answer, list):
            return False
        if printed and printed[-1] == ANYTHING:
            printed, answer = printed[:-1], answer[: len(printed) - 1]
        return len(printed) == len(answer) and all(map(matches, printed, answer))
    return bool(printed == answer)


def test_the_examples_give_what_the_page_prints(server: str) -> None:
    loaded = load(demo_file(), actor=system("test"), at=now(), file="demo.yaml")
    client = ApiClient(loaded.hospital_id)
    blocks = examples()
    script = "set -e\n" + f"\necho; echo '{MARK}'\n".join(block.script for block in blocks)
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "BASE": server, "KEY": client.secret},
        capture_output=True,
        text=True,
        timeout=120,
    )
    outputs = [output.strip() for output in done.stdout.split(MARK)]
    assert done.returncode == 0, (done.stderr, outputs[-1])
    assert len(outputs) == len(blocks) > 15
    for block, output in zip(blocks, outputs, strict=True):
        where = f"{PAGE}, line {block.line}"
        if block.kind == "json":
            assert matches(json.loads(block.printed), json.loads(output)), f"{where}: {output}"
        elif block.kind == "text":
            assert output == block.printed.strip(), where
        else:
            assert output == "", f"{where} prints what the page leaves out: {output}"


def test_the_table_of_scopes_is_complete() -> None:
    [_, *rows] = read_tables(PAGE)["Scopes"]
    assert {row[0] for row in rows} == set(known_scopes())


def test_the_table_of_refusals_knows_every_status_of_the_document() -> None:
    [_, *rows] = read_tables(PAGE)["Refusals"]
    documented = {
        status
        for methods in document()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
        if status >= "400"
    }
    assert documented <= {row[0] for row in rows}
