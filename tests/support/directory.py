"""A directory (OpenLDAP's server) of a test, on loopback and over TLS. `python -m tests.support.directory` installs the
server and what asks it, where they are missing and can be; else it says what is missing, and ends with 1."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import self_signed
from tests.support.kept_logs import secret
from tests.support.packages import install

PACKAGES = ("slapd", "ldap-utils", "libldap2-dev", "libsasl2-dev", "gcc")
REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "ldap.txt"
MISSING = (
    "The tests of sign-in against a directory need OpenLDAP's server and headers.\n"
    f"Install them (on Debian and Ubuntu, as root: apt-get install {' '.join(PACKAGES)}), then run this again."
)
SUFFIX = "dc=site"
ROOT, ROOT_PASSWORD = f"cn=root,{SUFFIX}", secret("root of the directory", "a directory's password")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/openldap"
_CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
disallow bind_anon
database mdb
directory {folder}/data
suffix "{suffix}"
rootdn "{root}"
rootpw "{password}"
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""


@dataclass(frozen=True)
class Directory:
    url: str
    certificate: Path

    def add(self, name: str, password: str) -> None:
        entry = (
            f"dn: uid={name},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
            f"userPassword: {password}\n"
        )
        self.load(entry)

    def load(self, ldif: str) -> None:
        words = ["ldapadd", "-x", "-H", self.url, "-D", ROOT, "-w", ROOT_PASSWORD]
        world = os.environ | {"LDAPTLS_CACERT": str(self.certificate)}
        done = subprocess.run(words, input=ldif, text=True, check=False, capture_output=True, env=world, timeout=30)
        assert done.returncode == 0, done.stderr


def find() -> str | None:
    return shutil.which("slapd", path=_PATH)


@contextmanager
def directory(folder: Path, port: int) -> Iterator[Directory]:
    program = find()
    assert program, MISSING
    (folder / "data").mkdir(parents=True)
    certificate, key = self_signed(folder)
    config = folder / "slapd.conf"
    config.write_text(
        _CONFIG.format(
            folder=folder, certificate=certificate, key=key, suffix=SUFFIX, root=ROOT, password=ROOT_PASSWORD
        )
    )
    url = f"ldaps://127.0.0.1:{port}"
    server = subprocess.Popen([program, "-h", url, "-f", config, "-d", "256"], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        while "slapd starting" not in (line := server.stderr.readline()):
            assert line, "the directory's server ended"
        made = Directory(url, certificate)
        made.load(f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: site\no: Site\n")
        made.load(f"dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n")
        yield made
    finally:
        server.terminate()
        server.communicate(timeout=30)


def main() -> int:
    if find() is None:
        install(*PACKAGES)
    if find() is None:
        print(MISSING, file=sys.stderr)
        return 1
    if importlib.util.find_spec("ldap") and importlib.util.find_spec("django_auth_ldap"):
        return 0
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r"]
    return subprocess.run([sys.executable, "-m", "pip", *words, str(REQUIREMENTS)], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
