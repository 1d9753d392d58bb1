"""Harmonics, interharmonics, angles and THD of the whole engine over its range, under influence quantities.

Limits: IEC 61000-4-7 class I allows 5 % of a reading from 1 % of Unom on, and 0.05 % of Unom below. The
instrument promises 0.1 % of the reading for harmonics of 1 %, and 0.02 % for what a tone above pretends.
"""

from __future__ import annotations

import numpy as np
import pytest

from support.pq import UDIN_V
from support.sweep import (
    BUSBARS,
    FREQUENCIES,
    ORDERS,
    PHASES,
    TICK_S,
    Play,
    Wave,
    balanced,
    check,
    latin,
    per_phase,
    rich,
    single,
    spectrum,
    unbalanced,
    values,
    wrapped,
)

OF_READING = 1e-3
CLASS_I = 0.05
CLASS_I_EMPTY = 5e-4
PRETENDED = 2e-4
#: A tick of the clock after so long begins a new 3-s interval; the one before ends a 10-min interval.
BEFORE_S, SECONDS = 0.6, 4.4


def played(waves: list[Wave], nominal_hz: int = 50, **settings: float) -> Play:
    return Play(
        waves, (), SECONDS, nominal_hz=nominal_hz, epoch_s=TICK_S - BEFORE_S, noise=settings.get("noise", 0.0)
    )


@pytest.mark.parametrize("nominal_hz", [50, 60])
@pytest.mark.parametrize("influence", ["none", "unbalance", "dc"])
def test_harmonics_angles_and_thd(nominal_hz: int, influence: str) -> None:
    """All orders at once, 1 % each, at angles of their own in every phase."""
    rng = np.random.default_rng(nominal_hz)
    waves = []
    for n, share in enumerate(FREQUENCIES):
        turned = UDIN_V * np.exp(1j * rng.uniform(0.0, 6.28))
        first = unbalanced(turned, 0.05, 0.05j) if influence == "unbalance" else turned * balanced(1.0)
        phasors = rich(rng, first)
        if influence == "dc":
            phasors[:, 0] = np.array([0.01, -0.005, 0.03]) * UDIN_V * (n + 1) / BUSBARS
        waves.append(Wave(phasors, share * nominal_hz))
    play = played(waves, nominal_hz)
    reading, none, thd, angle, direct = [], [], [], [], []
    for n, wave in enumerate(waves, start=1):
        (m,) = play.told(f"b{n}", "3s")
        sizes = np.abs(wave.phasors.T)
        reading.append(spectrum(m, "h")[1:] / sizes[1:] - 1.0)
        none.append(spectrum(m, "ih") / UDIN_V)
        direct.append((spectrum(m, "h")[0] - sizes[0]) / UDIN_V)
        expected = np.sqrt((sizes[2:] ** 2).sum(axis=0)) / sizes[1]
        thd.append(values(m, *per_phase("thd_u", "percent")) / 100.0 / expected - 1.0)
        ten = play.results.measurements(f"b{n}", "10min")[0]
        told = np.array([ten.spectra[f"u_ha_{x}_deg"] for x in PHASES]).T
        locked = wave.phasors * np.exp(-1j * np.arange(ORDERS + 1) * np.angle(wave.phasors[0, 1]))
        angle.append(wrapped(told[1:] - np.degrees(np.angle(locked.T[1:]))))
    where = f"{nominal_hz} Hz, {influence}"
    check(f"harmonics, {where}", reading, OF_READING)
    check(f"thd, {where}", thd, OF_READING)
    check(f"interharmonics where there are none, {where}", none, PRETENDED)
    check(f"direct voltage, {where}", direct, CLASS_I_EMPTY)
    check(f"angles in degrees, {where}", angle, 0.1)


def test_harmonics_in_noise() -> None:
    """White noise of 0.1 % (60 dB): its own share in a subgroup is known, and how far one is by chance."""
    rng = np.random.default_rng(3)
    noise = 1e-3
    waves = [Wave(rich(rng, balanced()), 50.0 * share) for share in FREQUENCIES]
    play = played(waves, noise=noise)
    reading, between = [], []
    for n, wave in enumerate(waves, start=1):
        (m,) = play.told(f"b{n}", "3s")
        in_a_bin = noise / np.sqrt(10_000.0 * play.cycles / wave.hz)  # RMS, relative to Udin
        expected = np.sqrt(0.01**2 + 3.0 * in_a_bin**2) * UDIN_V
        by_chance = in_a_bin / np.sqrt(2.0 * 15.0) / 0.01
        reading.append((spectrum(m, "h")[2:] / expected - 1.0) / by_chance)
        # 7 bins of 15 windows: half a chi-square with 210 degrees of freedom
        between.append((spectrum(m, "ih") / UDIN_V / (np.sqrt(7.0) * in_a_bin) - 1.0) / np.sqrt(0.5 / 210.0))
    check("harmonics in noise, in standard deviations", reading, 4.5)
    check("interharmonics of noise, in standard deviations", between, 5.0)  # its tail is longer


