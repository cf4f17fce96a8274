"""Every rule and every code is named by a test, and the page that says by which is true."""

from tests.support import rule_map


def test_every_rule_and_code_is_named_by_a_test():
    assert rule_map.missing() == []


def test_no_test_names_a_rule_that_does_not_exist():
    assert rule_map.unknown() == []


def test_the_page_of_rules_and_tests_is_up_to_date():
    assert rule_map.PAGE.read_text() == rule_map.page()
