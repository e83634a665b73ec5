// The Souths and Norths as they do, each second while the page is seen, with what they moved in the last two minutes.
import { get } from '../api.js';
import { serverNow } from '../live.js';
import { follow } from './stream.js';

const PAST = 120_000; // ms that are remembered
const RECENT = 10_000; // ms over which a rate is taken

// Samples remember what many things have moved, also when the person goes to another page and comes back.
export class Samples {
  #kept;
  #of = {}; // id → [[at, count]]

  constructor(kept) {
    this.#kept = kept;
    try { this.#of = JSON.parse(sessionStorage.getItem(kept)) ?? {}; } catch { /* then the charts begin anew */ }
    window.addEventListener('pagehide', () => {
      try { sessionStorage.setItem(kept, JSON.stringify(this.#of)); } catch { /* as above */ }
    });
  }

  // before adds what was moved before this page looked: id → [[ms ago, count]], the oldest first.
  before(past) {
    const now = Date.now();
    for (const [id, list] of Object.entries(past)) {
      const mine = this.#of[id] ?? [];
      const [first, least] = mine[0] ?? [now, Infinity];
      const older = list.map(([age, count]) => [now - age, count]).filter(([at, count]) => at < first - 500 && count <= least);
      this.#of[id] = [...older, ...mine];
    }
  }

  // take notes what each of [id, count] has moved until now, and forgets what is not among them.
  take(counts) {
    const now = Date.now();
    this.#of = Object.fromEntries(counts.map(([id, count]) => {
      let list = (this.#of[id] ?? []).filter(([at]) => at > now - PAST && at <= now);
      if (list.length && list.at(-1)[1] > count) list = []; // it was reset
      return [id, [...list, [now, count]]];
    }));
  }

  // rate is what a thing moves a second, lately.
  rate(id) {
    const list = this.#of[id] ?? [];
    const last = list.at(-1);
    const first = last && list.find(([at]) => at >= last[0] - RECENT);
    return first && last[0] - first[0] > 500 ? ((last[1] - first[1]) * 1000) / (last[0] - first[0]) : 0;
  }

  // draw shows what a thing moved, second by second, in a chart of this size.
  draw(chart, id, width, height) {
    const list = this.#of[id] ?? [];
    const now = list.at(-1)?.[0] ?? 0;
    const points = list.slice(1).map(([at, count], i) => ({ x: width * (1 - (now - at) / PAST), y: Math.max(0, ((count - list[i][1]) * 1000) / Math.max(200, at - list[i][0])) }));
    const top = Math.max(1e-9, ...points.map(({ y }) => y)) * 1.1;
    const line = points.map(({ x, y }, i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${(height - 1 - (y / top) * (height - 3)).toFixed(1)}`).join('');
    chart.querySelector('.spark-line').setAttribute('d', line);
    chart.querySelector('.spark-area').setAttribute('d', points.length > 1 ? `${line}L${points.at(-1).x.toFixed(1)} ${height}L${points[0].x.toFixed(1)} ${height}Z` : '');
  }
}

const subscribers = new Set();
const samples = new Samples('oibus-flow');
let following = false, latest;

// counted is what a connector has moved: values and files of a South, bytes of a North.
export const counted = (metrics) => (metrics ? (metrics.contentSentSize ?? metrics.numberOfValuesRetrieved + metrics.numberOfFilesRetrieved) : 0);

export function watch(callback) {
  subscribers.add(callback);
  if (latest) callback(latest);
  if (following) return;
  following = true;
  get('/api/page/flow').then((past) => samples.before(past), () => { /* then the charts begin now */ }).then(() => follow('/sse/connectors', take));
}

function take(rows) {
  samples.take([...rows.souths, ...rows.norths].filter(({ metrics }) => metrics).map(({ id, metrics }) => [id, counted(metrics)]));
  latest = rows;
  for (const callback of subscribers) callback(rows);
}

export const rate = (id) => samples.rate(id);
export const flow = (chart, id, width, height) => samples.draw(chart, id, width, height);

// condition says how a connector does: its colour, and the key of the word for it.
export function condition({ enabled, state }) {
  if (!enabled) return { tone: 'neutral', word: 'stopped', filter: 'off' };
  if (state.lastError) return { tone: 'bad', word: state.connected ? 'failing' : 'unconnected', filter: 'bad' };
  if (!state.running) return { tone: 'warn', word: 'starting', filter: 'ok' };
  if (!state.connected) return { tone: 'warn', word: 'connecting', filter: 'ok' };
  return { tone: 'ok', word: 'running', filter: 'ok' };
}

export { serverNow };
