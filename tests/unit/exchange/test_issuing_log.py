"""V2: an OLF proves that it was issued on the record, in a log that still holds what was seen of it."""

import msgspec
import pytest

from carnet.exchange.issuing_log import LogProof, check_log
from carnet.exchange.verdicts import Refusal
from carnet.merkle import Checkpoint
from tests.vectors import samples
from tests.vectors.samples import Tree, leaves, make_license_file, site, uuid

SITE = site()
OLF = make_license_file(SITE, samples.request(SITE))
SEEN = Tree(leaves(7, "issuing log")).at(7)


def proof(**changes: object) -> LogProof:
    assert OLF.issuing_log is not None
    return msgspec.structs.replace(OLF.issuing_log, **changes)


def code(answer: Refusal | None) -> str:
    return answer.code.value if answer else "good"


@pytest.mark.rule("V1", "V2")
def test_a_file_in_the_log_is_taken() -> None:
    assert code(check_log(proof(), OLF.content_digest(), OLF.olf_id, SEEN)) == "good"
    assert code(check_log(proof(extends=None), OLF.content_digest(), OLF.olf_id, None)) == "good"


@pytest.mark.rule("V2", "log_mismatch")
def test_a_record_of_another_file_is_refused() -> None:
    other = msgspec.structs.replace(OLF, license_guid=uuid("other guid"))
    assert code(check_log(proof(), other.content_digest(), OLF.olf_id, SEEN)) == "log_mismatch"
    assert code(check_log(proof(), OLF.content_digest(), uuid("other"), SEEN)) == "log_mismatch"


@pytest.mark.rule("V2", "log_mismatch")
def test_a_record_that_the_log_does_not_hold_is_refused() -> None:
    record = msgspec.structs.replace(proof().record, kind="something.else")
    for changed in (proof(record=record), proof(inclusion=[]), proof(inclusion=proof().inclusion[:-1])):
        assert code(check_log(changed, OLF.content_digest(), OLF.olf_id, SEEN)) == "log_mismatch"


@pytest.mark.rule("V2", "log_mismatch")
def test_a_log_that_no_longer_shows_what_was_seen_of_it_is_refused() -> None:
    def verdict(changed: LogProof, seen: Checkpoint) -> str:
        return code(check_log(changed, OLF.content_digest(), OLF.olf_id, seen))

    assert verdict(proof(extends=None), SEEN) == "log_mismatch"
    assert verdict(proof(), Tree(leaves(7, "rewritten")).at(7)) == "log_mismatch"
    assert verdict(proof(), Tree(leaves(8, "issuing log")).at(8)) == "log_mismatch"
