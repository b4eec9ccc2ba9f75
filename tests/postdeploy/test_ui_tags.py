"""The tags and filters of every page: words first, shapes second, and nothing that markup could slip through."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import Context, Engine
from django.utils import timezone
from django.utils.html import format_html

from postdeploy.lib.words import NBSP
from postdeploy.templatetags import _looks, ui

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 19, 12, 9, tzinfo=BERLIN)
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def reader_in_berlin():
    with timezone.override(BERLIN):
        yield


def render(source, **context):
    engine = Engine(builtins=["postdeploy.templatetags.ui"])
    return engine.from_string(source).render(Context({"now": NOW, **context}))


def words_in(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html).replace(NBSP, " ")).strip()


def parse(html):
    """Parse a fragment as XML: our SVG is well formed, or this fails."""
    return ElementTree.fromstring(f"<x>{html.replace(' data-rel', '').replace(' data-morph-keep', '')}</x>")


# --- icons and signs --------------------------------------------------------------------------------------------------


def test_an_icon_is_inlined_and_hidden_from_screen_readers():
    svg = parse(render('{% icon "rocket" %}'))[0]
    assert svg.attrib["class"] == "i"
    assert svg.attrib["aria-hidden"] == "true"
    assert len(svg) == 3


@pytest.mark.parametrize("name", sorted(path.stem for path in ui.ICONS.glob("*.svg")))
def test_every_icon_of_the_folder_has_its_shapes(name):
    assert len(parse(ui.icon(name))[0]) >= 1


@pytest.mark.parametrize("name", ["unicorn", "../img/favicon", ""])
def test_an_unknown_icon_is_an_error(name):
    with pytest.raises(ValueError, match="unknown icon"):
        render("{% icon name %}", name=name)


@pytest.mark.parametrize(
    ("value", "tone", "word"),
    [
        ("healthy", "healthy", "Healthy"),
        ("DEGRADED", "degraded", "Degraded"),
        ("failed", "failed", "Failed"),
        ("INCONCLUSIVE", "unsure", "Inconclusive"),
        ("blind", "blind", "Blind"),
        ("watching", "watch", "Watching"),
        ("pending", "plain", "Pending"),
        ("superseded", "plain", "Superseded"),
        ("cancelled", "plain", "Cancelled"),
        ("up", "healthy", "Up"),
        ("down", "failed", "Down"),
        ("unknown", "blind", "Unknown"),
        ("paused", "blind", "Paused"),
    ],
)
def test_a_state_says_its_word_beside_a_glyph(value, tone, word):
    html = render("{% state value %}", value=value)
    assert words_in(html) == word
    assert f'class="state state--chip{" state--so-far" if value == "watching" else ""} is-{tone}"' in html
    assert '<svg class="g"' in html


def test_an_unknown_state_is_an_error():
    with pytest.raises(ValueError, match="unknown state"):
        render('{% state "splendid" %}')


def test_a_state_so_far_is_outlined_and_says_so():
    html = render('{% state "inconclusive" so_far=True %}')
    assert "state--so-far" in html
    assert words_in(html) == "Inconclusive so far"


def test_nothing_worse_so_far_is_never_green():
    html = render('{% state "healthy" so_far=True label="Watching: nothing worse so far" %}')
    assert "is-watch" in html
    assert "is-healthy" not in html


def test_a_label_is_escaped():
    html = render("{% state 'up' label=evil %}{% tier evil %}{% person evil %}{% bar 0.5 label=evil %}", evil=EVIL)
    assert "<script" not in html


def test_every_state_glyph_is_well_formed_and_shapes_differ():
    shapes = {name: parse(svg) for name, svg in _looks.GLYPHS.items()}
    assert len(set(_looks.GLYPH_PATHS.values())) == len(shapes)
    glyph_of = {name: look.glyph for name, look in _looks.STATES.items()}
    finals = ("HEALTHY", "DEGRADED", "FAILED", "INCONCLUSIVE", "BLIND", "WATCHING")
    assert len({glyph_of[name] for name in finals}) == len(finals)


def test_an_unchanged_finding_has_neither_glyph_nor_tone():
    assert render('{% finding_result "UNCHANGED" %}') == '<span class="meta">Unchanged</span>'
    assert words_in(render('{% finding_result "NO_DATA" %}')) == "Not watched"
    assert "is-degraded" in render('{% finding_result "REGRESSED" size="plain" %}')


@pytest.mark.parametrize(("value", "bars"), [("CRITICAL", 3), ("major", 2), ("MINOR", 1)])
def test_a_severity_has_as_many_full_bars_as_it_weighs(value, bars):
    html = render("{% severity value %}", value=value)
    assert html.count('fill="currentColor"') == bars
    assert words_in(html) == value.capitalize()


def test_only_a_verified_issue_has_colour():
    assert "st--verified" in render('{% status "VERIFIED" %}')
    assert words_in(render('{% status "assigned" %}')) == "Assigned"


def test_a_person_is_a_badge_and_a_name():
    class Somebody:
        display_name = "Aylin Demir"

    assert words_in(render("{% person user %}", user=Somebody())) == "AD Aylin Demir"
    assert words_in(render("{% person 'Cher' %}")) == "C Cher"
    assert "visually-hidden" in render("{% person user short=True %}", user=Somebody())
    assert render('{% person None nobody="no owner" %}') == '<span class="quiet">no owner</span>'


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_moment_is_a_time_element_with_its_exact_title():
    html = render("{% when at %}", at=NOW - timedelta(minutes=38))
    assert 'datetime="2026-11-19T11:31:00+01:00"' in html
    assert 'title="19 November 2026, 11:31:00 (UTC+1)"' in html
    assert words_in(html) == "11:31"


def test_a_relative_moment_is_marked_to_be_kept_fresh():
    html = render("{% when at rel=True %}", at=NOW - timedelta(minutes=17))
    assert " data-rel>" in html
    assert words_in(html) == "17 min ago"


def test_no_moment_says_what_the_page_wants():
    assert render("{% when None %}|{% when None empty='never' %}") == "|never"


def clock(minutes_gone, minutes_left, **options):
    extra = " ".join(f"{name}={value}" for name, value in options.items())
    started, due = NOW - timedelta(minutes=minutes_gone), NOW + timedelta(minutes=minutes_left)
    return render(f"{{% clock started due now 'to L3' {extra} %}}", started=started, due=due)


def test_a_clock_says_both_the_time_and_the_distance():
    assert words_in(clock(5, 55)) == "to L3 at 13:04 , in 55 min"
    assert words_in(clock(5, 55, brief=True)) == "to L3 in 55 min"
    assert words_in(clock(5, 24 * 60, brief=True)) == "to L3 Fri 12:09"


def test_a_clock_warns_in_its_last_quarter_and_is_red_when_run_out():
    assert 'class="clock"' in clock(5, 55)
    assert "is-degraded" in clock(50, 11)
    assert "is-failed" in clock(50, -3)
    assert words_in(clock(50, -3)) == "to L3 ran out 3 min ago"


def test_a_clock_that_counts_towards_proof_fills_in_blue():
    html = clock(35, 25, proof=True)
    assert "is-watch" in html
    assert f'stroke-dasharray="{ui.RING * 35 / 60:.1f} 37.7"' in html


def test_a_clock_without_an_end_is_not_shown():
    assert render("{% clock None None now 'to L3' %}") == ""
    assert "is-failed" not in render("{% clock None due now 'x' %}", due=NOW + timedelta(minutes=1))


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_watch_track_shows_what_is_done_now_and_later():
    track = {
        "tone": "watch",
        "initial": {"share": 0.5, "label": format_html("Initial <b>{}</b>", "30 of 60 min")},
        "extended": {"share": None, "label": EVIL},
        "now_share": 0.5,
        "aria": "Initial watch: 30 of 60 minutes done",
    }
    html = render("{% watch_track track %}", track=track)
    svg = parse(html)[0]
    assert svg.attrib["aria-label"] == track["aria"]
    assert [rect.attrib["class"] for rect in svg] == ["rail-bg", "done", "later", "now"]
    assert svg[1].attrib["width"] == "19%"
    assert svg[3].attrib["x"] == "19%"
    assert "<b>30 of 60 min</b>" in html
    assert "<script" not in html


def test_a_watch_track_may_be_an_object_and_be_over():
    @dataclass
    class Part:
        share: float | None
        label: str

    @dataclass
    class Track:
        tone: str
        initial: Part
        extended: Part
        now_share: float | None
        aria: str

    html = render("{% watch_track track %}", track=Track("healthy", Part(1, "a"), Part(1.7, "b"), None, "over"))
    assert 'class="now"' not in html
    assert 'width="61%"' in html
    with pytest.raises(ValueError, match="unknown tone"):
        render("{% watch_track track %}", track={"tone": 'x" onload="', "initial": {"share": 1}})


def test_a_spark_does_not_bridge_a_gap():
    svg = parse(
        render("{% spark points band marks 'p95' %}", points=[1, 2, None, 4, 5, None, 3], band=[1, 3], marks=[0.5])
    )[0]
    assert [part.attrib["class"] for part in svg] == ["band", "dep", "line", "line", "line"]
    assert svg[-1].attrib["d"].endswith("h0")


@pytest.mark.parametrize("points", [[], [None], [5], [5, 5], [float("nan"), 1.0], [float("inf"), 2.0]])
def test_a_spark_draws_whatever_there_is(points):
    assert "nan" not in render("{% spark points %}", points=points)
    assert "inf" not in render("{% spark points band %}", points=points, band=[[1, 2]] * len(points))


def test_a_heartbeat_tells_up_slow_down_and_none_apart_by_shape():
    beats = [
        {"state": "up", "height": 1, "title": EVIL},
        {"state": "slow", "height": 0},
        {"state": "down"},
        {"state": "none"},
    ]
    html = render("{% heartbeat beats 'four readings' marks=marks %}", beats=beats, marks=[2])
    rects = list(parse(html)[0])
    assert [rect.attrib["class"] for rect in rects] == ["up", "slow", "down", "down", "none", "dep"]
    assert float(rects[0].attrib["height"]) < float(rects[1].attrib["height"])
    assert rects[0].attrib["x"] == "430.5"
    assert "<script" not in html


def test_a_heartbeat_shows_the_latest_ninety():
    beats = [{"state": "down"}] * 10 + [{"state": "up", "height": 0.5}] * 90
    html = render("{% heartbeat beats 'x' marks=marks %}", beats=beats, marks=[3, 99])
    assert html.count("<rect") == 91
    assert 'class="down"' not in html


def test_a_placebo_picture_puts_this_change_among_the_ordinary_ones():
    svg = parse(render("{% placebo counts -60 60 45 'degraded' '+45 %' %}", counts=[0, 3, 9, 3]))[0]
    pin = next(part for part in svg if part.attrib.get("class") == "this")
    assert pin.attrib["x1"] == "206.5"
    assert [part.text for part in svg if part.tag == "text"] == ["+45 %", "−60", "0", "+60"]
    assert render("{% placebo counts 0 0 0 'plain' 'x' %}", counts=[])


def test_a_placebo_picture_has_its_unit_once_and_is_told_in_words():
    html = render("{% placebo counts -60 60 45 'plain' '+45 %' unit='ms' alt='40 moments, this +45 ms' %}", counts=[1])
    svg = parse(html)[0]
    assert [part.text for part in svg if part.tag == "text"][1:] == ["−60", "0", "+60\u00a0ms"]
    assert svg.attrib["aria-label"] == "40 moments, this +45 ms"


def test_a_still_chart_shows_what_was_expected_and_what_was_left_out():
    data = {
        "times": [0, 10, 20, 30], "values": [1, 2, None, 3], "low": [None, 1, 1, None], "high": [None, 4, 5, None],
        "spans": [{"from": -10, "to": 10, "label": "left out"}],
    }  # fmt: skip
    still = parse(render("{% chart 'x' data 'In words' %}", data=data))[1][0]
    shapes = {part.attrib["class"]: part for part in still}
    assert (shapes["span"].attrib["x"], shapes["span"].attrib["width"]) == ("0.0", "266.7")
    assert shapes["band"].attrib["points"].count(",") == 4
    assert "band" not in render("{% chart 'x' data 'In words' %}", data={"times": [1, 2], "values": [1, 2]})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"times": [0, 3600], "values": [1, 2], "unit": "ms"}, ["01:00", "0\u00a0ms to 2.24\u00a0ms", "02:00"]),
        ({"times": [0, 172_800], "values": [1, 100]}, ["1 Jan 01:00", "0 to 112", "3 Jan 01:00"]),
        ({"times": [0, 60], "values": [-9, -4]}, ["01:00", "−9 to 0", "01:01"]),
        ({"times": [0, 600], "values": [1, 1], "relative": True}, ["+0\u00a0s", "0 to 1.12", "+10\u00a0min"]),
    ],
)
def test_a_still_chart_says_beneath_what_it_spans(data, told):
    legend = parse(render("{% chart 'x' data 'In words' %}", data=data))[1][1]
    assert [part.text for part in legend] == told


def test_values_below_zero_are_drawn_below_it():
    still = parse(render("{% chart 'x' data 'In words' %}", data={"times": [0, 10], "values": [-8, -2]}))[1][0]
    path = next(part for part in still if part.attrib["class"] == "line").attrib["d"]
    first, second = (float(point.split()[1]) for point in path[1:].split("L"))
    assert first > second


def test_a_lane_shows_each_version_with_the_glyph_of_its_state():
    segments = [
        {"state": "HEALTHY", "start": 0, "end": 0.5, "text": EVIL},
        {"state": "watching", "start": 0.5, "end": 1},
    ]
    html = render("{% lane segments 'production' %}", segments=segments)
    assert [group.attrib["class"] for group in parse(html)[0]] == ["is-healthy", "is-watch"]
    assert "<script" not in html


def test_a_chart_brings_its_data_as_json_that_cannot_break_out():
    data = {"unit": "ms", "times": [1, 2], "values": [float("nan"), 2.0], "marks": [{"at": 1, "label": EVIL}]}
    html = render("{% chart 'p95' data label %}", data=data, label=EVIL)
    block = re.search(r'<script id="p95" type="application/json">(.*?)</script>', html).group(1)
    assert json.loads(block)["values"] == [None, 2.0]
    assert json.loads(block)["marks"][0]["label"] == EVIL
    assert html.count("<script") == 1


# --- forms and words --------------------------------------------------------------------------------------------------


class CheckForm(forms.Form):
    name = forms.CharField(help_text="As people say it.", widget=forms.TextInput(attrs={"class": "mono"}))
    severity = forms.ChoiceField(choices=[("a", "A")])
    is_on = forms.BooleanField(required=False)
    scopes = forms.MultipleChoiceField(choices=[("a", "A")], widget=forms.CheckboxSelectMultiple)


def test_a_control_has_our_classes_and_says_what_is_wrong():
    form = CheckForm({"severity": "a"})
    html = render("{{ form.name|control }}{{ form.severity|control }}{{ form.is_on|control }}", form=form)
    assert 'class="form-control mono"' in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'class="form-select"' in html
    assert 'class="form-check-input"' in html
    assert [render("{{ form.is_on|is_tick }}{{ form.scopes|is_group }}", form=form)] == ["TrueTrue"]


def test_a_path_links_all_but_what_has_no_address():
    html = render("{% crumbs 'Issues' '/issues' evil '' %}", evil=EVIL)
    assert '<a href="/issues">Issues</a><span aria-hidden="true">/</span><span>' in html
    assert "<script" not in html
    with pytest.raises(ValueError, match="pairs"):
        render("{% crumbs 'Issues' %}")


def test_filters_write_words_and_nothing_for_nothing():
    source = (
        "{{ 5340|duration }}|{{ 2300|coarse }}|{{ 3600|period }}|{{ 60|progress:3600 }}|{{ 450|quantity:'ms' }}|"
        "{{ 450|change:310 }}|{{ 0.71|signed:'points' }}|{{ 3|counted:'issue' }}|{{ 2|counted:'reply,replies' }}"
    )
    assert render(source).replace(NBSP, " ") == (
        "1 h 29 min|38 min|60 min|1 of 60 min|450 ms|+45 %|+0.71 points|3 issues|2 replies"
    )
    names = ("duration", "coarse", "period", "ago", "moment", "exact", "change:1", "signed")
    assert render("".join(f"{{{{ x|{name} }}}}" for name in names), x=None) == ""


def test_time_filters_write_in_the_readers_zone():
    at = NOW.astimezone(ZoneInfo("UTC")) - timedelta(minutes=17)
    assert render("{{ at|moment:now }}, {{ at|ago:now }}, {{ at|exact }}", at=at).replace(NBSP, " ") == (
        "11:52, 17 min ago, 19 November 2026, 11:52:00 (UTC+1)"
    )
