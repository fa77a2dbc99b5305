"""gunicorn's threaded worker, which answers the pages that wait without waking a thread.

Five hundred open pages ask three hundred times a second whether anything changed (``pages.live``), and a payment at
the same process waits for whatever they cost. What is known already is answered by the loop that watches the
connections; every other request takes gunicorn's own way.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from http import HTTPStatus

from gunicorn.util import http_date  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

LONGEST_QUESTION = 8192
_ASKS = b"GET /changes/"
_END = b"\r\n\r\n"
_NOT_PLAIN = (b"\r\nconnection: close", b"\r\ncontent-length:", b"\r\ntransfer-encoding:", b"\r\nexpect:")


class Worker(ThreadWorker):  # type: ignore[misc]
    """``--worker-class almoner.shell.web_worker.Worker``, for ``almoner.shell.wsgi:application``."""

    def load_wsgi(self) -> None:
        super().load_wsgi()
        from almoner.pages.live import answer_from_memory  # needs Django's models

        self.answer = answer_from_memory

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        if not self._answered(conn, client):
            super().on_client_socket_readable(conn, client)

    def _answered(self, conn: TConn, client: socket.socket) -> bool:
        """Whether the connection asked what is known and was told; otherwise gunicorn is to look at it."""
        try:
            request = client.recv(LONGEST_QUESTION, socket.MSG_PEEK)
        except OSError:
            return False
        address = question_of(request)
        answer = self.answer(address) if address else None
        if answer is None:
            return False
        try:
            client.recv(len(request))
            client.sendall(response_of(*answer))
        except OSError:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            return False
        self.keepalived_conns.remove(conn)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        return True


def question_of(request: bytes) -> str:
    """The address that ``request`` asks, when it is one whole plain question of a page that waits, else nothing."""
    if not request.startswith(_ASKS) or request.find(_END) != len(request) - len(_END):
        return ""
    line, _, headers = request.partition(b"\r\n")
    lowered = b"\r\n" + headers.lower()
    if not line.endswith(b" HTTP/1.1") or any(name in lowered for name in _NOT_PLAIN):
        return ""
    return line[len(b"GET ") : -len(b" HTTP/1.1")].decode("latin-1")


def response_of(status: int, body: str) -> bytes:
    """The whole response; the connection stays open."""
    length = f"Content-Length: {len(body)}\r\n" if status != HTTPStatus.NO_CONTENT else ""
    head = (
        f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nDate: {http_date()}\r\nConnection: keep-alive\r\n"
        f"Content-Type: text/plain\r\nCache-Control: no-store\r\n{length}\r\n"
    )
    return head.encode() + body.encode()