def test_spectra_on_a_ramp_are_those_of_the_definition() -> None:
    """Up to 1 Hz/s: every subgroup as the Fourier integral over the windows says, every window 10 cycles.

    The 50th harmonic moves by two bins in a window then, so that a subgroup does not hold all of it.
    """
    rng = np.random.default_rng(4)
    slopes = (-1.0, -0.6, -0.25, -0.05, 0.02, 0.15, 0.4, 1.0)
    waves = [Wave(rich(rng, balanced()), 50.0 - slope * 2.2, slope) for slope in slopes]
    play = played(waves)
    for n, wave in enumerate(waves, start=1):
        (m,) = play.told(f"b{n}", "3s")
        windows = play.windows(f"b{n}", m)
        assert len(windows) == 15
        turned = [np.diff(wave.turns(np.array(play.span(w))))[0] / play.cycles - 1.0 for w in windows]
        check(f"length of a window, {wave.slope_hz_s} Hz/s", turned, 3e-4)
        defined = play.definition(wave, windows)
        harmonics = spectrum(m, "h")[1:] / defined["h"][1:] - 1.0
        check(f"harmonics, {wave.slope_hz_s} Hz/s", harmonics, OF_READING)
        between = (spectrum(m, "ih") - defined["ih"]) / UDIN_V
        check(f"interharmonics, {wave.slope_hz_s} Hz/s", between, PRETENDED)
        check(f"against the whole, {wave.slope_hz_s} Hz/s", spectrum(m, "h")[2:] / UDIN_V / 0.01 - 1, CLASS_I)


def test_interharmonics_between_all_orders() -> None:
    """One of 1 % between every two orders, on the raster of bins, from below the fundamental up."""
    rng = np.random.default_rng(5)
    waves = []
    for share in FREQUENCIES:
        hz = 50.0 * share
        bins = 10 * np.arange(ORDERS) + rng.integers(2, 9, ORDERS)
        tones = tuple(
            (float(k * hz / 10.0), 0.01 * UDIN_V * np.exp(1j * rng.uniform(0, 6.28, 3))) for k in bins
        )
        waves.append(Wave(single(balanced()), hz, tones=tones))
    play = played(waves)
    found = [spectrum(play.told(f"b{n}", "3s")[0], "ih") for n in range(1, BUSBARS + 1)]
    empty = [spectrum(play.told(f"b{n}", "3s")[0], "h")[2:] for n in range(1, BUSBARS + 1)]
    check("interharmonics on the raster", np.array(found) / (0.01 * UDIN_V) - 1.0, CLASS_I)
    check("harmonics where there are none", np.array(empty) / UDIN_V, CLASS_I_EMPTY)


def test_interharmonics_off_the_raster_are_those_of_the_definition() -> None:
    """Eight of 1 % at any frequency, beside all harmonics; subgroups and, over 10 min, groups."""
    rng = np.random.default_rng(6)
    waves = []
    for share in FREQUENCIES:
        hz = 50.0 * share
        tones = tuple(
            (q["at"] * hz, 0.01 * UDIN_V * np.exp(1j * rng.uniform(0.0, 6.28, 3)))
            for q in latin(8, int(share * 1e4), at=(2.3, 49.7))
        )
        waves.append(Wave(rich(rng, balanced()), hz, tones=tones))
    play = played(waves)
    for n, wave in enumerate(waves, start=1):
        (m,) = play.told(f"b{n}", "3s")
        defined = play.definition(wave, play.windows(f"b{n}", m))
        for kind in ("h", "ih"):
            check(f"{kind} beside tones", (spectrum(m, kind) - defined[kind]) / UDIN_V, CLASS_I_EMPTY)
        ten = play.results.measurements(f"b{n}", "10min")[0]
        start, end = play.span(ten)
        windows = [w for w in play.results.measurements(f"b{n}") if start <= play.span(w)[0] < end]
        defined = play.definition(wave, windows)
        for kind in ("hg", "ihg"):
            check(f"{kind} beside tones", (spectrum(ten, kind) - defined[kind]) / UDIN_V, CLASS_I_EMPTY)


@pytest.mark.parametrize("on_the_raster", [True, False])
def test_a_tone_above_pretends_nothing(on_the_raster: bool) -> None:
    """2 % from 2.6 to 10 kHz, another one in every phase, at mains whose orders end below 2.6 kHz.

    What a tone off the raster leaves in a rectangular window (0.06 % beside 2.6 kHz) is no fault of the
    instrument: there, what goes beyond it is judged, and all of it from 2.9 kHz on.
    """
    count = 6
    tones = latin(3 * BUSBARS * count, 7, hz=(2606.0, 9999.0))
    tones += latin(3 * BUSBARS, 8, hz=(2606.0, 2900.0))
    for run in range(count + 1):
        waves = []
        for n, q in enumerate(latin(BUSBARS, run, mains=(42.5, 51.0))):
            hz = q["mains"]
            chosen = [tones[3 * (BUSBARS * run + n) + c]["hz"] for c in range(3)]
            if on_the_raster:
                chosen = [np.floor(tone / hz * 10.0 + 1e-9) * hz / 10.0 for tone in chosen]
            parts = tuple((tone, 0.02 * UDIN_V * np.eye(3)[c] + 0j) for c, tone in enumerate(chosen))
            waves.append(Wave(single(balanced()), hz, tones=parts))
        play = Play(waves, (), 1.1, epoch_s=TICK_S - 0.6)
        for n, wave in enumerate(waves, start=1):
            ten = play.results.measurements(f"b{n}", "10min")[0]
            found = spectrum(ten, "ih")
            if on_the_raster:
                check("pretended", found / UDIN_V, PRETENDED)
                continue
            start, end = play.span(ten)
            windows = [w for w in play.results.measurements(f"b{n}") if start <= play.span(w)[0] < end]
            leaked = play.definition(wave, windows)["ih"]
            check("pretended beyond what leaks", np.maximum(found - leaked, 0.0) / UDIN_V, PRETENDED)
            far = [c for c, (tone, _) in enumerate(wave.tones) if tone > 2900.0]
            if far:
                check("pretended by tones above 2.9 kHz", found[:, far] / UDIN_V, PRETENDED)
