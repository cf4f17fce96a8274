"""What is in the archive, and what is not."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from bundle.building import needed
from bundle.place import REQUIREMENTS, ROOT
from bundle.signing import NAMESPACE, SIGNER
from bundle.wheels import PYTHONS, Target, pins
from carnet.bundles import LATTICE_SIGNATURE
from tests.delivery.bundles import Built


@pytest.fixture(scope="module")
def unpacked(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built.archive("first")) as tar:
        tar.extractall(place, filter="data")
    return place / built.name()


def _own(unpacked: Path) -> list[Path]:
    return sorted(unpacked.rglob("carnet_*.whl"))


def test_built_twice_it_is_the_same_bytes(built: Built) -> None:
    """Save for the ML-DSA-65 signature, which is another one each time."""
    first, again = (_contents(built.archive(which)) for which in ("first", "again"))
    assert list(first) == list(again)
    assert {name for name in first if first[name] != again[name]} == {f"{built.name()}/{LATTICE_SIGNATURE}"}


def _contents(archive: Path) -> dict[str, tuple[bytes, str]]:
    """Each file's header and the digest of its bytes, in their order."""
    with tarfile.open(archive) as tar:
        return {
            head.name: (head.tobuf(tarfile.USTAR_FORMAT), sha256(file.read()).hexdigest())
            for head in tar
            if (file := tar.extractfile(head))
        }


def test_the_sites_wheel_has_no_line_of_calm(unpacked: Path) -> None:
    names = set()
    for wheel in _own(unpacked):
        with zipfile.ZipFile(wheel) as opened:
            for name in opened.namelist():
                names.add(name)
                text = opened.read(name).decode()
                assert not name.startswith("carnet/calm"), name
                for line in ("carnet.calm", "from carnet import calm", "carnet/calm"):
                    assert line not in text, (name, line)
    wanted = ("control_room/wiring.py", "web_kit/states.py", "release.pub", "sdk/_client.py")
    assert {f"carnet/{name}" for name in wanted} <= names


def test_the_sdks_wheel_has_the_sdk_alone(unpacked: Path) -> None:
    (wheel,) = (unpacked / "sdk").glob("carnet_sdk-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        ours = [name for name in opened.namelist() if ".dist-info/" not in name]
    assert all(name.startswith("carnet/sdk/") or name == "carnet/__init__.py" for name in ours), ours


def test_nothing_compiled_is_in_it(unpacked: Path) -> None:
    """Python compiles what a test or a builder imports, beside its source; a release has the source alone."""
    names = [str(path) for path in unpacked.rglob("*")]
    for wheel in _own(unpacked):
        with zipfile.ZipFile(wheel) as opened:
            names += opened.namelist()
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_no_path_of_a_machine_and_no_address_of_an_index_is_in_it(unpacked: Path) -> None:
    found = re.compile(rf"{re.escape(str(ROOT))}|/work/|/home/\w|/root/\.|/tmp/|pypi\.|https?://[^ ]*simple|file:///")
    texts = {
        path.name: path.read_text()
        for path in unpacked.iterdir()
        if path.is_file() and path.suffix not in (".sig", ".mldsa")
    }
    texts |= {str(path): path.read_text() for path in unpacked.glob("*/*") if path.suffix != ".whl"}
    for wheel in _own(unpacked):
        with zipfile.ZipFile(wheel) as opened:
            texts |= {f"{wheel.name}: {name}": opened.read(name).decode() for name in opened.namelist()}
    for name, text in texts.items():
        assert not found.search(text), (name, found.search(text))


def test_every_wheel_is_in_the_bill_of_materials_with_its_hash(unpacked: Path) -> None:
    bill = json.loads((unpacked / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {one["bom-ref"]: one for one in bill["components"]}
    wheels = {path.name: path for path in unpacked.rglob("*.whl")}
    assert listed.keys() == wheels.keys()
    for name, one in listed.items():
        digest = sha256(wheels[name].read_bytes()).hexdigest()
        assert one["hashes"] == [{"alg": "SHA-256", "content": digest}], name
        assert one["licenses"], name
        assert one["purl"].startswith(f"pkg:pypi/{one['name']}@{one['version']}")
    (site,) = [one for one in bill["dependencies"] if one["ref"].startswith("carnet_control_room-")]
    assert any(name.startswith("cryptography-") for name in site["dependsOn"])


def test_what_pip_is_told_to_install_is_what_lies_there(unpacked: Path) -> None:
    for folder in ("wheels", "sdk"):
        listed = set(re.findall(r"sha256:([0-9a-f]{64})", (unpacked / folder / "requirements.txt").read_text()))
        there = {sha256(path.read_bytes()).hexdigest(): path.name for path in (unpacked / folder).glob("*.whl")}
        assert listed <= there.keys()
        assert all(there[one].startswith("pip-") for one in there.keys() - listed), "pip only installs"


@pytest.mark.parametrize("altered", [False, True])
def test_openssl_and_ssh_keygen_verify_the_vendors_signature(unpacked: Path, tmp_path: Path, *, altered: bool) -> None:
    sums = tmp_path / "SHA256SUMS"
    sums.write_bytes((unpacked / "SHA256SUMS").read_bytes() + b"\n" * altered)
    key, signature = unpacked / "vendor.pem", unpacked / "SHA256SUMS.sig"
    openssl = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", sums, "-sigfile", signature]
    assert (subprocess.run(openssl, capture_output=True).returncode == 0) is not altered
    allowed, signed = unpacked / "vendor.allowed_signers", unpacked / "SHA256SUMS.sshsig"
    ssh = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", SIGNER, "-n", NAMESPACE, "-s", signed]
    done = subprocess.run(ssh, input=sums.read_bytes(), capture_output=True)
    assert (done.returncode == 0) is not altered, done
    checked = subprocess.run(["sha256sum", "--quiet", "--strict", "--check", "SHA256SUMS"], cwd=unpacked)
    assert checked.returncode == 0


def test_the_readme_names_the_release_and_the_key(unpacked: Path, built: Built) -> None:
    text = (unpacked / "README.txt").read_text()
    assert built.key.fingerprint() in text
    assert not re.search("@[A-Z]+@", text)
    assert built.name() in text


def test_what_the_programs_need_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*needed("site"), *needed("sdk"), *needed("runtime")]
    assert sorted(one.replace('"', "'") for one in asked) == sorted(project["dependencies"])
    assert {"-r site.in", "-r sdk.in"} <= set((REQUIREMENTS / "runtime.in").read_text().splitlines())


def test_a_site_gets_the_very_wheels_that_the_tests_ran_with() -> None:
    tested = {(pin.name, pin.version, pin.hashes) for pin in pins("dev")}
    for lock in ("site", "sdk"):
        assert {(pin.name, pin.version, pin.hashes) for pin in pins(lock)} <= tested


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_that_is_served_is_served_by_the_lock(python: str) -> None:
    wanted = {pin.name for pin in pins("site") if Target(python, "x86_64").wants(pin)}
    assert {"cryptography", "django", "uvloop"} <= wanted
    assert not {"colorama", "tzdata"} & wanted, "what only Windows needs"
