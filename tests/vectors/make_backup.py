"""Makes the frozen backup of `tests/vectors/backup`: `python -m tests.vectors.make_backup`.

A small ledger, under a passphrase that stands beside it, and the SHA-256 of each file in it. Every later release that
reads format 1 reads it; it is written anew only as long as the format may change.
"""

import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from carnet.control_room.engine.backup import FORM, TRUST, BackupHeader
from carnet.control_room.engine.key_ring import master_name
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.pages.runtime_config import PAGES
from carnet.exchange.strict import encode
from carnet.sealed_file import write_sealed
from carnet.vault import Vault
from tests.support.cast import seeded

FOLDER = Path(__file__).parent / "backup"
BACKUP, DIGESTS, PHRASE = FOLDER / "plain.backup", FOLDER / "files.json", FOLDER / "passphrase"
LEDGER = "019a6082-8e9a-70fb-8d6f-98972b5aa6fb"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    PHRASE.write_bytes(b"a passphrase that everybody may know")
    random, name = seeded("backup vectors"), master_name(1)
    vault, lock = Vault.create(PHRASE.read_bytes(), random)
    master = random(32)
    header = BackupHeader(
        control_room=LEDGER,
        version="40.0.0",
        made_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
        lock=lock,
        master=1,
        wrapped=vault.wrap(name, master, random),
        salt=random(32),
    )
    with tempfile.TemporaryDirectory() as scratch, BACKUP.open("wb") as out:
        members = [(each, Path(scratch) / each) for each in (DATABASE, TRUST, PAGES)]
        SqliteStore.create(str(members[0][1]), LEDGER).close()
        members[1][1].write_bytes(b"{}")
        members[2][1].write_bytes(random(2**20 + 17))  # so that there are two boxes
        write_sealed(out, FORM, encode(header), header.key(master), members, random)
        digests = {each: sha256(path.read_bytes()).hexdigest() for each, path in members}
    DIGESTS.write_bytes(msgspec.json.format(msgspec.json.encode(digests)) + b"\n")


if __name__ == "__main__":
    main()
