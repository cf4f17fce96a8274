"""Checking the issuing log: everything is derived again from the stored bytes, with nothing of the writer's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from carnet.exchange.issuing_log import LogRecord
from carnet.exchange.strict import MalformedError, decode
from carnet.merkle import Checkpoint, Peaks, leaf_hash

OF_FILES = ("license_file.issued", "license_file.taken_back")  # records that commit to the bytes of a file

Found = tuple[datetime, str, str, str, str]  # what a record is found by: at, kind, subject, about, who
Row = tuple[int, bytes, bytes, bytes, Found]  # index, leaf, detail, nodes


@dataclass(frozen=True)
class LogVerified:
    size: int
    root: str
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.problems


def verify_rows(
    rows: Iterable[Row], head: Checkpoint | None, contents: dict[str, str], tick: Callable[[], None]
) -> tuple[Peaks, list[str]]:
    """The tree of all leaves, and what does not hold. `contents`: for each file issued, the digest it must have."""
    peaks, problems, at_head = Peaks(), [], head is None or head.size == 0
    for row in rows:
        problems += _check(row, peaks.size, contents)
        tip = leaf_hash(row[1])
        peaks, completed = peaks.append(tip)
        if row[3] != b"".join((tip, *completed)):
            problems.append(f"record {row[0]}: the stored tree nodes are not those of its leaf")
        if head is not None and peaks.size == head.size:
            at_head = peaks.root == head.root
            if not at_head:
                problems.append(f"the first {head.size} records are not those that the log's head commits to")
        tick()
    if head is not None and peaks.size < head.size:
        problems.append(f"the log has {peaks.size} records; its head, kept apart, commits to {head.size}")
    return peaks, problems


def _check(row: Row, expected: int, contents: dict[str, str]) -> list[str]:
    index, leaf, detail, _, found = row
    try:
        record = decode(leaf, LogRecord, depth=2)
        private = msgspec.json.decode(detail, type=dict[str, Any])
    except (MalformedError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return [f"record {index}: it cannot be read: {error}"]
    problems = []
    about = private.get("control_room") or private.get("about") or private.get("account") or ""
    if found != (record.at, record.kind, record.subject, about, private.get("who", "")):
        problems.append(f"record {index}: a search would not find it as what it is")
    if not record.index == index == expected:
        problems.append(f"record {index}: it calls itself {record.index}, and should be {expected}")
    if sha256(detail).hexdigest() != record.detail_sha256:
        problems.append(f"record {index}: its private half is not the one that its public half commits to")
    issued = contents.get(record.subject) if record.kind in OF_FILES else None
    if issued is not None and issued != record.content_sha256:
        problems.append(f"record {index}: license file {record.subject} is not the one that was issued")
    return problems
