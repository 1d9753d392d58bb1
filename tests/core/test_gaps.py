"""Gaps as three witnesses tell of them."""

from __future__ import annotations

from flexcore.model import Event, Flag, Measurement, event_id
from flexcore.store.gaps import Gap, GapTracker

S = 1_000_000_000
T0 = 1_790_000_000 * S


def interval(at: float, *, seconds: float = 3.0, flags: tuple[Flag, ...] = ()) -> Measurement:
    return Measurement("bb1", "3s", T0 + round(at * S), round(seconds * S), {}, flags)


def told(at: float, until: float | None = None) -> Event:
    start_ns = T0 + round(at * S)
    return Event(
        id=event_id("gap", "bb1", start_ns),
        type="gap",
        element="bb1",
        state="begin" if until is None else "end",
        start_ns=start_ns,
        duration_ns=None if until is None else round((until - at) * S),
        flags=("gap",),
    )


class Story:
    """Plays a story and keeps what the store would keep."""

    def __init__(self, tracker: GapTracker | None = None) -> None:
        self.tracker = tracker or GapTracker({}, ())
        self.rows: dict[str, Gap] = {}
        self.announced: list[Event] = []

    def play(self, *items: Measurement | Event, dropped: bool = False) -> Story:
        for item in items:
            if isinstance(item, Event):
                changes = self.tracker.hear(item)
            else:
                changes = self.tracker.follow(item, dropped=dropped)
            for change in changes:
                self.rows[change.gap.id] = change.gap
                if change.announce:
                    self.announced.append(change.announce)
        return self

    @property
    def spans(self) -> list[tuple[float, float | None, str]]:
        return sorted(
            ((g.start_ns - T0) / S, None if g.end_ns is None else (g.end_ns - T0) / S, g.reason)
            for g in self.rows.values()
        )


def test_intervals_that_follow_each_other_are_no_gap() -> None:
    drifting = [interval(3 * n + 0.004 * n, seconds=3.004) for n in range(100)]
    assert Story().play(*drifting).spans == []


def test_a_hole_between_intervals_is_a_gap_and_is_announced() -> None:
    story = Story().play(interval(0), interval(3), interval(12))
    assert story.spans == [(6.0, 12.0, "missing")]
    (event,) = story.announced
    assert (event.type, event.state, event.start_ns, event.duration_ns) == ("gap", "end", T0 + 6 * S, 6 * S)
    assert event.id == event_id("gap", "bb1", T0 + 6 * S)


def test_a_hole_of_what_was_dropped_says_so() -> None:
    story = Story().play(interval(0)).play(interval(30), dropped=True)
    assert story.spans == [(3.0, 30.0, "dropped")]


def test_a_hole_across_a_restart_is_a_gap() -> None:
    story = Story(GapTracker({"bb1": T0 + 3 * S}, ())).play(interval(60))
    assert story.spans == [(3.0, 60.0, "missing")]


def test_flagged_intervals_that_adjoin_are_one_gap() -> None:
    story = Story().play(
        interval(0), interval(3, flags=("gap",)), interval(6, flags=("dip", "gap")), interval(9)
    )
    assert story.spans == [(3.0, 9.0, "flagged")]
    assert [e.duration_ns for e in story.announced] == [3 * S, 6 * S], "it grew, under the same id"
    assert len({e.id for e in story.announced}) == 1
    story.play(interval(12, flags=("gap",)))
    assert story.spans == [(3.0, 9.0, "flagged"), (12.0, 15.0, "flagged")]


def test_what_the_analyser_told_is_kept_to_the_sample_and_not_announced_again() -> None:
    story = Story().play(
        interval(0), told(3.5), told(3.5, 3.85), interval(3, flags=("gap",)), interval(6), told(3.5, 3.85)
    )
    assert story.spans == [(3.5, 3.85, "samples")]
    assert story.announced == []


def test_a_hole_around_a_told_gap_widens_it() -> None:
    story = Story().play(interval(0), told(4.0), told(4.0, 9.0), interval(12))
    assert story.spans == [(3.0, 12.0, "samples")]
    assert story.announced == []


def test_a_told_gap_whose_end_was_never_told_ends_where_whole_intervals_begin() -> None:
    story = Story().play(interval(0), told(4.0))
    assert story.spans == [(4.0, None, "samples")]
    story.play(interval(30), interval(33))
    assert story.spans == [(3.0, 30.0, "samples")]
    again = Story(GapTracker({"bb1": T0 + 3 * S}, [Gap("x", "bb1", T0 + 4 * S, None, "samples")]))
    assert again.play(interval(3), interval(6)).spans == [(4.0, 6.0, "samples")]


def test_our_own_announcement_coming_back_changes_nothing() -> None:
    story = Story().play(interval(0), interval(9))
    before = dict(story.rows)
    story.play(*story.announced)
    assert story.rows == before


def test_a_clock_that_is_set_back_starts_a_new_line() -> None:
    story = Story().play(interval(0), interval(3), interval(-3600), interval(-3597), interval(-3580))
    assert story.spans == [(-3594.0, -3580.0, "missing")]


def test_an_interval_delivered_twice_or_late_is_no_gap() -> None:
    story = Story().play(interval(0), interval(3), interval(0), interval(3), interval(6), interval(3))
    assert story.play(interval(9)).spans == []


def test_a_twin_leaves_the_first_as_it_was() -> None:
    tracker = GapTracker({"bb1": T0}, ())
    twin = tracker.copy()
    twin.follow(interval(30))
    assert tracker.last_ends_ns == {"bb1": T0}
    assert len(tracker.follow(interval(30))) == 1, "the first has not heard of the hole yet"
