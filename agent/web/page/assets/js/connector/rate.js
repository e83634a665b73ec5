// What a connector moves a second, and has moved in all, in words: values and files of a South, bytes of a North.
import { bytes, number } from '../format.js';
import { plural, t } from '../text.js';

export const perSecond = (kind, n) => (kind === 'south' ? t('south.rate', { n: n >= 10 || !n ? number(Math.round(n)) : number(Math.round(n * 10) / 10) }) : t('north.rate', { size: bytes(Math.round(n)) }));

export function total(kind, metrics) {
  if (kind === 'north') return t('north.total', { size: bytes(metrics?.contentSentSize ?? 0) });
  const { numberOfValuesRetrieved: values = 0, numberOfFilesRetrieved: files = 0 } = metrics ?? {};
  return [values || !files ? plural('south.total.values', values) : '', files ? plural('south.total.files', files) : ''].filter(Boolean).join(', ');
}
