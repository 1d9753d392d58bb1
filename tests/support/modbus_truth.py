"""Another one's Modbus server (pymodbus) with a profile's registers, in a thread: the measure of ours."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from types import TracebackType

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server import ModbusTcpServer

from flexcore.simulator.modbus import SimulatedMeter

#: What a meter measures in these tests.
TRUE = {
    **{f"u_{x}_v": 230.4 + n for n, x in enumerate(("l1", "l2", "l3"))},
    **{f"u_{x}_v": 399.1 + n for n, x in enumerate(("l12", "l23", "l31"))},
    **{f"i_{x}_a": 12.25 + n for n, x in enumerate(("l1", "l2", "l3"))},
    **{f"p_{x}_w": 2500.0 + 100 * n for n, x in enumerate(("l1", "l2", "l3"))},
    **{f"q_{x}_var": -300.0 - n for n, x in enumerate(("l1", "l2", "l3"))},
    **{f"s_{x}_va": 2700.0 + n for n, x in enumerate(("l1", "l2", "l3"))},
    **{f"{q}_{x}": 0.95 for q in ("pf", "dpf") for x in ("l1", "l2", "l3")},
    "p_w": 7800.0,
    "q_var": -903.0,
    "s_va": 8103.0,
    "pf": 0.94,
    "f_hz": 50.02,
    "i_n_a": 1.5,
    "u2_percent": 0.4,
    "i2_percent": 5.2,
    "e_import_total_wh": 123_456_000.0,
    "e_export_total_wh": 7_000.0,
    "old_u_l1_v": 230.4,
    "old_p_w": 7800.0,
}


class ForeignServer:
    """A context manager: ``meter``'s registers behind a server that is not ours."""

    def __init__(self, meter: SimulatedMeter) -> None:
        registers = {at: int.from_bytes(words, "big") for at, words in meter.registers().items()}
        ends = sorted(registers)
        for first, after in pairwise(ends):  # what lies between is read, and never used
            if after - first < 64:
                registers |= dict.fromkeys(range(first + 1, after), 0)
        block = ModbusSparseDataBlock({at + 1: word for at, word in registers.items()})
        self._context = ModbusServerContext(
            slaves={meter.unit: ModbusSlaveContext(hr=block, ir=block)}, single=False
        )
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.port = 0

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = ModbusTcpServer(self._context, address=("127.0.0.1", 0))
        await self._server.listen()
        self.port = self._server.transport.sockets[0].getsockname()[1]
        self._ended = asyncio.Event()
        self._ready.set()
        await self._ended.wait()
        await self._server.shutdown()

    def __enter__(self) -> ForeignServer:
        self._thread.start()
        assert self._ready.wait(10.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10.0)
