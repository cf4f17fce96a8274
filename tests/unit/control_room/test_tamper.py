"""L4, L5: whatever is done to the stored ledger is found, and where; or it is provably harmless; or the threat model
says that nothing can find it. All of it is done to a real ledger: see `tests.support.tamper`.

One test, for it is all done once.
"""

import re

import pytest

from tests.support import tamper_table
from tests.support.tamper_table import NOWHERE, PAGE

AGAIN = "the same, and it goes on"


@pytest.mark.slow
@pytest.mark.rule("L1", "L2", "L4", "L5", "rolled_back", "history_mismatch")
def test_l5_what_is_done_to_the_ledger_is_found_where_the_threat_model_says():
    attacks = tamper_table.attacks()
    each_byte_changed_is_found_by_verify_or_a_start_or_is_harmless(attacks)
    verify_names_the_very_record(attacks)
    whatever_was_done_is_said_in_a_sentence(attacks)
    only_what_nobody_remembers_is_not_found(attacks)
    who_saw_more_finds_an_older_copy({each.title: each.row()[1:] for each in attacks if each.title != AGAIN})
    assert tamper_table.page(attacks) == PAGE.read_text(), "run: python -m tests.support.tamper_table"


def each_byte_changed_is_found_by_verify_or_a_start_or_is_harmless(attacks):
    changed = [attack for attack in attacks if attack.title.startswith("a byte of")]
    assert sum(len(attack.found) for attack in changed) > 150
    for attack in changed:
        for found in attack.found:
            assert found.problems or found.start or found.harmless, attack.title


def verify_names_the_very_record(attacks):
    named = [attack for attack in attacks if attack.record]
    assert len(named) == 4
    for attack in named:
        for number, found in zip(attack.record, attack.found, strict=True):
            says = r"Record {}\b" if attack.title != "a byte of `record.idx` changed" else r"Record {} is missing"
            assert re.match(says.format(number), found.problems[0]), (attack.title, number, found.problems)


def whatever_was_done_is_said_in_a_sentence(attacks):
    assert [(attack.title, found.unclean) for attack in attacks for found in attack.found if found.unclean] == []
    for attack in attacks:
        assert all(found.start.endswith(".") for found in attack.found if found.start), attack.found


def only_what_nobody_remembers_is_not_found(attacks):
    nowhere = [attack.title for attack in attacks if NOWHERE in attack.row()]
    assert nowhere == [
        "an older copy put back; nobody saw more",
        AGAIN,
        "two copies side by side; nobody hears both",
    ]
    harmless = [attack.title for attack in attacks if all(found.harmless for found in attack.found)]
    assert harmless == [
        "a byte of the snapshot changed, or all of it",
        "a row of `site` doubled",
        "an older snapshot put back",
    ]


def who_saw_more_finds_an_older_copy(rows):
    none = "–"
    assert rows["an older copy put back; clients saw more"] == (none, none, "found", none)
    assert rows["an older copy put back; CALM saw more"] == (none, none, none, "found")
    against = ("found (`--against`)", none, none, none)
    assert rows["an older copy put back; a later checkpoint was written down"] == against
    assert rows["two copies side by side; clients or CALM hear both"] == (none, none, "found", "found")
