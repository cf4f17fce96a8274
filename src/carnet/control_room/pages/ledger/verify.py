"""Verify, at the pages: the command in a process of its own, one at a time; started, shown while it runs, and
stopped."""

import atexit
import contextlib
import json
import re
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any

from django.contrib import messages
from django.db import connections
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.models import VerifyRun
from carnet.control_room.pages.runtime_config import runtime_config, runtime_services
from carnet.control_room.rules.granting.people import Permission

_PROGRESS = re.compile(r"Verifying: ([\d,]+) of ([\d,]+) records")
_WORDS = 4000  # characters of what it says that are kept
_FAULT = 1  # its exit code where the ledger does not hold, and where it could not be read


@dataclass
class Run:
    """One check, from its start to its end. What is read of it may be a moment old."""

    by: str
    at: datetime
    started: float
    total: int  # records at its start
    process: "subprocess.Popen[str]"
    done: int = 0
    stopped: bool = False
    failed: str = ""  # why it could not be done
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        return not self.ended.is_set()

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0

    @property
    def left(self) -> int | None:
        """Seconds, about; None where nothing can be said yet."""
        passed = runtime_services().seconds() - self.started
        return int(passed * (self.total - self.done) / self.done) + 1 if self.done else None


_lock = threading.Lock()
_newest: list[Run] = []


def newest_run() -> Run | None:
    """The one that runs, or the last one that did since these pages started."""
    return _newest[0] if _newest else None


def start_run(by: str, at: datetime, records: int) -> bool:
    """Whether it was: not where one runs."""
    with _lock:
        run = newest_run()
        if run and run.running:
            return False
        run = Run(by, at, runtime_services().seconds(), records, _process())
        _newest[:] = [run]
        threading.Thread(target=_follow, args=(run,), daemon=True).start()
        return True


def stop_run() -> bool:
    """Whether there was one to stop."""
    run = newest_run()
    if run is None or not run.running:
        return False
    run.stopped = True
    with contextlib.suppress(ProcessLookupError):
        run.process.terminate()
    return True


atexit.register(stop_run)


def _process() -> "subprocess.Popen[str]":
    here = runtime_config()
    words = [*runtime_services().command, "ledger", "verify", "--json", "--progress", "--data", here.folder]
    if here.passphrase_file:
        words += ["--passphrase-file", here.passphrase_file]
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )


def _follow(run: Run) -> None:
    try:
        assert run.process.stderr
        assert run.process.stdout
        _read_progress(run, run.process.stderr)
        told = run.process.stdout.read()
        run.process.stdout.close()
        _end(run, run.process.wait(), told)
    except Exception as error:
        run.failed = f"{type(error).__name__}."
        raise
    finally:
        run.ended.set()
        connections.close_all()  # of this thread


def _read_progress(run: Run, lines: IO[str]) -> None:
    with lines:
        for line in lines:
            found = _PROGRESS.match(line)
            if found:
                run.done, run.total = (int(part.replace(",", "")) for part in found.groups())


def _end(run: Run, code: int, told: str) -> None:
    if run.stopped:
        return
    answer = _read(told)
    failed = answer.get("failed", {})
    if code == 0:
        run.done = run.total = int(answer["size"])
        _keep(run, holds=True, words="")
    elif code == _FAULT and "does not hold" in str(failed.get("message", "")):
        _keep(run, holds=False, words=str(failed["message"])[:_WORDS])
    else:
        run.failed = str(failed.get("message") or f"It ended with {code}.")[:_WORDS]


def _read(told: str) -> dict[str, Any]:
    try:
        answer = json.loads(told)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _keep(run: Run, *, holds: bool, words: str) -> None:
    seconds = runtime_services().seconds() - run.started
    at = run.at + timedelta(seconds=int(seconds))
    VerifyRun.objects.create(at=at, by=run.by, records=run.total, seconds=seconds, holds=holds, words=words)


@requires(Permission.AUDIT)
@require_http_methods(["GET", "POST"])
def verify(request: AuthorizedRequest) -> HttpResponse:
    """POST starts one, or shows the one that runs."""
    if request.method == "POST":
        began = start_run(request.person.name, request.now, request.status.checkpoint.size)
        if not began:
            messages.info(request, "A check runs already. There is one at a time.")
    if request.htmx and request.method == "GET":
        return render(request, "room/ledger/verify.html", verify_context())
    return redirect("ledger")


@requires(Permission.AUDIT)
@require_POST
def stop(request: AuthorizedRequest) -> HttpResponse:
    if stop_run():
        messages.info(request, "The check is stopped. Nothing is changed.")
    return redirect("ledger")


def verify_context() -> dict[str, Any]:
    """Whether one runs is read before what is kept: of one that ends just now, the page is a moment behind."""
    run = newest_run()
    return {
        "run": run,
        "running": run is not None and run.running,
        "last": VerifyRun.objects.order_by("-at", "-pk").first(),
        "last_good": VerifyRun.objects.filter(holds=True).order_by("-at", "-pk").first(),
    }
