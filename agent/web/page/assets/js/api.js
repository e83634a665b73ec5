// The REST API with the session cookie. A call ends with the answer, or throws a Failure with a text for the person.
import { said } from './said.js';
import { t } from './text.js';

export class Failure extends Error {
  constructor(status, text, fields = {}) {
    super(text);
    this.status = status; // 0: no answer at all
    this.fields = fields; // field path → text, when the answer names them
  }
  get offline() { return this.status === 0; }
}

// Late is a call whose answer did not come in time, though OIBus may be there: no banner tells about it.
class Late extends Failure {
  constructor() { super(0, t('failure.timeout')); }
  get offline() { return false; }
}

let leaving = false;

// isLeaving tells that the page is being left on purpose, so that nothing asks whether to stay.
export const isLeaving = () => leaving;

// leave goes to another address without questions.
export function leave(address) {
  leaving = true;
  location.assign(address);
}

// here is this page, to come back to.
const here = () => location.pathname + location.search + location.hash;

export function sessionEnded() {
  if (!leaving) leave(`/login?why=ended&next=${encodeURIComponent(here())}`);
}

// A new password ends every session. While the person is signed in with it, what is refused waits, and is asked again.
let renewing;
let renewed = 0;

export async function renew(work) {
  renewing = work();
  try {
    await renewing;
  } finally {
    renewing = undefined;
    renewed++;
  }
}

export async function call(method, path, body, { seconds = 60, signal, renews = false } = {}) {
  const before = renewed;
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = body instanceof URLSearchParams ? 'application/x-www-form-urlencoded' : 'application/json';
  const [answer, text] = await reach(path, {
    method, headers, cache: 'no-store', credentials: 'same-origin',
    body: body === undefined || body instanceof URLSearchParams ? body : JSON.stringify(body),
    signal: limit(seconds, signal),
  });
  if (answer.ok) return text && (answer.headers.get('Content-Type') ?? '').includes('json') ? JSON.parse(text) : undefined;
  if (path !== '/login' && (answer.status === 401 || answer.status === 403)) {
    if (!renews && (renewing || renewed > before)) {
      await renewing?.catch(() => {}); // who renews is told
      return call(method, path, body, { seconds, signal });
    }
    sessionEnded();
  }
  throw failure(answer.status, text);
}

export const get = (path, query = {}, options) => call('GET', path + search(query), undefined, options);
export const post = (path, body = {}, options) => call('POST', path, body, options);
export const put = (path, body, options) => call('PUT', path, body, options);
export const remove = (path, options) => call('DELETE', path, undefined, options);

// reach answers the answer and its text.
async function reach(path, init) {
  try {
    const answer = await fetch(path, init);
    return [answer, await answer.text()];
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    if (error.name === 'TimeoutError') throw new Late();
    window.dispatchEvent(new Event('oibus-unreachable'));
    throw new Failure(0, t('failure.offline'));
  }
}

// limit ends a call after some seconds, or when the caller's signal says so.
function limit(seconds, signal) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('', 'TimeoutError')), seconds * 1000);
  timer.unref?.();
  if (signal?.aborted) controller.abort(signal.reason);
  signal?.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller.signal;
}

// search writes the query of an address; values that are empty are left out.
export function search(query) {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') parameters.set(key, value);
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

// failure reads the error bodies of the API: {error}, {message}, and {message: {field: {message}}}.
function failure(status, text) {
  let body = {};
  try { body = JSON.parse(text); } catch { /* an answer of something between us and OIBus */ }
  const { message, error } = body ?? {};
  if (message && typeof message === 'object') {
    const fields = Object.fromEntries(Object.entries(message).map(([name, of]) => [name.replace(/^\w*[bB]ody\./, ''), said(of?.message ?? String(of))]));
    return new Failure(status, t('failure.fields'), fields);
  }
  if (typeof message === 'string' && message && status !== 404) return new Failure(status, message);
  if (typeof error === 'string' && error) return new Failure(status, error);
  return new Failure(status, t('failure.status', { status }));
}
