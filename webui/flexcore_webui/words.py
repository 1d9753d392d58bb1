"""Every sentence that code, not a template, puts before a person. Keys are codes; texts are msgids."""

from __future__ import annotations

from flask_babel import gettext


def _(text: str) -> str:
    """Mark a msgid for extraction; it is translated when a page is made."""
    return text


STATE = {
    "acceptable": _("acceptable"),
    "near": _("near the limit"),
    "over": _("over the limit"),
    "not-judged": _("not judged"),
}

REASON = {
    "voltage": _("{subject} deviates {deviation} from nominal (limit ±{limit})"),
    "frequency": _("Frequency deviates {deviation} from nominal (limit ±{limit})"),
    "flagged": _("The value is marked: {flag}"),
    "stale": _("No new values"),
    "no-data": _("No values yet"),
    "incomplete": _("{subject} was not measured"),
}

FLAG = {
    "gap": _("gap"),
    "start": _("settling"),
    "dip": _("dip"),
    "swell": _("swell"),
    "interruption": _("interruption"),
    "sync": _("no sync"),
    "saturated": _("out of range"),
    "rotation": _("phase order"),
}

EVENT = {
    "dip": _("Dip"),
    "swell": _("Swell"),
    "interruption": _("Interruption"),
    "rvc": _("Rapid change"),
    "transient": _("Transient"),
    "gap": _("Gap"),
}

PLACE = {
    "field": _("Fault in {field}"),
    "supply": _("From the supply"),
    "busbar": _("On the busbar"),
    "unmeasured": _("In a branch without a sensor"),
    "unknown": _("Not known"),
}
TOWARDS = {
    "supply": _("From the supply, by way of {field}"),
    "unknown": _("In the direction of {field}"),
}

SERVICE = {
    "acquire": _("Receiving samples"),
    "analyse": _("Computing values"),
    "record": _("Storing values"),
    "clock": _("Watching the clock"),
    "device": _("Reading sensors"),
    "meter": _("Asking meters"),
    "web": _("This page"),
}

SERVICE_STATE = {
    "ok": _("in order"),
    "degraded": _("limited"),
    "fault": _("fault"),
    "offline": _("stopped"),
    "silent": _("silent"),
}

ALARM = {
    # noticed by the page itself (live/alarms.py)
    "station_missing": _("This box does not know its station yet: there is no station file."),
    "station_invalid": _("The station file is not right, so nothing is measured."),
    "station_refused": _("The station file that was handed in is not right and was not taken."),
    "bus_away": _("The measurement bus is away. Values are not live until it is back."),
    "no_values": _("No values come in."),
    "some_silent": _("No values come in from a part of the station."),
    "lag": _("The values are {count} s behind the clock of this box."),
    "refused_messages": _("Messages on the measurement bus that this page refused: {count}"),
    "never_heard": _("This service has not been heard of since the page started."),
    "service_offline": _("This service has stopped; it starts again by itself."),
    "service_silent": _("This service is silent."),
    "history": _("Stored events cannot be read; the lists hold only what came in since this page started."),
    # said by the services
    "stalled": _("This service runs but makes no progress."),
    "frames_dropped": _("Unknown or damaged frames: {count}"),
    "samples_lost": _("Samples are lost on their way; the values are marked as gap."),
    "samples_saturated": _("A sensor is driven beyond its range; its values are too low."),
    "time_unsynchronised": _("A sensor has lost the time; its values may be shifted."),
    "clock_unsynchronised": _("The box knows no time server; the times of its values are not certain."),
    "clock_holdover": _("The time server is silent; the box's clock runs on by itself."),
    "clock_error": _("The box's clock may be further from the true time than is allowed."),
    "clock_report": _("The quality of the box's clock cannot be read."),
    "meter_silent": _("A meter does not answer."),
    "device_silent": _("A sensor on the box's wires does not answer."),
    "device_wrong": _("Something answers on a wire that is not the sensor of the station file."),
    "fire": _("FIRE is reported."),
    "smoke": _("SMOKE is reported."),
    "water": _("Water is reported."),
    "door": _("A door is open."),
    "meter_wrong": _("Something answers that is not the meter of the station file."),
    "stream_silent": _("A sensor sends nothing."),
    "no_samples": _("No samples come in."),
    "source_silent": _("No samples come in from a part of the station."),
    "source_astray": _("The time of a sensor differs from the others'; its samples are not used."),
    "falling_behind": _("The box cannot keep up; samples are thrown away."),
    "store_full": _("The store is full; the newest values are not kept."),
    "store_error": _("The store cannot be written; values are not kept."),
    "load_not_kept": _("The temperatures of transformers and cables cannot be kept over a restart."),
    "store_reset": _("The store was damaged; it was set aside and a new one has begun."),
}

