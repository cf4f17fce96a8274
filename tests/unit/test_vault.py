"""Keys at rest (A2): what opens the vault, what does not, and what an altered lock or box comes to."""

import msgspec
import pytest

from carnet.errors import CarnetError, PassphraseError, TamperedError
from carnet.vault import Argon2Lock, Pbkdf2Lock, Vault
from tests.support.cast import seeded

PHRASE = b"correct horse battery"


@pytest.fixture(scope="module")
def made() -> tuple[Vault, bytes]:
    return Vault.create(PHRASE, seeded("vault"))


@pytest.mark.rule("A2")
def test_the_passphrase_opens_it_and_no_other_does(made: tuple[Vault, bytes]) -> None:
    vault, lock = made
    box = vault.wrap("master", b"secret", seeded("box"))
    assert Vault.open(lock, PHRASE).unwrap("master", box) == b"secret"
    for wrong in (PHRASE + b" ", PHRASE.upper(), b""):
        with pytest.raises(PassphraseError, match="does not open"):
            Vault.open(lock, wrong)


@pytest.mark.rule("A2")
def test_neither_lock_nor_box_holds_a_secret_in_the_open(made: tuple[Vault, bytes]) -> None:
    vault, lock = made
    assert PHRASE not in lock
    assert b"a secret of sixteen" not in vault.wrap("x", b"a secret of sixteen", seeded("box"))


@pytest.mark.rule("A2")
def test_a_box_belongs_to_its_name_and_to_its_bytes(made: tuple[Vault, bytes]) -> None:
    vault, _ = made
    box = vault.wrap("signing:1", b"seed", seeded("box"))
    bad = [("signing:2", box), ("signing:1", box[:-1]), ("signing:1", box[:-1] + bytes([box[-1] ^ 1]))]
    for name, changed in bad:
        with pytest.raises(TamperedError, match="was altered"):
            vault.unwrap(name, changed)


def test_the_same_secret_is_never_wrapped_alike(made: tuple[Vault, bytes]) -> None:
    random = seeded("two")
    assert made[0].wrap("x", b"seed", random) != made[0].wrap("x", b"seed", random)


def test_the_lock_is_argon2id_with_the_numbers_of_owasp(made: tuple[Vault, bytes]) -> None:
    lock = msgspec.json.decode(made[1], type=Argon2Lock)
    assert (lock.passes, lock.lanes, lock.memory_kib, len(lock.salt)) == (1, 1, 46 * 1024, 16)
    assert msgspec.json.decode(made[1])["kdf"] == "argon2id"


@pytest.mark.rule("A2")
def test_where_approved_algorithms_alone_may_be_used_the_lock_says_how_it_stretches(
    monkeypatch: pytest.MonkeyPatch, made: tuple[Vault, bytes]
) -> None:
    monkeypatch.setenv("CARNET_FIPS", "on")
    lock = made[0].lock(PHRASE, seeded("approved"))
    assert msgspec.json.decode(lock, type=Pbkdf2Lock).rounds == 600_000
    assert msgspec.json.decode(lock)["kdf"] == "pbkdf2-sha256"
    monkeypatch.delenv("CARNET_FIPS")
    box = made[0].wrap("master", b"secret", seeded("box"))
    assert Vault.open(lock, PHRASE).unwrap("master", box) == b"secret"  # as the lock has it, on every machine
    with pytest.raises(PassphraseError, match="does not open"):
        Vault.open(lock, b"another")
    for rounds in (0, 1, 2**40):
        with pytest.raises(TamperedError, match="cannot be read"):
            Vault.open(msgspec.json.encode(msgspec.json.decode(lock) | {"rounds": rounds}), PHRASE)


@pytest.mark.parametrize("field", ["memory_kib", "passes", "lanes"])
def test_an_altered_lock_cannot_ask_for_less_or_for_all_memory(made: tuple[Vault, bytes], field: str) -> None:
    for number in (0, 2**40):
        altered = msgspec.json.decode(made[1]) | {field: number}
        with pytest.raises(TamperedError, match="cannot be read"):
            Vault.open(msgspec.json.encode(altered), PHRASE)


@pytest.mark.parametrize("lock", [b"", b"{}", b"null", b"\xff", b'{"kdf":"none"}'])
def test_a_lock_of_garbage_is_a_fault(lock: bytes) -> None:
    with pytest.raises(CarnetError):
        Vault.open(lock, PHRASE)


@pytest.mark.parametrize("box", [b"", b"short"])
def test_a_box_cut_short_is_a_fault(made: tuple[Vault, bytes], box: bytes) -> None:
    with pytest.raises(TamperedError):
        made[0].unwrap("x", box)


def test_a_lock_whose_salt_or_key_is_cut_is_a_fault(made: tuple[Vault, bytes]) -> None:
    for change in ({"salt": "AA=="}, {"wrapped": ""}):
        with pytest.raises(CarnetError):
            Vault.open(msgspec.json.encode(msgspec.json.decode(made[1]) | change), PHRASE)
