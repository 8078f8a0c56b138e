"""Download a file from the hub over plain HTTP: resumed where it stopped, and checked before it takes its name.

The hub's own client begins anew after an interruption, sends a stored token and counts users. Here one request asks
what the hub holds (commit, size and, for large files, SHA-256), others fetch the missing bytes, and nothing is sent
but the address. ``$HF_ENDPOINT`` names a mirror; ``$HF_HUB_OFFLINE=1`` forbids all of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from soundalike.checkpoints.table import RemoteFile
from soundalike.errors import CheckpointError

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are here, and those there will be."""

TRIES = 5
"""Times that a download which broke off is taken up again."""

PAUSE = 1.0
"""Seconds before the second try; doubled before each further one."""

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

T = TypeVar("T")

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PASSING = {408, 429, 500, 502, 503, 504}


@dataclasses.dataclass(frozen=True, slots=True)
class Announced:
    """What the hub says that it will send.

    Attributes
    ----------
    url : str
    commit : str
        The repository's commit that was found.
    etag : str
        Names the content: the SHA-256 of large files, git's name for the content of small ones.
    size : int or None
        Bytes; not told of some small files.
    """

    url: str
    commit: str
    etag: str
    size: int | None


def download(file: RemoteFile, out: Path, *, progress: Progress) -> tuple[str, str]:
    """Fetch one file unless it is already there.

    Parameters
    ----------
    file : RemoteFile
    out : Path
        Takes its name when it is whole and right; until then the bytes lie beside it and are used next time.
    progress : callable
        See `Progress`.

    Returns
    -------
    commit, sha256 : str

    Raises
    ------
    CheckpointError
        If the hub cannot be reached or has no such file, or what came is not the file that the table names.
    """
    announced = _again(lambda: announce(file), tries=2)
    if _SHA256.fullmatch(announced.etag) and not announced.etag.startswith(file.sha256):
        raise CheckpointError(
            f"The hub holds another {file.name} in {file.repository} than the released one.", "Do not use it."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    part, tag = out.with_name(out.name + ".part"), out.with_name(out.name + ".etag")
    if not out.exists():
        if not tag.exists() or tag.read_text("utf-8") != announced.etag:
            part.unlink(missing_ok=True)
            tag.write_text(announced.etag, "utf-8")
        _again(lambda: _fetch(announced, part, lambda done, total: progress(file.name, done, total)), tries=TRIES)
        part.replace(out)
    tag.unlink(missing_ok=True)
    sha256 = sha256_of(out)
    if not sha256.startswith(file.sha256) or not _is_announced(out, sha256, announced.etag):
        out.unlink()
        raise CheckpointError(
            f"{file.name} came damaged or is not the released one: its SHA-256 is {sha256}.", "Fetch it again."
        )
    return announced.commit, sha256


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _is_announced(path: Path, sha256: str, etag: str) -> bool:
    """Whether a file's content is the one that the hub named, as far as the name tells."""
    if _SHA256.fullmatch(etag):
        return etag == sha256
    if not re.fullmatch(r"[0-9a-f]{40}", etag):
        return True
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == etag


def announce(file: RemoteFile) -> Announced:
    """Ask the hub about a file without fetching it."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    url = f"{endpoint}/{file.repository}/resolve/{file.revision}/{quote(file.name)}"
    for _ in range(TRIES):
        headers, moved = _head(url)
        # A large file lies elsewhere: the hub's own answer, not the storage's, tells commit and hash.
        if not moved or urlsplit(moved).netloc not in ("", urlsplit(url).netloc):
            break
        url = urljoin(url, moved)
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
    size = headers.get("X-Linked-Size") or (None if moved else headers.get("Content-Length"))
    commit = headers.get("X-Repo-Commit")
    if not (etag and commit):
        raise CheckpointError(f"What answers at {endpoint} is not the hub.", "Check $HF_ENDPOINT and your proxy.")
    return Announced(url, commit, etag, int(size) if size else None)


class _Staying(urllib.request.HTTPRedirectHandler):
    """Shows a redirection instead of following it."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


def _head(url: str) -> tuple[Any, str]:
    """The headers of an answer, and where it points if it is a redirection."""
    request = urllib.request.Request(url, method="HEAD", headers={"Accept-Encoding": "identity"})  # noqa: S310
    try:
        with urllib.request.build_opener(_Staying).open(request, timeout=TIMEOUT) as answer:
            return answer.headers, ""
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (301, 302, 303, 307, 308):
            return error.headers, error.headers.get("Location", "")
        raise


def _fetch(announced: Announced, part: Path, progress: Callable[[int, int], None]) -> None:
    """Add to `part` what it still lacks."""
    here = part.stat().st_size if part.exists() else 0
    if here and here == announced.size:
        return
    done = here if here < (announced.size or 0) else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    request = urllib.request.Request(announced.url, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        if answer.status != 206:
            done = 0
        with part.open("ab" if done else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, announced.size or done)
            file.flush()
            os.fsync(file.fileno())
    if announced.size not in (None, done):
        raise http.client.IncompleteRead(b"", announced.size and announced.size - done)


def _again(ask: Callable[[], T], *, tries: int) -> T:
    """Ask, and ask again while the connection breaks; turn what stays wrong into a sentence."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise CheckpointError("The hub is not asked, since HF_HUB_OFFLINE is set.", _WITHOUT)
    for attempt in range(tries):
        try:
            return ask()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _PASSING:
                raise CheckpointError(f"The hub answers {error.code} to {error.url}.", _WITHOUT) from None
            problem: object = f"{error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
            problem = getattr(error, "reason", None) or error
        time.sleep(PAUSE * 2**attempt if attempt < tries - 1 else 0)
    raise CheckpointError(f"The hub cannot be reached: {problem}.", f"{_WITHOUT} What has come is kept.")


_WITHOUT = "Try later, or fetch its files elsewhere and use 'soundalike models import NAME PATH'."
