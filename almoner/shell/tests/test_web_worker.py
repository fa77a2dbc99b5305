"""The worker's short way for pages that wait: who is answered on it, and who is left to gunicorn."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from almoner.shell.web_worker import Worker, question_of, response_of

ASKED = b"GET /changes/ticket?marker=seen HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "address"),
    [
        (ASKED, "/changes/ticket?marker=seen"),
        (b"GET /changes/ticket HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n", "/changes/ticket"),
        (b"GET /patients/ HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
        (b"POST /changes/ticket HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
        (b"GET /changes/ticket HTTP/1.0\r\nHost: localhost\r\n\r\n", ""),
        (ASKED[:-2], ""),
        (ASKED + ASKED, ""),
        (ASKED + b"more", ""),
        (ASKED[:-2] + b"connection: Close\r\n\r\n", ""),
        (ASKED[:-2] + b"Content-Length: 3\r\n\r\n", ""),
        (ASKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", ""),
        (ASKED[:-2] + b"Expect: 100-continue\r\n\r\n", ""),
    ],
)
def test_only_one_whole_plain_question_is_taken(request_bytes: bytes, address: str) -> None:
    assert question_of(request_bytes) == address


class Loop:
    """A worker without its loop, its connection, and the page at the other end."""

    def __init__(self) -> None:
        self.page, kept = socket.socketpair()
        self.page.settimeout(1)
        self.connection = TConn(Config(), kept, ("127.0.0.1", 1), ("127.0.0.1", 2))
        self.worker = Worker.__new__(Worker)
        self.worker.keepalived_conns = deque([self.connection])
        self.answers: dict[str, tuple[int, str]] = {}
        self.worker.answer = self.answers.get

    def ask(self, request: bytes) -> bool:
        """Whether the worker answers what the page sends."""
        self.page.sendall(request)
        return self.worker._answered(self.connection, self.connection.sock)


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.page.close()
    made.connection.sock.close()


def test_what_is_known_is_answered_and_the_connection_stays(loop: Loop) -> None:
    loop.answers["/changes/ticket?marker=seen"] = (200, "news")
    for _ in range(2):
        assert loop.ask(ASKED)
        head, _, body = loop.page.recv(4096).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Content-Length: 4" in head
        assert body == b"news"
    assert list(loop.worker.keepalived_conns) == [loop.connection]


def test_nothing_new_has_no_body(loop: Loop) -> None:
    loop.answers["/changes/ticket?marker=seen"] = (204, "")
    assert loop.ask(ASKED)
    assert loop.page.recv(4096) == response_of(204, "")
    assert b"Content-Length" not in response_of(204, "")


def test_what_the_database_must_be_asked_is_left_unread_for_gunicorn(loop: Loop) -> None:
    assert not loop.ask(ASKED)
    assert loop.connection.sock.recv(4096) == ASKED


def test_a_page_that_is_gone_is_left_to_gunicorn(loop: Loop) -> None:
    loop.answers["/changes/ticket?marker=seen"] = (200, "news")
    loop.page.sendall(ASKED)
    loop.page.close()
    assert not loop.worker._answered(loop.connection, loop.connection.sock)
    assert loop.connection.sock.recv(4096) == b""
