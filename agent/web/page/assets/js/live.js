// The state of the agent as it changes: one event stream a visible tab, opened again when the line breaks.
import { get, Failure } from './api.js';
import { spread } from './connector/stream.js';
import { $, show, setText } from './dom.js';
import { t } from './text.js';
import { toast } from './toast.js';

const FIRST_RETRY = 1000; // ms
const LAST_RETRY = 8000;
const GRACE = 1500; // a shorter break is nobody's business
export const PAST = 120_000; // ms of resource use that are remembered
const KEPT = 'oibus-past';
const SILENCE = 20_000; // the server sends every second: after this long the line is dead

const subscribers = new Set();
let stream, retry = FIRST_RETRY, retryTimer, graceTimer, silenceTimer, restarting = false, skew = 0;
export let latest;
let samples = kept();

// serverNow is the clock of the machine OIBus runs on, in milliseconds.
export const serverNow = () => Date.now() + skew;

// subscribe calls back with the overview now, if there is one, and at each change.
export function subscribe(callback) {
  subscribers.add(callback);
  if (latest) callback(latest);
}

// expectRestart makes the next break of the line read as a restart that was asked for.
export function expectRestart(expected) { restarting = expected; }

function take(overview) {
  skew = overview.now ? Date.parse(overview.now) - Date.now() : 0;
  latest = overview;
  remember(overview.resources);
  connected();
  for (const callback of subscribers) callback(overview);
}

// remember keeps what the agent used lately, also when the person goes to another page.
function remember({ cpu, memory }) {
  const now = Date.now();
  samples = samples.filter(({ at }) => at > now - PAST && at <= now);
  samples.push({ at: now, cpu, memory });
}

function kept() {
  try { return JSON.parse(sessionStorage.getItem(KEPT)) ?? []; } catch { return []; }
}

// past are the values of a resource with their age in milliseconds, oldest first.
export function past(name) {
  const now = samples.at(-1)?.at ?? Date.now();
  return samples.map((sample) => ({ age: now - sample.at, value: sample[name] }));
}

function connected() {
  clearTimeout(graceTimer);
  graceTimer = undefined;
  retry = FIRST_RETRY;
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(broken, SILENCE);
  const banner = $('#offline');
  if (banner && !banner.hidden) {
    show(banner, false);
    toast(t(restarting ? 'offline.restarted' : 'offline.back'));
    restarting = false;
  }
  const version = document.documentElement.dataset.version;
  show($('#updated'), !!version && latest.info.version !== version);
}

function open() {
  close();
  if (document.hidden) return;
  stream = new EventSource('/page/live');
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onerror = broken;
}

function close() {
  stream?.close();
  stream = undefined;
  clearTimeout(retryTimer);
  clearTimeout(silenceTimer);
}

// broken asks why: no session sends the person to the sign-in page, no answer is tried again.
async function broken() {
  close();
  graceTimer ??= setTimeout(warn, GRACE);
  try {
    take(await get('/page/overview', {}, { seconds: 5 }));
    retryTimer = setTimeout(open, spread(FIRST_RETRY));
  } catch (error) {
    if (error instanceof Failure && (error.status === 401 || error.status === 403)) return;
    retryTimer = setTimeout(broken, spread(retry));
    retry = Math.min(retry * 2, LAST_RETRY);
  }
}

function warn() {
  setText($('[data-offline="title"]'), t(restarting ? 'offline.restarting' : 'offline.title'));
  setText($('[data-offline="text"]'), t(restarting ? 'offline.restarting.text' : 'offline.text'));
  $('#offline').classList.toggle('banner-bad', !restarting);
  show($('#offline'), true);
}

export function start() {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', () => {
    close();
    try { sessionStorage.setItem(KEPT, JSON.stringify(samples)); } catch { /* then the chart begins anew */ }
  });
  window.addEventListener('pageshow', (event) => event.persisted && open());
  window.addEventListener('oibus-unreachable', () => { if (stream) broken(); });
  open();
}
