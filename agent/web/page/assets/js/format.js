// How values are written for people: instants in the time zone of the person, sizes, durations.
import { t } from './text.js';

const root = document.documentElement;
const language = root.lang;
export const timeZone = known(root.dataset.timezone) ? root.dataset.timezone : undefined;

function known(zone) {
  try { return !!zone && !!new Intl.DateTimeFormat('en', { timeZone: zone }); } catch { return false; }
}

// timeZoneName is the zone that instants are written in: that of the person, else of the browser.
export const timeZoneName = timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

const fields = new Intl.DateTimeFormat('en-GB', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

// localTime writes an instant as a control of type datetime-local takes it, in the zone of the person.
export function localTime(at) {
  const of = Object.fromEntries(fields.formatToParts(new Date(at)).map(({ type, value }) => [type, value]));
  return `${of.year.padStart(4, '0')}-${of.month}-${of.day}T${of.hour}:${of.minute}:${of.second}`;
}

// fromLocalTime reads such a control. The difference to UTC is that at the instant itself; an hour that the change to
// summer time leaves out is read as the one after it.
export function fromLocalTime(text) {
  const wanted = Date.parse(`${text}Z`);
  const difference = (at) => Date.parse(`${localTime(at)}Z`) - at;
  const guess = wanted - difference(wanted);
  return new Date(wanted - difference(guess)).toISOString();
}

const locale = language === 'en' ? 'en-GB' : language;
const format = (options) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
const full = format({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const date = format({ day: 'numeric', month: 'short', year: 'numeric' });
const time = format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const milli = format({ hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' });
const short = format({ day: '2-digit', month: 'short' });
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });

const valid = (instant) => instant && !Number.isNaN(Date.parse(instant));

export const instant = (at) => (valid(at) ? full.format(new Date(at)) : '–');
export const day = (at) => (valid(at) ? date.format(new Date(at)) : '–');

// moment is the time of day, with the date when it is not today's.
export function moment(at, now = Date.now()) {
  if (!valid(at)) return '–';
  const when = new Date(at);
  return date.format(when) === date.format(now) ? time.format(when) : `${short.format(when)} ${time.format(when)}`;
}

// logTime is a moment to the millisecond.
export function logTime(at) {
  const when = new Date(at);
  return date.format(when) === date.format(Date.now()) ? milli.format(when) : `${short.format(when)} ${milli.format(when)}`;
}

const units = [['year', 31_557_600], ['month', 2_629_800], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];

// relativeTo says how far at is from now: "12 seconds ago", "in 3 days".
export function relativeTo(at, now) {
  if (!valid(at)) return '–';
  const seconds = (Date.parse(at) - now) / 1000;
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size || unit === 'second') return relative.format(Math.trunc(seconds / size), unit);
  }
}

// duration writes milliseconds with its two largest units: "3 d 4 h", "12 min 5 s", "40 ms".
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '–';
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const parts = [];
  let rest = ms < 10_000 ? Math.round(ms / 100) / 10 : Math.round(ms / 1000);
  for (const [unit, size] of [['d', 86_400], ['h', 3600], ['min', 60]]) {
    if (rest >= size) {
      parts.push(`${Math.floor(rest / size)} ${t(`duration.${unit}`)}`);
      rest %= size;
    }
  }
  if (rest > 0 || !parts.length) parts.push(`${rest} s`);
  return parts.slice(0, 2).join(' ');
}

// countdown writes milliseconds as m:ss or h:mm:ss.
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const sizes = t('unit.bytes').split(' ');

export function bytes(n) {
  if (!n) return `0 ${sizes[0]}`;
  const power = Math.min(Math.floor(Math.log2(n) / 10), 5);
  const value = n / 2 ** (10 * power);
  return `${value.toLocaleString(locale, { maximumFractionDigits: value < 10 && power ? 1 : 0 })} ${sizes[power]}`;
}

export const number = (n) => Number(n ?? 0).toLocaleString(locale);

export function percent(fraction) {
  const value = fraction * 100;
  return `${value.toLocaleString(locale, { maximumFractionDigits: value < 10 ? 1 : 0 })} %`;
}
