"""One analysis from recording to results."""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec
import numpy as np

from flexcore import __version__
from flexcore.analysis.clock import NS, Clock, shown
from flexcore.analysis.feeding import Signal, blocks
from flexcore.analysis.grouping import Terms
from flexcore.analysis.heard import Heard, Listener
from flexcore.analysis.interpolation import HALF, interpolate
from flexcore.analysis.layout import Layout, guess_layout
from flexcore.analysis.limits import (
    LEAST_ENGINE_HZ,
    LEAST_SAMPLES_PER_CYCLE,
    MOST_ENGINE_HZ,
    highest_order,
    say_limits,
)
from flexcore.analysis.loads import Loads
from flexcore.analysis.nominal import seen_frequency
from flexcore.analysis.options import Options
from flexcore.analysis.results import (
    Analysis,
    ChannelUse,
    ElementResult,
    Mapping,
    RecordingInfo,
)
from flexcore.analysis.statistics import Statistics
from flexcore.dsp import StationAnalyser
from flexcore.errors import RecordingError, SettingsError
from flexcore.recordings import Recording
from flexcore.recordings.clipping import NONE, runs_of
from flexcore.recordings.recording import Spans
from flexcore.station import Busbar, Field, Station

#: A channel that is later than this is a header that lies.
MOST_SKEW_US = 100_000.0


def analyse_recording(
    recording: Recording,
    layout: Layout | None = None,
    options: Options | None = None,
    listeners: tuple[Listener, ...] = (),
) -> Analysis:
    """Run the engine over ``recording``; ``layout`` None: guessed.

    Each of ``listeners`` is called with every measurement, in the recording's own time (nanoseconds since
    1970 on the file's clock; since the first sample where the file tells no time). Memory does not grow with
    the number of measurements.

    Raises:
        RecordingError: the recording is too slow, too fast or too short, or shows no three voltages.
        SettingsError: ``options`` cut everything away.
    """
    options = options or Options()
    layout = layout or guess_layout(recording, options)
    nominal_hz = layout.station.station.nominal_frequency_hz
    factor = _factor(recording, nominal_hz)
    notes = list(recording.notes)
    begin, end = _cut(recording, options, _margin(recording, layout, options, factor, notes))
    rate_hz = recording.rate_hz * factor
    engine_hz = round(rate_hz)
    start_ns = recording.start_ns or 0
    first = round(Fraction(start_ns * engine_hz, NS)) + begin * factor
    clock = Clock(rate_hz, engine_hz, start_ns, begin * factor, first)
    warnings = _warnings(recording, layout)
    signals = _signals(recording, layout, options, factor, begin, end)
    station = _station(layout.station, engine_hz)
    engine = StationAnalyser(station)
    loads = Loads(station)
    highest = highest_order(recording.rate_hz, nominal_hz)
    heard = Heard(recording, station, clock, begin, end, highest, (*listeners, loads.hear))
    for block in blocks(signals, engine_hz, first):
        for item in engine.process(block):
            heard.take(item)
    for name in ("foreign", "astray", "late", "bad"):
        if engine.counters[name]:
            warnings.append(f"the engine refused {engine.counters[name]} blocks ({name})")
    gives, cannot = say_limits(recording.rate_hz, nominal_hz, (end - begin) / float(recording.rate_hz))
    return Analysis(
        recording=_info(recording, begin, end, notes),
        mapping=Mapping(
            origin=layout.origin,
            side=_side(recording, layout),
            nominal_v_from=layout.nominal_from,
            nominal_hz=nominal_hz,
            nominal_hz_from=layout.frequency_from,
            doubts=layout.doubts,
            unused=tuple(
                (channel.number, channel.name)
                for row, channel in enumerate(recording.channels)
                if row not in layout.rows
            ),
        ),
        gives=tuple(gives),
        cannot=tuple(cannot),
        warnings=tuple(warnings),
        elements=tuple(
            _element(recording, layout, element, heard.statistics(element.id)) for element in station.elements
        ),
        events=heard.events(gaps=False),
        gaps=heard.events(gaps=True),
        loads=loads.result(),
        version=__version__,
    )