#: Why ``acquire`` could not use a frame (REASONS of flexcore.drivers.atolle and of sampled_values, and the
#: kernel's own).
DROP = {
    "oversized": _("too long"),
    "short": _("too short"),
    "magic": _("not a sensor's"),
    "version": _("unknown version"),
    "header": _("impossible header"),
    "crc": _("damaged"),
    "stream": _("unknown stream"),
    "kind": _("unknown kind"),
    "description": _("other channels than in the station file"),
    "channels": _("unknown channels"),
    "format": _("unknown number format"),
    "count": _("wrong number of samples"),
    "rate": _("another sampling rate"),
    "config": _("description not yet received"),
    "filled": _("filled up by the sensor"),
    "time": _("impossible time"),
    "late": _("too late"),
    "simulated": _("of a test set"),
    "ber": _("not written as the standard says"),
    "asdu": _("incomplete or contradictory"),
    "appid": _("another APPID"),
    "revision": _("another configuration (confRev)"),
    "kernel": _("too many at once"),
}

SENSOR = {"meter": _("meter"), "device": _("sensor")}

SENSOR_STATE = {
    "ok": _("in order"),
    "stale": _("no reading"),
    "wrong": _("not the right one"),
    "silent": _("not heard"),
}

#: Why a sensor was not read (flexcore.drivers.errors.Reason).
SENSOR_REASON = {
    "unreachable": _("no connection"),
    "closed": _("it hung up"),
    "silent": _("no answer"),
    "other_device": _("something else answers"),
    "other_answer": _("an answer to something else"),
    "garbage": _("an impossible answer"),
    "exception": _("it declines"),
    "broken": _("the wire is disturbed"),
}

COMPONENT = {"transformer": _("transformer"), "cable": _("cable")}

CRITERION = {
    "rated_current": _("rated current"),
    "derated_current": _("current with harmonics"),
    "hot_spot": _("hot spot"),
    "top_oil": _("oil"),
    "conductor": _("conductor"),
    "neutral": _("neutral"),
}

LOAD_UNIT = {"A": "A", "degC": "°C"}

#: Why a component's verdict is what it is (flexcore.load.verdict.ReasonKey).
LOAD_REASON = {
    "limit": _("{value} of {limit} {unit}"),
    "soon": _("{value} of {limit} {unit}, reached within the hour at this load"),
    "no_load": _("the current is not measured"),
    "no_state": _("nothing is followed yet"),
    "unsettled": _("not known long enough; at most {value} of {limit} {unit}"),
    "neutral_not_measured": _("the neutral is not measured"),
    "neutral_rating_unknown": _("the rating of the neutral is not in the station file"),
    "missing_phase": _("a phase is not measured"),
    "missing_spectrum": _("harmonics are not measured"),
    "missing_orders": _("not all harmonics are measured"),
    "inconsistent_spectrum": _("harmonics do not explain the current"),
}

DIRECTION = {
    "to-field": _("to the field"),
    "to-busbar": _("to the busbar"),
    "none": _("no power"),
}

CHARACTER = {"inductive": _("inductive"), "capacitive": _("capacitive")}

#: What scripts in the browser say by themselves.
CLIENT = {
    "live": _("Live"),
    "stale": _("Not live"),
    "offline": _("No connection"),
    "since": _("for {seconds} s"),
    "away": _("Connection with the box lost. The numbers are old; trying again."),
    "not-live": _("No new values: what you see is old."),
    "age": _("old: {seconds} s"),
}


def word(table: dict[str, str], code: str) -> str:
    """The translated text of a code; an unknown code stands for itself."""
    return gettext(table[code]) if code in table else code


def sentence(table: dict[str, str], code: str, **values: object) -> str:
    """A translated text with its ``{name}`` places filled in; scripts in the browser do the same."""
    text = word(table, code)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
