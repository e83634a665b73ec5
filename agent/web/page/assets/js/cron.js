// What a cron expression means, in the language of the person, for the shapes that people use.
import { plural, t } from './text.js';

const locale = document.documentElement.lang === 'en' ? 'en-GB' : document.documentElement.lang;
const SHORT = { '@hourly': '0 * * * *', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@weekly': '0 0 * * 0', '@monthly': '0 0 1 * *', '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *' };
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const list = new Intl.ListFormat(locale, { type: 'conjunction' });
const two = (n) => String(n).padStart(2, '0');

// described is the expression in words, '' when it has another shape.
export function described(cron) {
  const parts = (SHORT[cron.trim().toLowerCase()] ?? cron.trim()).split(/\s+/);
  if (parts.length === 5) parts.unshift('0');
  if (parts.length !== 6) return '';
  const [second, minute, hour, day, month, weekday] = parts;
  const [when, which] = [time(second, minute, hour), days(day, month, weekday)];
  if (!when || which === undefined) return '';
  return [when, which || (/^\d/.test(hour) && !hour.includes('-') ? t('cron.daily') : '')].filter(Boolean).join(', ');
}

// every is what a part repeats by: 1 for "*", 5 for "*/5" and "0/5".
const every = (part) => (part === '*' ? 1 : Number(/^(?:\*|0)\/(\d+)$/.exec(part)?.[1] ?? 0));
const numbers = (part) => (/^\d+(,\d+)*$/.test(part) ? part.split(',').map(Number) : []);
const range = (part) => /^(\d+)-(\d+)$/.exec(part)?.slice(1).map(Number);

function time(second, minute, hour) {
  const hours = hourly(hour);
  if (every(second)) return minute === '*' && hours !== undefined ? [plural('cron.seconds', every(second)), hours].filter(Boolean).join(', ') : '';
  if (!/^\d+$/.test(second)) return '';
  if (every(minute)) return Number(second) === 0 && hours !== undefined ? [plural('cron.minutes', every(minute)), hours].filter(Boolean).join(', ') : '';
  const at = numbers(minute);
  if (at.length !== 1) return '';
  const clock = (h) => `${two(h)}:${two(at[0])}${Number(second) ? `:${two(second)}` : ''}`;
  if (numbers(hour).length) return t('cron.at', { times: list.format(numbers(hour).sort((a, b) => a - b).map(clock)) });
  if (Number(second)) return '';
  const between = range(hour);
  if (!every(hour) && !between) return '';
  const each = plural('cron.hours', every(hour) || 1);
  const from = at[0] ? ` ${t('cron.past', { minute: at[0] })}` : '';
  return [each + from, between && t('cron.between', { from: clock(between[0]), to: clock(between[1]) })].filter(Boolean).join(', ');
}

// hourly is the hours of what repeats within them: '' for all, undefined for another shape.
function hourly(hour) {
  if (hour === '*') return '';
  const [from, to] = range(hour) ?? (numbers(hour).length === 1 ? [Number(hour), Number(hour)] : []);
  return from === undefined ? undefined : t('cron.between', { from: `${two(from)}:00`, to: `${two(to)}:59` });
}

// days says on which days: '' on all of them, undefined for another shape.
function days(day, month, weekday) {
  if (day !== '*' && weekday !== '*' && weekday !== '?') return undefined;
  const inMonths = names(month, MONTHS, 1, (n) => Date.UTC(2024, n - 1, 15), { month: 'long' }, (n, months) => t('cron.in', { months }), (between) => t('cron.inThrough', between));
  const onWeekdays = names(weekday, DAYS, 0, (n) => Date.UTC(2024, 8, 1 + (n % 7)), { weekday: 'long' }, (n, which) => plural('cron.on', n, { days: which }), (between) => t('cron.onThrough', between));
  if (inMonths === undefined || onWeekdays === undefined) return undefined;
  const of = numbers(day);
  if (!of.length && day !== '*' && day !== '?') return undefined;
  return [of.length && plural('cron.days', of.length, { days: list.format(of.map(String)) }), onWeekdays, inMonths].filter(Boolean).join(', ');
}

// names writes out months or days of the week: '' for all, undefined for another shape.
function names(part, known, first, date, how, listed, through) {
  if (part === '*' || part === '?') return '';
  const plain = part.toLowerCase().replace(/[a-z]+/g, (word) => (known.includes(word) ? known.indexOf(word) + first : word));
  const name = (n) => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...how }).format(date(n));
  const between = range(plain);
  if (between) return through({ from: name(between[0]), to: name(between[1]) });
  return numbers(plain).length ? listed(numbers(plain).length, list.format(numbers(plain).map(name))) : undefined;
}
