// What this window follows of OIBus while it is seen. All windows of a browser share one connection, which a worker has;
// a window that cannot have the worker has a connection of its own, for all that it follows.
const BEAT = 5000; // ms between signs of life
const SILENCE = 20_000; // without an answer the worker is gone

const following = new Map(); // number → { address, after, take, opened }
const watchers = new Set();
let last = 0, worker, port, heard = 0, failed = 0;

// follow calls take with what each event says; each is the whole state, so nothing is missed by a break. The banner of the
// page tells about a broken line.
export const follow = (address, take) => start({ address, after: null, take: (data) => take(JSON.parse(data)) });

// tail calls take with what each event says from now on, or from the event with the id after: none is missed by a break, or
// comes twice. opened resolves once it begins, or was stopped; stop ends it.
export function tail(address, take) {
  const tailed = { address, after: '' };
  let begun;
  const opened = new Promise((resolve) => {
    begun = resolve;
    tailed.take = (data, id) => {
      resolve();
      tailed.after = id || tailed.after;
      if (data) take(JSON.parse(data));
    };
  });
  const number = start(tailed);
  return {
    opened,
    stop() {
      following.delete(number);
      begun();
      say();
    },
  };
}

function start(followed) {
  last++;
  following.set(last, followed);
  begin();
  return last;
}

// begin tells the worker what is followed now; the first time the window is seen it reaches for the worker.
function begin() {
  if (heard) say();
  else if (!document.hidden && following.size) connect();
}

// onLine calls back when the line is broken, or refused: nobody is signed in.
export const onLine = (callback) => watchers.add(callback);

// doubt has the line looked at: OIBus did not answer.
export const doubt = () => port?.postMessage({ doubt: true });

// alone leaves the worker, which does not reach OIBus though the window does.
export function alone() {
  if (failed > 1) return;
  failed = 2;
  connect();
}

const wants = () => (document.hidden ? [] : [...following].map(([number, { address, after }]) => [number, address, after]));

const say = () => port?.postMessage({ user: document.documentElement.dataset.user, wants: wants() });

// forgo keeps the browser from keeping the page for going back, which it does not after such an answer, that is not to be
// stored: it may stop the worker with the last window, at once, and then the connection stays open for minutes.
const forgo = () => fetch('/api/status').catch(() => { /* then the line tells */ });

// connect reaches the worker. One that does not answer twice, or does not start, is done without.
async function connect() {
  forgo();
  port?.postMessage({ wants: [] });
  port?.close();
  port = undefined;
  heard = Date.now();
  let reached;
  if (failed < 2 && window.SharedWorker) {
    worker = new SharedWorker(new URL('../worker.js', import.meta.url), { type: 'module', name: 'oibus' });
    worker.onerror = () => {
      failed = 2;
      if (port === reached) connect();
    };
    reached = worker.port;
  } else {
    const { Hub } = await import('../hub.js');
    const channel = new MessageChannel();
    new Hub().join(channel.port1);
    reached = channel.port2;
  }
  port = reached;
  port.onmessage = ({ data }) => hear(data);
  say();
}

function hear({ events, line }) {
  heard = Date.now();
  if (failed < 2) failed = 0;
  if (events) port.postMessage({ taken: true });
  for (const [number, id, data] of events ?? []) following.get(number)?.take(data, id);
  if (line) for (const callback of watchers) callback(line);
}

setInterval(() => {
  if (document.hidden || !heard) return;
  if (Date.now() - heard < SILENCE) return say();
  failed++;
  connect();
}, BEAT);

document.addEventListener('visibilitychange', () => {
  if (heard) heard = Date.now();
  begin();
});
window.addEventListener('pagehide', () => port?.postMessage({ wants: [] }));
window.addEventListener('pageshow', (event) => { if (event.persisted) say(); });
