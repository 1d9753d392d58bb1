"""What time it is for the station: the middle of what its sources say."""

from __future__ import annotations

#: A source is left out of the middle after so many rounds without a word.
STALE_ROUNDS = 8


class Consensus:
    """The station's present sample number, and whether a source is near enough to be believed.

    One source whose clock is wrong is refused; when most of them move (the device's clock was set), the
    middle moves along. A round is over when a source speaks that has already spoken in it.
    """

    def __init__(self, horizon: int) -> None:
        self.now = 0
        self._horizon = horizon
        self._claims: dict[str, tuple[int, int]] = {}
        self._round = 0

    def hear(self, source: str, end: int) -> bool:
        """``source`` has samples up to ``end``; False when that is too far from what the others say."""
        claim = self._claims.get(source)
        if claim is not None and claim[1] == self._round:
            self._round += 1
            self._claims[source] = (end, self._round)
            self._find_middle()
        else:
            self._claims[source] = (end, self._round)
        if abs(end - self.now) <= self._horizon:
            return True
        self._find_middle()
        return abs(end - self.now) <= self._horizon

    def _find_middle(self) -> None:
        oldest = self._round - STALE_ROUNDS
        ends = sorted(claimed for claimed, told in self._claims.values() if told >= oldest)
        low, high = ends[(len(ends) - 1) // 2], ends[len(ends) // 2]
        self.now = low if abs(low - self.now) <= abs(high - self.now) else high
