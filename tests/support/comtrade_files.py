"""COMTRADE files as the standard's text says they look, for every revision and format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

CODES = {"BINARY": "h", "BINARY32": "i", "FLOAT32": "f"}
MISSING = {"ASCII": 99999, "BINARY": -32768, "BINARY32": -(2**31), "FLOAT32": np.nan}


@dataclass
class Written:
    """What is to be written: ``channels`` are (name, phase, component, unit), ``signals`` (channels, samples)
    in their units; each is written in steps of its peak / 30000 (FLOAT32: as it is)."""

    channels: Sequence[tuple[str, str, str, str]]
    signals: npt.NDArray[np.float64]
    rate: str = "12800"
    form: str = "BINARY"
    revision: int = 1999
    hz: float = 50.0
    start: str = "22/08/2016,16:04:22.000000"
    digitals: int = 3
    ratios: Sequence[tuple[float, float, str]] = ()
    skews_us: Sequence[float] = ()
    sections: Sequence[tuple[str, int]] = ()
    stamps_us: Sequence[int] = ()
    zone: str = "0"
    steps: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        peaks = np.nanmax(np.abs(self.signals), axis=1)
        self.steps = np.where(peaks > 0.0, peaks, 1.0) / 30_000.0
        if self.form == "FLOAT32":
            self.steps = np.ones_like(peaks)
        if self.form == "BINARY32":
            self.steps = self.steps / 30_000.0

    def cfg(self) -> bytes:
        count = self.signals.shape[1]
        title = "Подстанция,relay"
        lines = [title + (f",{self.revision}" if self.revision > 1991 else "")]
        lines.append(f"{len(self.channels) + self.digitals},{len(self.channels)}A,{self.digitals}D")
        for n, (name, phase, component, unit) in enumerate(self.channels):
            skew = self.skews_us[n] if self.skews_us else 0.0
            line = f"{n + 1},{name},{phase},{component},{unit},{float(self.steps[n])!r},0,{skew},-32767,32767"
            if self.revision > 1991:
                primary, secondary, side = self.ratios[n] if self.ratios else (1.0, 1.0, "P")
                line += f",{primary},{secondary},{side}"
            lines.append(line)
        lines += [f"{n + 1},D{n + 1},,,0" for n in range(self.digitals)]
        sections = self.sections or [(self.rate, count)]
        by_stamps = self.rate == "0"
        lines += [f"{self.hz:g}", "0" if by_stamps else f"{len(sections)}"]
        lines += [f"{rate},{end}" for rate, end in sections]
        lines += [self.start, self.start, self.form]
        if self.revision > 1991:
            lines.append("1")
        if self.revision >= 2013:
            lines += [f"{self.zone},{self.zone}", "B,0"]
        return "\r\n".join(lines).encode() + b"\r\n"

    def dat(self) -> bytes:
        count = self.signals.shape[1]
        if self.stamps_us:
            stamps = [int(stamp) for stamp in self.stamps_us]
        else:
            stamps = np.arange(count).tolist()
            if self.rate != "0" and not self.sections:
                stamps = np.rint(np.arange(count) * (1e6 / float(self.rate))).astype(int).tolist()
        raw = self.signals / self.steps[:, None]
        if self.form != "FLOAT32":
            raw = np.rint(raw)
        raw = np.where(np.isnan(raw), MISSING[self.form], raw)
        bits = [k % 2 for k in range(self.digitals)]
        rows = []
        if self.form == "ASCII":
            for k in range(count):
                cells = [k + 1, stamps[k], *(int(value) for value in raw[:, k]), *bits]
                rows.append(",".join(str(cell) for cell in cells) + "\r\n")
            return "".join(rows).encode() + b"\x1a"
        layout = np.dtype(
            [
                ("n", "<u4"),
                ("t", "<u4"),
                ("a", "<" + {"h": "i2", "i": "i4", "f": "f4"}[CODES[self.form]], (len(raw),)),
                ("d", "<u2", (-(-self.digitals // 16),)),
            ]
        )
        table = np.zeros(count, layout)
        table["n"], table["t"], table["a"] = np.arange(count) + 1, stamps, raw.T
        return table.tobytes()

    def write(self, folder: Path, name: str = "record") -> Path:
        """A .cfg and a .dat beside it; the .cfg's path."""
        file = folder / f"{name}.cfg"
        file.write_bytes(self.cfg())
        file.with_suffix(".dat").write_bytes(self.dat())
        return file

    def cff(self) -> bytes:
        """Both in one (revision 2013)."""
        data = self.dat()
        mark = "ASCII" if self.form == "ASCII" else f"{self.form}: {len(data)}"
        parts = [b"--- file type: CFG ---\r\n", self.cfg(), b"--- file type: INF ---\r\n\r\n"]
        parts += [
            b"--- file type: HDR ---\r\nfree text\r\n",
            f"--- file type: DAT {mark} ---\r\n".encode(),
            data,
        ]
        return b"".join(parts)
