// Why a whole page cannot be shown: for the moment, or because what it is about does not exist any more.
import { $, h, setText, show } from './dom.js';
import { said } from './said.js';
import { t } from './text.js';

// explain fills the state of a page that says so. What will not come back leads to the list instead of asking again.
export function explain(root, error, { hopeless = error.status === 404 } = {}) {
  const place = root.querySelector(':scope > [data-state=failed]');
  const gone = error.status === 404;
  const why = gone ? t('state.gone.text') : said(error.message);
  setText($('h2', place), gone ? t('state.gone') : hopeless ? why : t('state.failed'));
  setText($('[data-failure]', place), hopeless && !gone ? '' : why);
  show($('[data-retry]', place), !hopeless);
  const list = $('.crumb a', root);
  if (hopeless && list && !$('.button.primary', place)) place.append(h('a', { class: 'button primary', href: list.getAttribute('href') }, t('state.back', { list: list.textContent.trim() })));
}
