"""Test bodies of the modem dialects: the same lines run in CPython and in MicroPython, over true terminals.

``line`` is the modem under test, ``other`` another modem on the same air, of the other maker where there are
two.
"""

from flexcore.drivers.modems.lora_e5 import LoRaE5
from flexcore.drivers.modems.rn2483 import RN2483

FREQUENCY_HZ = 869_525_000
# What a message of the charge point is like: 76 bytes, of every value in turn.
MESSAGE = bytes(range(180, 256))


def _conversation(bench, one, other):
    bench.say(one.check())
    bench.say(other.check())
    one.start(FREQUENCY_HZ, spreading_factor=7)
    other.start(FREQUENCY_HZ, spreading_factor=7)
    bench.say(f"quiet {other.listen(50)!r}")
    for message in (b"\x00", MESSAGE, bytes(range(222))):
        one.send(message)
        heard = other.listen(2000)
        bench.say(heard[0] == message if heard else "FAIL: nothing came")
        other.send(message[:20])  # the answer comes while the first one listens
        heard = one.listen(2000)
        bench.say(heard is None or heard[0] == message[:20])
        one.listen(0)
    one.listen(0)
    other.send(b"acknowledged")
    heard = one.listen(2000)
    bench.say(heard[0] if heard else "FAIL: nothing came")
    bench.say("signal known %s" % (heard[2] is not None))
    bench.attempt("empty", lambda: one.send(b""))
    bench.attempt("too long", lambda: one.send(bytes(256)))
    bench.attempt("frequency", lambda: one.start(123_456_789))
    bench.attempt("spreading", lambda: one.start(FREQUENCY_HZ, spreading_factor=6))
    bench.attempt("power", lambda: one.start(FREQUENCY_HZ, power_dbm=30))
    one.start(FREQUENCY_HZ, spreading_factor=7)
    one.send(b"again")
    one.close()
    other.close()


def rn2483(bench, line, other):
    _conversation(bench, RN2483(line, bench.time), LoRaE5(other, bench.time))


def lora_e5(bench, line, other):
    _conversation(bench, LoRaE5(line, bench.time), RN2483(other, bench.time))


def rn2483_silent(bench, line):
    modem = RN2483(line, bench.time)
    bench.attempt("check", modem.check)
    bench.attempt("send", lambda: modem.send(b"x"))


def lora_e5_silent(bench, line):
    modem = LoRaE5(line, bench.time)
    bench.attempt("check", modem.check)
    bench.attempt("send", lambda: modem.send(b"x", 300))


def rn2483_foreign(bench, line):
    bench.attempt("check", RN2483(line, bench.time).check)


def lora_e5_foreign(bench, line):
    bench.attempt("check", LoRaE5(line, bench.time).check)


MODEM_BODIES = {
    "rn2483": rn2483,
    "lora_e5": lora_e5,
    "rn2483_silent": rn2483_silent,
    "lora_e5_silent": lora_e5_silent,
    "rn2483_foreign": rn2483_foreign,
    "lora_e5_foreign": lora_e5_foreign,
}
