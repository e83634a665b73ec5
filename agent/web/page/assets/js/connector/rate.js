// What a connector moves a second, in words: values of a South, bytes of a North.
import { bytes, number } from '../format.js';
import { t } from '../text.js';

export const perSecond = (kind, n) => (kind === 'south' ? t('south.rate', { n: n >= 10 || !n ? number(Math.round(n)) : number(Math.round(n * 10) / 10) }) : t('north.rate', { size: bytes(Math.round(n)) }));
