"""The client: a process of its own that asks until it is answered, and forgets no answer.

    python -m benchmarks.faults.client PLAN JOURNAL PORT KEY

Every acknowledgement is appended to the journal and synced to the disk after the response came in. A
request without one is repeated under the same key. Exit code 1 when the server refused a request.
"""

from __future__ import annotations

import http.client
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from benchmarks.faults.plan import Request, read_plan

THREADS = 8
TIMEOUT_SECONDS = 20
PAUSE_SECONDS = 0.1


class Journal:
    """The acknowledgements, one JSON object a line, each on the disk before the next request is sent."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def append(self, acknowledgement: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(orjson.dumps(acknowledgement) + b"\n")
            os.fsync(self._file.fileno())


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The acknowledgements written so far."""
    if not path.exists():
        return []
    return [orjson.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


class Caller:
    """One thread's connection to the server."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.key = key
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, request: Request) -> tuple[int, bool, dict[str, Any]]:
        """Status, whether it was answered before, and the answer. Raises ``OSError`` or ``HTTPException``."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
            headers = {
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                "Idempotency-Key": request.key,
            }
            self._connection.request("POST", request.path, orjson.dumps(request.body), headers)
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException):
            self.hang_up()
            raise
        answer = orjson.loads(data) if response.headers.get_content_subtype().endswith("json") else {}
        return response.status, response.headers.get("Idempotency-Replayed") == "true", answer

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def ask_until_answered(caller: Caller, request: Request) -> dict[str, Any]:
    """The acknowledgement of ``request``; whatever lies in between is counted in it."""
    failures: dict[str, int] = {}
    while True:
        try:
            status, replayed, answer = caller.ask(request)
        except (OSError, http.client.HTTPException) as error:
            failures[type(error).__name__] = failures.get(type(error).__name__, 0) + 1
        else:
            if status < 500:
                return {
                    "key": request.key,
                    "kind": request.kind,
                    "status": status,
                    "replayed": replayed,
                    "failures": failures,
                    "answer": answer,
                }
            failures[str(status)] = failures.get(str(status), 0) + 1
        time.sleep(PAUSE_SECONDS)


def main(plan: Path, journal: Path, port: int, key: str) -> int:
    waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
    for request in read_plan(plan):
        waiting.put(request)
    book = Journal(journal)
    refused = threading.Event()

    def work() -> None:
        caller = Caller(port, key)
        while True:
            try:
                request = waiting.get_nowait()
            except queue.Empty:
                return caller.hang_up()
            acknowledgement = ask_until_answered(caller, request)
            book.append(acknowledgement)
            if acknowledgement["status"] != http.client.CREATED:
                refused.set()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return int(refused.is_set())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
