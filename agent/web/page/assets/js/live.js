// The state of the agent as it changes, while the page is seen.
import { get } from './api.js';
import { alone, doubt, follow, onLine } from './connector/stream.js';
import { $, show, setText } from './dom.js';
import { t } from './text.js';
import { toast } from './toast.js';

const GRACE = 1500; // ms: a shorter break is nobody's business
const ENOUGH = 3; // breaks in a row after which the window looks for itself
export const PAST = 120_000; // ms of resource use that are remembered
const KEPT = 'oibus-past';

const subscribers = new Set();
let graceTimer, breaks = 0, reached = 0, asking = false, restarting = false, skew = 0;
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
  const banner = $('#offline');
  if (banner && !banner.hidden) {
    show(banner, false);
    toast(t(restarting ? 'offline.restarted' : 'offline.back'));
    restarting = false;
  }
  const version = document.documentElement.dataset.version;
  show($('#updated'), !!version && latest.info.version !== version);
}

// live takes what comes over the line, which therefore works.
function live(overview) {
  breaks = reached = 0;
  take(overview);
}

// broken waits for the line to come back. No session sends the person to the sign-in page. A window that reaches OIBus
// again and again while the shared line does not has a line of its own.
async function broken(line) {
  if (document.hidden) return;
  graceTimer ??= setTimeout(warn, GRACE);
  if (!line || asking || (line === 'broken' && ++breaks < ENOUGH)) return;
  asking = true;
  try {
    take(await get('/page/overview', {}, { seconds: 5 }));
    if (line === 'refused') doubt(); // the person is signed in again
    else if (++reached > 1) alone();
  } catch { /* the person is sent away, or the line tells */ } finally {
    asking = false;
  }
}

function warn() {
  setText($('[data-offline="title"]'), t(restarting ? 'offline.restarting' : 'offline.title'));
  setText($('[data-offline="text"]'), t(restarting ? 'offline.restarting.text' : 'offline.text'));
  $('#offline').classList.toggle('banner-bad', !restarting);
  show($('#offline'), true);
}

export function start() {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) return;
    clearTimeout(graceTimer);
    graceTimer = undefined;
  });
  window.addEventListener('pagehide', () => {
    try { sessionStorage.setItem(KEPT, JSON.stringify(samples)); } catch { /* then the chart begins anew */ }
  });
  window.addEventListener('oibus-unreachable', () => {
    doubt();
    broken();
  });
  onLine(broken);
  follow('/page/live', live);
}