def _factor(recording: Recording, nominal_hz: int) -> int:
    """How many times the recording's rate the engine gets; raises RecordingError."""
    rate = float(recording.rate_hz)
    if rate > MOST_ENGINE_HZ:
        raise RecordingError(f"{recording.source}: rate: expected at most {MOST_ENGINE_HZ} Hz, got {rate:g}")
    if rate < LEAST_SAMPLES_PER_CYCLE * nominal_hz:
        least = LEAST_SAMPLES_PER_CYCLE * nominal_hz
        raise RecordingError(
            f"{recording.source}: rate: expected at least {least} Hz, "
            f"{LEAST_SAMPLES_PER_CYCLE} samples a cycle, got {rate:g}"
        )
    return math.ceil(LEAST_ENGINE_HZ / rate)


def _margin(recording: Recording, layout: Layout, options: Options, factor: int, notes: list[str]) -> int:
    """Samples at both ends of the recording where the interpolation knows no value; raises RecordingError."""
    rate = float(recording.rate_hz)
    skew_us = 0.0
    for row in layout.rows if options.correct_skew else ():
        channel = recording.channels[row]
        if abs(channel.skew_us) > MOST_SKEW_US:
            told = f"expected at most 0.1 s, got {channel.skew_us:g} us"
            raise RecordingError(f"{recording.source}: channel {channel.number}: skew: {told}")
        skew_us = max(skew_us, abs(channel.skew_us))
    if factor > 1:
        notes.append(f"{rate:.6g} Hz is too slow for the engine: interpolated to {factor} times as much")
    if skew_us:
        notes.append(f"the channels' skew, up to {skew_us:g} us, is taken out (--no-skew leaves it)")
    if factor == 1 and not skew_us:
        return 0
    return HALF + 1 + math.ceil(skew_us * 1e-6 * rate)


def _cut(recording: Recording, options: Options, margin: int) -> tuple[int, int]:
    """First sample and sample after the last; raises SettingsError."""
    rate = float(recording.rate_hz)
    begin = 0 if options.from_s is None else max(0, math.ceil(options.from_s * rate - 1e-6))
    end = (
        recording.count
        if options.to_s is None
        else min(recording.count, math.ceil(options.to_s * rate - 1e-6))
    )
    begin, end = max(begin, margin), min(end, recording.count - margin)
    if begin >= end:
        length_s = recording.count / rate
        raise SettingsError(f"--from, --to: expected a part of the recording, which is {length_s:g} s long")
    return begin, end


def _station(station: Station, engine_hz: int) -> Station:
    acquire = msgspec.structs.replace(station.acquire, rate_hz=engine_hz)
    return msgspec.structs.replace(station, acquire=acquire)


def _signals(
    recording: Recording,
    layout: Layout,
    options: Options,
    factor: int,
    begin: int,
    end: int,
) -> dict[str, Signal]:
    """Each element's samples as the engine gets them."""
    rate = float(recording.rate_hz)
    signals = {}
    # the filter needs samples around what is asked for
    around = 2 * HALF + math.ceil(MOST_SKEW_US * 1e-6 * rate)
    low, high = max(0, begin - around), min(recording.count, end + around)
    for element, channels in layout.sources.items():
        rows = []
        for terms in channels.values():
            total = np.zeros((end - begin) * factor)
            for row, scale in terms:
                skew_us = recording.channels[row].skew_us if options.correct_skew else 0.0
                x = interpolate(recording.values[row, low:high], skew_us * 1e-6 * rate, factor)
                total += scale * x[(begin - low) * factor : (end - low) * factor]
            rows.append(total.astype(np.float32))
        spans = _saturated(recording, channels, options, factor, begin, end)
        signals[element] = Signal(tuple(channels), np.array(rows), spans)
    return signals


