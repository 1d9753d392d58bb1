"""What the recording says by itself: computed in plain NumPy, without any of the instrument's code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from flexcore.recordings import read_recording
from flexcore.recordings.channelmap import read_map
from flexcore.simulator.replay import rows
from flexcore.simulator.resampling import resample
from flexcore.station import read_station
from support.pq_reference import Found, cycle_rms, polyphase, powers, window_rms
from support.recording import Array, read_binary, waveform
from support.recording import resample as independently_resampled

RATE_HZ = 20_000
NS = 1_000_000_000
RECORDING = "wisp2_110kV_2bus_11fields_50Hz"


@dataclass(frozen=True)
class Truth:
    """The recording at 20 kHz: element -> channel -> samples in V or A; and which busbar a field hangs on."""

    signals: dict[str, dict[str, Array]]
    busbar: dict[str, str]
    udin_v: dict[str, float]

    @property
    def seconds(self) -> float:
        return next(iter(self.signals["bb1"].values())).size / RATE_HZ

    def values(self, element: str, start: float, end: float) -> dict[str, float]:
        """RMS values and powers between two moments, in samples after the recording's sample 0."""
        mine = self.signals[element]
        unit = {"u": "v", "i": "a"}
        out = {f"{name}_{unit[name[0]]}": window_rms(x, start, end) for name, x in mine.items()}
        if element in self.busbar:
            voltages = self.signals[self.busbar[element]]
            total_p = 0.0
            for phase in ("l1", "l2", "l3"):
                found = powers(voltages[f"u_{phase}"], mine[f"i_{phase}"], start, end, 10)
                total_p += found["p"]
                out |= {f"p_{phase}_w": found["p"], f"s_{phase}_va": found["s"], f"q_{phase}_var": found["q"]}
                out |= {f"pf_{phase}": found["pf"], f"phi_{phase}_deg": found["phi"]}
            out["p_w"] = total_p
        return out

    def events(self, busbar: str) -> list[Found]:
        """Dips and swells of a busbar by the polyphase rule, from half-cycle values of its own."""
        u = np.array([self.signals[busbar][f"u_l{n}"] for n in (1, 2, 3)])
        # Finer than half cycles: the test's own tolerance then covers where the instrument's cycles begin.
        starts, values = cycle_rms(u, RATE_HZ, RATE_HZ // 1000)
        return polyphase(starts, values, self.udin_v[busbar])


@cache
def wisp2(station_file: Path, map_file: Path) -> Truth:
    """What the virtual station sends of the shared recording; skips the test where that is absent.

    Resampled by the virtual station (a recorder's noise close to its Nyquist frequency depends on the
    filter), after a check against an independent reader and an independent resampling.
    """
    cfg = waveform(RECORDING)
    station, recording = read_station(station_file), read_recording(cfg)
    values = rows(recording, station, read_map(map_file), str(map_file))
    sent = resample(values, recording.rate_hz, RATE_HZ, 50.0)
    signals: dict[str, dict[str, Array]] = {}
    remaining = iter(sent)
    for element in station.elements:
        signals[element.id] = {channel: next(remaining) for channel in element.channels}
    _check_voltages(signals, cfg)
    return Truth(signals, {f.id: f.busbar for f in station.field}, {b.id: b.udin_v for b in station.busbar})


def _check_voltages(signals: dict[str, dict[str, Array]], cfg: Path) -> None:
    channels, rate_hz = read_binary(cfg)
    assert rate_hz == 1200
    x = np.array(list(channels.values())[:3]) * 1000.0
    # 1200 Hz to 20 kHz is 50/3.
    alone = independently_resampled(x[:, : x.shape[1] // 3 * 3], 50, 3)
    edge = RATE_HZ // 5
    for n, mine in enumerate(alone):
        sent = signals["bb1"][f"u_l{n + 1}"][: mine.size]
        difference = (sent - mine[: sent.size])[edge:-edge]
        assert np.sqrt(np.mean(difference**2)) < 5e-3 * np.sqrt(np.mean(mine**2))
