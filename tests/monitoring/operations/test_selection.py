"""Which series of a target are taken: rules that name metrics and labels, and say in words what they cannot read."""

import time

import pytest

from monitoring.formats.batch import Columns, Name, name_of
from monitoring.pulls import RuleRefused, Selection, rules_of


def series(text, **labels):
    return name_of(text, labels)


def selection(keep="", drop=""):
    return Selection(rules_of(keep), rules_of(drop))


@pytest.mark.parametrize(
    ("rule", "wanted", "others"),
    [
        ("orders", [series("orders")], [series("orders_total"), series("my_orders")]),
        ("node_*", [series("node_load1")], [series("go_node_x")]),
        ("*_total", [series("orders_total"), series("_total")], [series("orders_total_x")]),
        ("*", [series("anything")], []),
        ("a|b_*", [series("a"), series("b_x")], [series("c")]),
        ("{code=5*}", [series("x", code="500")], [series("x", code="200"), series("x")]),
        ('http{code="500"}', [series("http", code="500")], [series("http", code="5"), series("other", code="500")]),
        ("x{code=5*|4*, of!=GET}", [series("x", code="404", of="PUT")], [series("x", code="404", of="GET")]),
        ("x{device!=loop*}", [series("x", device="sda"), series("x")], [series("x", device="loop0")]),
        ("x{a=}", [series("x")], [series("x", a="1")]),
        ("x{a!=}", [series("x", a="1")], [series("x")]),
        ("what?[1]", [series("what?[1]")], [series("what"), series("whatx1")]),
    ],
)  # fmt: skip
def test_a_rule_names_series(rule, wanted, others):
    taken = selection(keep=rule)
    assert all(taken.takes(one) for one in wanted)
    assert not any(taken.takes(one) for one in others)
    dropped = selection(drop=rule)
    assert not any(dropped.takes(one) for one in wanted)
    assert all(dropped.takes(one) for one in others)


def test_without_rules_everything_is_taken_and_dropping_comes_after_keeping():
    assert selection().takes(series("x"))
    both = selection("node_*", "node_cpu*")
    assert both.takes(series("node_load1"))
    assert not both.takes(series("node_cpu_seconds_total"))
    assert not both.takes(series("go_info"))


def test_what_is_dropped_is_counted_by_samples():
    columns = Columns()
    for at in range(3):
        columns.add(Name("go_info"), at, 1.0)
        columns.add(Name("orders"), at, 1.0)
    batch, dropped = selection(drop="go_*").apply(columns.batch())
    assert (len(batch), dropped) == (3, 3)
    assert [name.metric for name in batch.names] == ["orders"]
    assert batch.of.tolist() == [0, 0, 0]
    assert batch.times_us.tolist() == [0, 1, 2]


def test_comments_and_empty_lines_are_no_rules():
    assert [rule.text for rule in rules_of("\n# the node\n  node_*  \n\n")] == ["node_*"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("node_*\nx{a=~b.*}", "Line 2: regular expressions are not known here; write a=a*|b."),
        ("x{a!~b}", "write a!=a*|b"),
        ("x{a}", "write labels as {code=5*, method!=GET}"),
        ('x{a="b" c="d"}', "write labels as"),
        ("x y", "is no rule such as"),
        ("x{", "is no rule such as"),
        ("{}", "names neither a metric nor a label"),
        ("x" * 501, "is no rule such as"),
        ("x\n" * 101, "There are 101 rules; at most 100 are read."),
    ],
)
def test_a_rule_that_cannot_be_read_is_said_with_the_way_out(text, part):
    with pytest.raises(RuleRefused, match=r"^(Line|There)") as refused:
        rules_of(text)
    assert part in str(refused.value)


def test_no_rule_takes_long_whatever_is_written():
    rule = selection(keep="*a" * 200)
    began = time.process_time()
    assert not rule.takes(series("a" * 119 + "b"))
    assert not any(rule.takes(series("ab" * 50 + str(n))) for n in range(1000))
    assert time.process_time() - began < 1.0
