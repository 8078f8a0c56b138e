"""A small hub on this machine, and tiny checkpoints to serve from it."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import torch

REVISION = "0123456789abcdef0123456789abcdef01234567"
COMMIT = REVISION


def tiny_tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return {name: torch.from_numpy(rng.normal(size=(4, 3)).astype(np.float32)) for name in ("a.weight", "b.weight")}


def write_torch(path: Path, seed: int = 0) -> bytes:
    """A checkpoint as training leaves it behind: a counter, a numpy number, the state of an optimizer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {f"module.{name}": tensor for name, tensor in tiny_tensors(seed).items()}
    torch.save(
        {"epoch": 3, "best": np.float64(0.5), "state_dict": state, "optimizer": {0: torch.ones(2)}, "name": "tiny"},
        path,
    )
    return path.read_bytes()


def row(
    name: str, files: dict[str, bytes], *, kind: str = "encoder", commercial: bool = True, known: bool = True
) -> str:
    """A row of a table of checkpoints."""
    listed = ",\n".join(
        f'{{ name = "{file}", sha256 = "{hashlib.sha256(content).hexdigest() if known else ""}" }}'
        for file, content in files.items()
    )
    return f"""
[{name}]
kind = "{kind}"
gives = "nothing"
repository = "someone/{name}"
revision = "{REVISION}"
licence = "{"MIT" if commercial else "CC-BY-NC-4.0"}"
commercial = {str(commercial).lower()}
licence_note = "For tests."
megabytes = 1
confirmed = true
files = [{listed}]
"""


class Hub:
    """Serves ``files`` as the hub does, and misbehaves as told.

    Attributes
    ----------
    files : dict of str to bytes
        By "owner/name/path".
    break_after : list of int
        Each next answer with a body breaks off after so many bytes.
    corrupt : bool
        Flip a byte of every body.
    large : bool
        Announce SHA-256 and send elsewhere for the content, as for large files; else git's names, as for small ones.
    moved : str
        Repository of "someone" that now belongs to "somebody".
    ranges : list of str or None
        The ranges that were asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.break_after: list[int] = []
        self.statuses: list[int] = []
        self.corrupt = False
        self.moved = ""
        self.large = True
        self.ranges: list[str | None] = []
        self.headers: list[dict[str, str]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def do_GET(self) -> None:
                hub.answer(self, body=True)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        self.headers.append(dict(request.headers))
        stored = request.path.startswith("/storage/")
        name = request.path.removeprefix("/storage").removeprefix("/").replace(f"/resolve/{REVISION}", "")
        content = self.files.get(name)
        if self.statuses:
            request.send_error(self.statuses.pop(0))
            return
        if self.moved and name.startswith(self.moved):
            request.send_response(307)
            request.send_header("Location", request.path.replace("someone", "somebody"))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if content is None:
            request.send_error(404)
            return
        if self.large and not stored:
            request.send_response(302)
            request.send_header("Location", f"http://localhost:{self.server.server_port}/storage/{name}")
            request.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
            request.send_header("X-Linked-Size", str(len(content)))
            request.send_header("X-Repo-Commit", COMMIT)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        self._content(request, content, body)

    def _content(self, request: BaseHTTPRequestHandler, content: bytes, body: bool) -> None:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        asked = request.headers.get("Range")
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        request.send_response(206 if asked else 200)
        request.send_header("ETag", f'"{blob}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Content-Length", str(len(content) - first))
        request.end_headers()
        if body:
            self.ranges.append(asked)
            if self.corrupt:
                content = content[:-1] + bytes([content[-1] ^ 1])
            last = first + self.break_after.pop(0) if self.break_after else len(content)
            request.wfile.write(content[first:last])
            request.close_connection = True
