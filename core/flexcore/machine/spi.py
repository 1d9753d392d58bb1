"""``machine.SPI``: a controller of a bus; chips are selected by a Pin of their own."""

from __future__ import annotations

from typing import Any

from flexcore.machine.backend import backend as chosen
from flexcore.machine.i2c import ReadBuffer, WriteBuffer
from flexcore.machine.ports import Backend, SPIPort, SPISettings, WireId


class SPI:
    """``id`` is a path, a bus number (its chip 0), or (bus, chip). Pins raise :class:`ValueError`, as for
    I2C.
    """

    LSB = 0
    MSB = 1

    def __init__(
        self,
        id: WireId,
        /,
        baudrate: int = 1_000_000,
        *,
        polarity: int = 0,
        phase: int = 0,
        bits: int = 8,
        firstbit: int = MSB,
        sck: Any = None,
        mosi: Any = None,
        miso: Any = None,
        backend: Backend | None = None,
    ) -> None:
        self._id = id
        self._backend = chosen(backend)
        self._port: SPIPort | None = None
        self.init(
            baudrate,
            polarity=polarity,
            phase=phase,
            bits=bits,
            firstbit=firstbit,
            sck=sck,
            mosi=mosi,
            miso=miso,
        )

    def __repr__(self) -> str:
        return f"SPI({self._id!r})"

    def init(
        self,
        baudrate: int = 1_000_000,
        *,
        polarity: int = 0,
        phase: int = 0,
        bits: int = 8,
        firstbit: int = MSB,
        sck: Any = None,
        mosi: Any = None,
        miso: Any = None,
    ) -> None:
        """Open the controller if it is closed, and set how bits stand on the wires."""
        if sck is not None or mosi is not None or miso is not None:
            raise ValueError("SPI: pins are not chosen here: expected those of the controller")
        if polarity not in {0, 1} or phase not in {0, 1} or firstbit not in {self.LSB, self.MSB}:
            raise ValueError("SPI: expected polarity and phase 0 or 1, firstbit SPI.LSB or SPI.MSB")
        if self._port is None:
            self._port = self._backend.spi(self._id)
        self._port.configure(SPISettings(baudrate, 2 * polarity + phase, bits, firstbit == self.LSB))

    def deinit(self) -> None:
        """Let go of the controller."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def read(self, nbytes: int, write: int = 0x00, /) -> bytes:
        """``nbytes`` while ``write`` is sent over and over."""
        return self._open().transfer(bytes([write]) * nbytes)

    def readinto(self, buf: WriteBuffer, write: int = 0x00, /) -> None:
        """Fill ``buf`` while ``write`` is sent over and over."""
        buf[:] = self.read(len(buf), write)

    def write(self, buf: ReadBuffer, /) -> None:
        """Send ``buf``."""
        self._open().transfer(bytes(buf))

    def write_readinto(self, write_buf: ReadBuffer, read_buf: WriteBuffer, /) -> None:
        """Send ``write_buf`` and fill ``read_buf`` meanwhile; raises :class:`ValueError` for
        unequal lengths.
        """
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        read_buf[:] = self._open().transfer(bytes(write_buf))

    def _open(self) -> SPIPort:
        if self._port is None:
            raise OSError("SPI: expected an open controller, it was closed by deinit()")
        return self._port
