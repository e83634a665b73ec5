// The settings of a history query: what it reads, from where, and where to; each side with a test of its connection.
import { Failure, post } from '../api.js';
import { $, setText, show } from '../dom.js';
import { timeZoneName } from '../format.js';
import { said } from '../said.js';
import { t } from '../text.js';
import { cachingBody, cachingForm, cachingValues } from '../connector/forms.js';
import { typeName } from '../connector/labels.js';
import { attribute, group, ManifestForm } from '../connector/manifest.js';
import { id, isNew } from '../connector/base.js';

const TEST_SECONDS = 300;

const headForm = group('', [attribute('string', 'name', { columns: 6, needed: true }), attribute('string', 'description', { columns: 6 })]);
const rangeForm = group('', [
  attribute('instant', 'startTime', { columns: 6, needed: true }), attribute('instant', 'endTime', { columns: 6, needed: true }),
  attribute('number', 'maxReadInterval', { row: 1, columns: 6, min: 0, defaultValue: 3600, unit: 's' }), attribute('number', 'readDelay', { row: 1, columns: 6, min: 0, defaultValue: 200, unit: 'ms' }),
]);
const resetForm = group('', [attribute('boolean', 'resetCache', { defaultValue: false })]);

export class QueryForm {
  // from are the ids of the South and the North that secrets are copied from.
  constructor(element, { south, north, context, submit, from = {} }) {
    Object.assign(this, { south, north, context, from });
    this.form = new ManifestForm(element, { submit: (values) => this.#submit(submit, values), saved: () => this.form.follow('reset', 'resetCache', false), changed: (dirty) => { $('#discard').disabled = !dirty; } });
    setText($('#south-about'), typeName(south.id));
    setText($('#north-about'), typeName(north.id));
    setText($('#range-zone'), t('history.zone', { zone: timeZoneName }));
    show($('#discard'), !isNew);
    $('#discard').addEventListener('click', () => this.show(this.one));
    for (const side of ['south', 'north']) $(`#test-${side}`).addEventListener('click', (event) => this.#test(side, event.currentTarget));
  }

  show(one) {
    this.one = one;
    const kept = (side) => ({ kept: !isNew || !!this.from[side] || !!this.from.duplicate });
    const parts = {
      head: [$('#head-fields'), headForm, one],
      queryTimeRange: [$('#range-fields'), rangeForm, one.queryTimeRange],
      southSettings: [$('#south-fields'), this.south.settings, one.southSettings, kept('south')],
      northSettings: [$('#north-fields'), this.north.settings, one.northSettings, kept('north')],
      caching: [$('#caching-fields'), cachingForm, cachingValues(one.caching)],
    };
    if (!isNew) parts.reset = [$('#reset-fields'), resetForm, {}];
    this.form.draw(parts, this.context);
    for (const side of ['south', 'north']) if (!this[side].settings.attributes.length) $(`#${side}-fields`).textContent = t('connector.noSettings');
  }

  // printed are the parts of the form with what is stored.
  printed(one) {
    return [
      [t('print.head'), headForm, one], [t('history.wanted'), rangeForm, one.queryTimeRange],
      [typeName(this.south.id), this.south.settings, one.southSettings], [typeName(this.north.id), this.north.settings, one.northSettings],
      [t('north.caching'), cachingForm, cachingValues(one.caching)],
    ];
  }

  settingsOf(side) { return this.form.read()[`${side}Settings`]; }

  async #submit(submit, { head, queryTimeRange, southSettings, northSettings, caching, reset }) {
    if (Date.parse(queryTimeRange.endTime) <= Date.parse(queryTimeRange.startTime)) {
      throw new Failure(400, '', { 'queryTimeRange.endTime': t('history.endBeforeStart') });
    }
    await submit({ ...head, queryTimeRange, southSettings, northSettings, caching: cachingBody(caching), reset: !!reset?.resetCache });
  }

  async #test(side, button) {
    const result = $(`#test-${side}-result`);
    if (this.form.parts[`${side}Settings`].check().length) return;
    button.setAttribute('aria-busy', 'true');
    result.className = 'test-result';
    setText(result, t('connector.testing'));
    try {
      const copied = this.from.duplicate ? '' : `&from${side === 'south' ? 'South' : 'North'}=${encodeURIComponent(this.from[side] ?? '')}`;
      const { items } = await post(`/api/history/${isNew ? this.from.duplicate || 'create' : id}/test/${side}?${side}Type=${this[side].id}${copied}`, this.settingsOf(side), { seconds: TEST_SECONDS });
      result.className = 'test-result ok';
      setText(result, [t('connector.tested'), ...(items ?? []).map(({ key, value }) => `${key}: ${value}`)].join(' · '));
    } catch (error) {
      result.className = 'test-result bad';
      setText(result, said(error.message));
    } finally {
      button.removeAttribute('aria-busy');
    }
  }
}