def _saturated(
    recording: Recording,
    channels: dict[str, Terms],
    options: Options,
    factor: int,
    begin: int,
    end: int,
) -> Spans:
    """Columns of an element's signal that are made of samples out of the recorder's range."""
    rows = {row for terms in channels.values() for row, _ in terms}
    if not recording.saturated or not any(len(recording.saturated[row]) for row in rows):
        return NONE
    edges = np.zeros((end - begin) * factor + 1, np.int32)
    for row in rows:
        skew_us = recording.channels[row].skew_us if options.correct_skew else 0.0
        late = skew_us * 1e-6 * float(recording.rate_hz)
        around = 0 if factor == 1 and late == 0.0 else HALF + 1  # the filter spreads them
        spans = recording.saturated[row] + (math.floor(late) - around, math.ceil(late) + around)
        spans = np.clip((spans - begin) * factor, 0, edges.size - 1)
        np.add.at(edges, spans[:, 0], 1)
        np.subtract.at(edges, spans[:, 1], 1)
    return runs_of(np.cumsum(edges[:-1]) > 0)


def _warnings(recording: Recording, layout: Layout) -> list[str]:
    rate, out = float(recording.rate_hz), []
    nominal_hz = layout.station.station.nominal_frequency_hz
    for busbar in layout.station.busbar:
        row, _ = layout.sources[busbar.id]["u_l1"][0]
        seen = seen_frequency(recording.values[row], rate)
        if math.isfinite(seen) and abs(seen - nominal_hz) > 0.15 * nominal_hz:
            out.append(
                f"{busbar.id}: its voltage turns at about {seen:.1f} Hz, the analysis is for {nominal_hz} Hz"
            )
    for row in sorted(layout.rows):
        channel = recording.channels[row]
        if channel.clipped:
            ends = f"{channel.clipped} samples are at the end of its range"
            out.append(f"channel {channel.number} {channel.name}: {ends}")
    return out


def _side(recording: Recording, layout: Layout) -> str:
    """In words: are the values primary, and who says so."""
    sides = {recording.channels[row].side for row in layout.rows}
    words = {
        "primary": "primary as the file says",
        "scaled": "secondary in the file, made primary by its ratios",
        "unknown": "as in the file, which does not say whether they are primary",
    }
    return "; ".join(text for side, text in words.items() if side in sides)


def _info(recording: Recording, begin: int, end: int, notes: list[str]) -> RecordingInfo:
    rate = float(recording.rate_hz)
    start = None if recording.start_ns is None else shown(recording.start_ns, recording.zone_s)
    zone = None
    if recording.zone_s is not None:
        zone = "UTC" + shown(0, recording.zone_s)[-6:]
    return RecordingInfo(
        file=recording.source,
        form=recording.form,
        title=recording.title,
        channels=len(recording.channels),
        samples=recording.count,
        rate_hz=rate,
        seconds=recording.count / rate,
        start=start,
        zone=zone,
        from_s=begin / rate,
        to_s=end / rate,
        notes=tuple(notes),
    )


def _element(
    recording: Recording, layout: Layout, element: Busbar | Field, statistics: dict[str, Statistics]
) -> ElementResult:
    uses = []
    for name, terms in layout.sources[element.id].items():
        channels = [(recording.channels[row], factor) for row, factor in terms]
        steps = [abs(factor) * channel.step for channel, factor in channels]
        uses.append(
            ChannelUse(
                channel=name,
                sources=tuple((channel.number, channel.name, factor) for channel, factor in channels),
                step=max(steps) or None,
                clipped=sum(channel.clipped for channel, _ in channels),
            )
        )
    zero_ns = recording.start_ns or 0
    intervals = {interval: found.result(zero_ns) for interval, found in statistics.items()}
    if isinstance(element, Field):
        return ElementResult(element.id, "field", element.name, tuple(uses), intervals, busbar=element.busbar)
    return ElementResult(
        element.id,
        "busbar",
        element.name,
        tuple(uses),
        intervals,
        nominal_v=element.nominal_v,
        earth_v=element.earth_v,
        udin_v=element.udin_v,
        voltages=element.judged,
    )
