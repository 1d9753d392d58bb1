"""Where things are: on the box by default, elsewhere when a developer's supervisor says so."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """Every path that more than one service knows.

    ``state`` survives a reboot and an update (the data partition), ``run`` does not. ``credentials`` is
    systemd's per-service credentials directory (``LoadCredential=``), or the supervisor's stand-in.
    """

    state: Path
    run: Path
    credentials: Path | None

    @property
    def station_file(self) -> Path:
        """The station's description, put there by provisioning."""
        return self.state / "station.toml"

    @property
    def station_refused(self) -> Path:
        """One line: why the station file that was handed in last was not taken; absent when it was."""
        return self.state / "station.refused"

    @property
    def secrets(self) -> Path:
        """Secrets made on this box; readable by root alone, handed out by ``LoadCredential=``."""
        return self.state / "secrets"

    @property
    def tls(self) -> Path:
        """The box's own certificate and key."""
        return self.state / "tls"

    @property
    def store(self) -> Path:
        """The folder of the time series and events."""
        return self.state / "store"

    @property
    def time(self) -> Path:
        """What chrony keeps and is told: the station's time servers, the drift of this board's clock."""
        return self.state / "time"

    @property
    def load(self) -> Path:
        """The folder of what is known of the components' temperatures."""
        return self.state / "load"

    @property
    def meters(self) -> Path:
        """The folder of this box's own register profiles."""
        return self.state / "meters"

    @property
    def sample_bus(self) -> Path:
        """The ZeroMQ socket on which ``acquire`` publishes blocks."""
        return self.run / "samples" / "blocks.ipc"

    @property
    def broker_socket(self) -> Path:
        """The unix socket of the MQTT broker."""
        return self.run / "broker" / "mqtt.sock"

    @property
    def web_socket(self) -> Path:
        """The unix socket between nginx and the page."""
        return self.run / "web" / "http.sock"

    def credential(self, name: str) -> str | None:
        """A credential's text without trailing line end, or None where there is none."""
        if self.credentials is None:
            return None
        file = self.credentials / name
        return file.read_text(encoding="utf-8").rstrip("\n") if file.is_file() else None


def paths_from_environment() -> Paths:
    """The paths by ``FLEXCORE_STATE_DIR``, ``FLEXCORE_RUN_DIR`` and ``CREDENTIALS_DIRECTORY``."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return Paths(
        state=Path(os.environ.get("FLEXCORE_STATE_DIR", "/data/flexcore")),
        run=Path(os.environ.get("FLEXCORE_RUN_DIR", "/run/flexcore")),
        credentials=Path(credentials) if credentials else None,
    )
