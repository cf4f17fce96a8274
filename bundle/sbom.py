"""The bill of materials (CycloneDX 1.6, JSON): each wheel of the archive, its hash, its licence, what it needs."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundle.wheels import digest

_TROVE = {  # how the classifiers of older wheels are called in SPDX, where they say no more than one licence
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}


@dataclass(frozen=True)
class _Wheel:
    path: Path
    said: Message  # its METADATA

    @property
    def name(self) -> str:
        return canonicalize_name(str(self.said["Name"]))

    def licenses(self) -> list[str]:
        """As the wheel states them: an SPDX expression, else its classifiers, else a short text; maybe nothing."""
        if expression := self.said["License-Expression"]:
            return [str(expression)]
        troves = [one.rpartition(" :: ")[2] for one in self.said.get_all("Classifier", []) if one.startswith("License")]
        text = str(self.said["License"] or "").strip()
        return [_TROVE.get(one, one) for one in troves if one != "OSI Approved"] or [
            text for _ in range(1) if text and len(text) < 80 and "\n" not in text
        ]

    def needs(self, extras: Sequence[str]) -> set[str]:
        return {
            canonicalize_name(wanted.name)
            for wanted in map(Requirement, self.said.get_all("Requires-Dist", []))
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": one}) for one in ("", *extras))
        }


def bill(product: str, release: str, wheels: Sequence[Path], extras: Sequence[str], epoch: int) -> str:
    """The whole document. `extras`: those under which our own wheels ask for others."""
    read = [_read(path) for path in sorted(wheels, key=lambda path: path.name)]
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, "\n".join(digest(wheel.path) for wheel in read)))
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    bom.metadata.component = Component(type=ComponentType.APPLICATION, name=product, version=release, bom_ref="bundle")
    components = {wheel.path.name: _component(wheel) for wheel in read}
    bom.components.update(components.values())
    for wheel in read:
        needed = wheel.needs(extras)
        found = [components[other.path.name] for other in read if other.name in needed and other is not wheel]
        bom.register_dependency(components[wheel.path.name], found)
    bom.register_dependency(bom.metadata.component, components.values())
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + "\n"


def _read(path: Path) -> _Wheel:
    with zipfile.ZipFile(path) as wheel:
        (name,) = [one for one in wheel.namelist() if one.endswith(".dist-info/METADATA") and one.count("/") == 1]
        return _Wheel(path, HeaderParser().parsestr(wheel.read(name).decode()))


def _component(wheel: _Wheel) -> Component:
    version = str(wheel.said["Version"])
    return Component(
        type=ComponentType.LIBRARY,
        name=wheel.name,
        version=version,
        bom_ref=wheel.path.name,
        purl=PackageURL("pypi", None, wheel.name, version, {"file_name": wheel.path.name}),
        description=str(wheel.said["Summary"] or "") or None,
        licenses=_licenses(wheel.licenses()),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest(wheel.path))],
    )


def _licenses(said: Sequence[str]) -> list[DisjunctiveLicense | LicenseExpression]:
    """An expression stands alone; several statements are names beside each other."""
    make = LicenseFactory()
    if len(said) == 1:
        return [make.make_from_string(said[0])]
    return [make.make_with_name(one) for one in said]
