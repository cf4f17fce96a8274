"""A reverse proxy (nginx) of a test, on loopback. `python -m tests.support.nginx` installs it where it is missing and
can be; else it says what is missing, and ends with 1."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.packages import install

PACKAGES = ("nginx-light",)
MISSING = (
    "The tests of TLS behind a proxy need nginx.\n"
    f"Install it (on Debian and Ubuntu, as root: apt-get install {' '.join(PACKAGES)}), then run this again."
)
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_AROUND = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{servers}
}}
"""


def find() -> str | None:
    return shutil.which("nginx", path=_PATH)


@contextmanager
def proxy(folder: Path, servers: str) -> Iterator[None]:
    """It serves these `server` blocks. What it says to begin with is on stderr; its log lies in the folder."""
    program = find()
    assert program, MISSING
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_AROUND.format(folder=folder, servers=servers, user=user))
    words = [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        try:
            said = []
            while "start worker processes" not in (line := server.stderr.readline()):
                said.append(line)
                assert line, said
            yield
        finally:
            server.terminate()
            server.stderr.read()


def main() -> int:
    if find() is None:
        install(*PACKAGES)
    if find() is None:
        print(MISSING, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
