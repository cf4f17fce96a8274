"""Looks for every secret of a run in every log of it: as it is, and as base64, hexadecimal, or written into JSON or an
address. `python -m tests.support.secrets_in_logs FOLDER` ends with 1 where it finds one.
"""

import json
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.support.kept_logs import LOG, SECRETS, SHORTEST


@dataclass(frozen=True)
class Found:
    what: str
    log: str
    line: int

    def __str__(self) -> str:
        return f"{self.log}, line {self.line}: {self.what}"


@dataclass(frozen=True)
class Searched:
    logs: int
    bytes: int
    secrets: int
    found: tuple[Found, ...]

    def __str__(self) -> str:
        much = f"{self.secrets} secrets in {self.logs} logs of {self.bytes:,} bytes"
        return "\n".join([f"Looked for {much}: {len(self.found)} found.", *map(str, self.found)])


def forms(secret: bytes) -> set[bytes]:
    """Every way in which it may have been written, long enough not to be met by chance."""
    text = secret.decode("utf-8", "replace")
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), json.dumps(text)[1:-1].encode()}
    found |= {quote(secret, safe="").encode(), quote_plus(secret).encode(), repr(secret)[2:-1].encode()}
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):  # within something longer it begins at any of three places
            whole = encode(bytes(before) + secret).rstrip(b"=")
            first = (0, 2, 3)[before]
            found.add(whole[first : len(whole) if (before + len(secret)) % 3 == 0 else -1])
    return {form for form in found if len(form) >= SHORTEST}


def search(folder: Path) -> Searched:
    secrets = dict(_secrets(folder))
    index: dict[bytes, list[tuple[bytes, str]]] = {}  # by their first bytes
    for secret, what in secrets.items():
        for form in forms(secret):
            index.setdefault(form[:SHORTEST], []).append((form, what))
    logs = sorted(folder.glob(f"*{LOG}"))
    found = [each for log in logs for each in _in(log, index)]
    return Searched(len(logs), sum(log.stat().st_size for log in logs), len(secrets), tuple(found))


def _secrets(folder: Path) -> Iterator[tuple[bytes, str]]:
    for file in sorted(folder.glob(f"*{SECRETS}")):
        for line in file.read_text().splitlines():
            one = json.loads(line)
            yield bytes.fromhex(one["value"]), one["what"]


def _in(log: Path, index: dict[bytes, list[tuple[bytes, str]]]) -> Iterator[Found]:
    data, seen = log.read_bytes(), set()
    for place in range(len(data) - SHORTEST + 1):
        for form, what in index.get(data[place : place + SHORTEST], ()):
            if data.startswith(form, place):
                found = Found(what, log.name, data.count(b"\n", 0, place) + 1)
                if found not in seen:
                    seen.add(found)
                    yield found


def main() -> int:
    searched = search(Path(sys.argv[1]))
    print(searched)
    return int(bool(searched.found))


if __name__ == "__main__":
    raise SystemExit(main())
