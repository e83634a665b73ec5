// Trying a transformer: an input, its options, and what comes out: the result, what the code printed, or where it failed.
import { get } from '../api.js';
import { $, h, setText, show } from '../dom.js';
import { duration, number } from '../format.js';
import { said } from '../said.js';
import { has, plural, t } from '../text.js';
import { drawObject } from '../connector/manifest.js';
import { contentName } from './actions.js';
import { diff, folded } from './diff.js';

const MOST = 100_000; // characters of a result that are shown

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === 'string';

// NEEDED are the keys of an element of each kind of list: what its value has to be, and how that is called.
const NEEDED = {
  'time-values': { pointId: [isText, 'text'], timestamp: [(value) => isText(value) && !Number.isNaN(Date.parse(value)), 'instant'], data: [isObject, 'object'] },
  setpoint: { reference: [isText, 'text'], value: [() => true, 'any'] },
};

export class Trial {
  // what answers { type, manifest, run(inputData, options) }; failed is told where code failed.
  constructor({ what, context, failed = () => {} }) {
    Object.assign(this, { what, context, failed, sample: '' });
    this.input = $('#trial-input');
    $('#trial-sample').addEventListener('click', () => this.fill());
    $('#trial-run').addEventListener('click', (event) => this.#run(event.currentTarget));
    $('#trial-compare').addEventListener('change', () => this.#compare());
    this.input.addEventListener('input', () => this.#complain(''));
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      $('#trial-run').click();
    });
  }

  // fill puts the sample of the REST API for this kind of input into the field.
  async fill() {
    this.sample = (await get(`/api/transformers/template/${encodeURIComponent(this.what().type)}`)).data;
    this.input.value = this.sample;
    this.#complain('');
  }

  // retype changes an input that nobody has touched, when another kind is wanted.
  async retype() { if (this.input.value === this.sample) await this.fill(); }

  // drawOptions shows the options that the transformer has now, with what was filled in so far.
  drawOptions() {
    const { manifest } = this.what();
    const before = this.options?.read();
    this.options = manifest?.attributes?.length ? drawObject(manifest, '', before, this.context) : undefined;
    $('#trial-options').replaceChildren(...(this.options ? [this.options.element] : []));
    show($('#trial-options-box'), !!this.options);
  }

  #complain(text) {
    setText($('#trial-input-error'), text);
    show($('#trial-input-error'), !!text);
    $('#trial-field').classList.toggle('invalid', !!text);
    this.input.toggleAttribute('aria-invalid', !!text);
  }

  // #wrong says what of the input does not fit what the transformer takes.
  #wrong() {
    const { type } = this.what();
    if (type === 'any') return '';
    let list;
    try { list = JSON.parse(this.input.value); } catch (error) { return t('trial.notJSON', { problem: error.message }); }
    if (!Array.isArray(list)) return t('trial.notArray');
    for (const [i, one] of list.entries()) {
      if (!isObject(one)) return t('trial.noObject', { n: number(i + 1) });
      for (const [key, [fits, wanted]] of Object.entries(NEEDED[type])) {
        if (!(key in one)) return t('trial.noKey', { n: number(i + 1), key, wanted: t(`trial.wanted.${wanted}`) });
        if (!fits(one[key])) return t('trial.badKey', { n: number(i + 1), key, wanted: t(`trial.wanted.${wanted}`) });
      }
    }
    return '';
  }

  // #outdate says of what is shown below that it is the result of an earlier run.
  #outdate(outdated) {
    show($('#trial-old'), outdated && this.output !== undefined);
    $('#trial-result').classList.toggle('old', outdated);
  }

  async #run(button) {
    const wrong = this.#wrong();
    this.#complain(wrong);
    this.failed();
    const status = $('#trial-status');
    status.className = 'test-result';
    setText(status, '');
    this.#outdate(true);
    this.#print();
    if (wrong) return this.input.focus();
    if (this.options?.check().length) return;
    const { run } = this.what();
    const begun = performance.now();
    button.setAttribute('aria-busy', 'true');
    setText(status, t('trial.running'));
    try {
      const result = await run(this.input.value, this.options?.read() ?? {});
      this.#print(result.console);
      if (result.error) this.#fail(result.error);
      else this.#show(result, performance.now() - begun);
    } catch (error) {
      this.#fail({ text: said(error.message) });
    } finally {
      button.removeAttribute('aria-busy');
    }
  }

  #show({ output, kind, elements, file }, took) {
    const text = laidOut(output);
    [this.previous, this.output, this.given] = [this.output, text, laidOut(this.input.value)];
    $('#trial-status').className = 'test-result ok';
    setText($('#trial-status'), [t('trial.done', { took: duration(took) }), file, kind && contentName(kind), elements === undefined ? '' : plural('items.elements', elements)].filter(Boolean).join(' · '));
    setText($('#trial-output'), text.length > MOST ? `${text.slice(0, MOST)}…` : text);
    show($('#trial-result'), true);
    this.#outdate(false);
    this.#compare();
  }

  // #fail says what was wrong, and leads to where it was. The last result stays: it is what one compares with.
  #fail({ category = '', text: whole, line = 0, column = 0 }) {
    const status = $('#trial-status');
    const text = line ? whole.replace(/ ?\[transformer:\d+:\d+\]$/, '') : whole;
    status.className = 'test-result bad';
    status.replaceChildren(has(`trial.${category}`) ? `${t(`trial.${category}`)}: ${text}` : text);
    if (!line) return;
    this.failed(line, column);
    const go = h('button', { type: 'button', class: 'link' }, t('trial.line', { line: number(line), column: number(column || 1) }));
    go.addEventListener('click', () => this.failed(line, column || 1, true));
    status.append(' ', go);
  }

  // #print shows what the code printed. Standard transformers print nothing.
  #print(lines) {
    show($('#trial-console-box'), !!lines);
    if (!lines) return;
    $('#trial-console').replaceChildren(...lines.map(({ level, text }) => h('li', { 'data-level': level }, h('span', { class: 'muted' }, level), ' ', text)));
    show($('#trial-console'), lines.length > 0);
    show($('#trial-console-none'), !lines.length);
  }

  #compare() {
    const against = { input: this.given, previous: this.previous }[$('#trial-compare').value];
    const place = $('#trial-diff');
    show($('#trial-first'), against === undefined);
    show(place, against !== undefined);
    if (against === undefined) return;
    const lines = diff(against, this.output);
    const sign = { same: '  ', gone: '- ', new: '+ ' };
    const element = { same: 'span', gone: 'del', new: 'ins' };
    const equal = lines.every(({ kind }) => kind === 'same');
    place.replaceChildren(...(equal ? [t('trial.equal')] : folded(lines).map(({ kind, text, n }) => (kind === 'fold' ? h('span', { class: 'fold-line' }, `${plural('trial.same', n)}\n`) : h(element[kind], {}, `${sign[kind]}${text}\n`)))));
  }
}

// laidOut is a text as it is read and compared best.
function laidOut(text) {
  if (typeof text !== 'string') return JSON.stringify(text, null, 2);
  if (!/^\s*[[{]/.test(text)) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
