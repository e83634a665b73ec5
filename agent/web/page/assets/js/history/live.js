// History queries as they do, each second while the page is seen: state, words for it, and how far they are.
import { number, percent } from '../format.js';
import { setText } from '../dom.js';
import { t } from '../text.js';

export const TONES = { PENDING: 'neutral', RUNNING: 'ok', PAUSED: 'warn', FINISHED: 'info', ERRORED: 'bad' };

// condition says how a query does: its colour, and the word for it. One that runs but has a reason to tell is in trouble.
export function condition({ state }) {
  const troubled = state.status === 'RUNNING' && state.reason;
  const word = troubled ? 'TROUBLED' : state.status === 'RUNNING' && !state.reading && state.progress >= 1 ? 'SENDING' : state.status;
  return { tone: troubled ? 'bad' : TONES[state.status] ?? 'neutral', text: t(`history.status.${word}`) };
}

// drawBar shows how far a query is.
export function drawBar(bar, { state }) {
  const value = Math.max(0, Math.min(1, state.progress ?? 0));
  bar.setAttribute('aria-valuenow', String(Math.round(value * 100)));
  bar.setAttribute('aria-valuetext', percent(Math.floor(value * 1000) / 1000));
  bar.dataset.tone = state.status === 'ERRORED' || state.reason ? 'bad' : '';
  bar.firstElementChild.style.width = `${Math.round(value * 1000) / 10}%`;
  return percent(Math.floor(value * 1000) / 1000);
}

// counts say what a query has read, in words.
export function counts(metrics) {
  const { numberOfValuesRetrieved: values = 0, numberOfFilesRetrieved: files = 0 } = metrics?.south ?? {};
  return t('history.counts', { values: number(values), files: number(files) });
}

export function drawState(badge, row) {
  const { tone, text } = condition(row);
  badge.className = `badge badge-${tone}`;
  setText(badge, text);
}

// starts is the key of what starting means for a query: it goes on, or begins anew from nothing.
export const starts = (status) => ({ PENDING: 'start', PAUSED: 'continue' }[status] ?? 'again');
