// Numbers and times as the server writes them (locale.py), so that nothing changes when scripts take over.

let language = "nl";
const formats = new Map();

export function setLanguage(code) {
  language = code === "en" ? "en-GB" : code;
}

function decimalsFormat(decimals) {
  let format = formats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat(language, {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    formats.set(decimals, format);
  }
  return format;
}

/** A number with a true minus; a dash where there is none; a rounded nothing has no sign. */
export function number(value, decimals, sign = false) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = decimalsFormat(decimals).format(Math.abs(value));
  if (!/[1-9]/.test(text)) return text;
  if (value < 0) return "−" + text;
  return sign ? "+" + text : text;
}

let zoneName = "UTC";
let zoneOffsetMs = 0;

/** The station's wall clock, as the last snapshot told it. */
export function setZone(name, offsetSeconds) {
  zoneName = name;
  zoneOffsetMs = offsetSeconds * 1000;
}

/** Local time of day of an ISO time in UTC. */
export function clock(iso, millis = false, named = true) {
  const moment = Date.parse(iso);
  if (Number.isNaN(moment)) return "–";
  const text = new Date(moment + zoneOffsetMs).toISOString();
  const fraction = millis ? decimalMark() + text.slice(20, 23) : "";
  return `${text.slice(11, 19)}${fraction}${named ? ` ${zoneName}` : ""}`;
}

function decimalMark() {
  return language === "nl" ? "," : ".";
}

/** A sentence with its {places} filled in. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
