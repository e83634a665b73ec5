// Forms drawn from manifests: objects with what applies under which condition, arrays of objects, and the whole form.
import { isLeaving } from '../api.js';
import { h, setText, show } from '../dom.js';
import { named } from '../form.js';
import { t } from '../text.js';
import { drawControl, icon } from './fields.js';
import { label } from './labels.js';

const join = (path, key) => (path ? `${path}.${key}` : key);

// draw makes the node of any attribute.
function draw(attribute, path, value, context) {
  if (attribute.type === 'object') return drawObject(attribute, path, value, context);
  if (attribute.type === 'array') return drawArray(attribute, path, value, context);
  return drawControl(attribute, path, value, context);
}

export function drawObject(attribute, path, value, context) {
  const nodes = attribute.attributes.map((child) => draw(child, join(path, child.key), value?.[child.key], context));
  const grid = h('div', { class: 'mgrid' });
  grid.append(...nodes.map((node) => node.element));
  const boxed = path && attribute.displayProperties?.wrapInBox;
  const element = path ? h('fieldset', { class: boxed ? 'mbox w-12' : 'mpart w-12' }, h('legend', {}, label(attribute)), grid) : grid;
  const by = Object.fromEntries(nodes.map((node) => [node.attribute.key, node]));
  const applies = (key) => (attribute.enablingConditions ?? []).filter((c) => c.targetPathFromRoot === key).every((c) => holds(c, by, applies));

  // settle shows what applies; the first of each row that does begins a line.
  function settle() {
    let row;
    for (const node of nodes) {
      const visible = applies(node.attribute.key);
      const own = node.attribute.displayProperties?.row ?? node.attribute.key;
      show(node.element, visible);
      node.element.classList.toggle('first', visible && own !== row);
      if (visible) row = own;
    }
  }
  element.addEventListener('input', settle);
  element.addEventListener('change', settle);
  settle();

  const self = {
    attribute, path, element, nodes,
    read() {
      const out = {};
      for (const node of nodes) {
        const { key } = node.attribute;
        if (!applies(key) && !(attribute.enablingConditions ?? []).some((c) => c.targetPathFromRoot === key && c.operator === 'NOT_EQUAL')) continue;
        const v = node.read();
        if (v !== undefined) out[key] = v;
      }
      return out;
    },
    check: () => nodes.filter((node) => applies(node.attribute.key)).flatMap((node) => node.check()),
    find: (wanted) => (wanted === path && path ? self : nodes.map((node) => node.find(wanted)).find(Boolean)),
    settle,
  };
  return self;
}

// holds tells whether a condition on a sibling is met. A sibling that is not there, or does not apply, decides like the
// server does: what is not there holds; what does not apply has no value.
function holds({ referralPathFromRoot, values, operator = 'EQUALS' }, by, applies) {
  const referral = by[referralPathFromRoot];
  if (!referral) return true;
  if (!applies(referralPathFromRoot)) return operator === 'NOT_EQUAL';
  const now = referral.read();
  if (operator === 'CONTAINS') return values.some((v) => String(now ?? '').includes(String(v)));
  const equal = values.some((v) => v === now || String(v) === String(now));
  return operator === 'NOT_EQUAL' ? !equal : equal;
}

// drawArray shows the elements of an array, a page of them when there are many, each with its own little form.
function drawArray(attribute, path, value, context) {
  const size = attribute.numberOfElementPerPage || 20;
  const values = Array.isArray(value) ? [...value] : [];
  let page = 0, nodes = [];
  const body = h('div', { class: 'marray' });
  const range = h('span', { class: 'muted small' });
  const [previous, next] = [h('button', { type: 'button', class: 'button small' }, t('pager.previous')), h('button', { type: 'button', class: 'button small' }, t('pager.next'))];
  const pager = h('div', { class: 'row' }, range, previous, next);
  const add = h('button', { type: 'button', class: 'button small' }, icon('plus'), t('field.add'));
  const error = h('p', { class: 'error', hidden: '' });
  const element = h('fieldset', { class: 'mbox w-12', 'data-field': path }, h('legend', {}, label(attribute)), body, error, h('div', { class: 'between' }, add, pager));

  const keep = () => nodes.forEach((node, i) => { values[page * size + i] = node.read(); });

  function redraw() {
    const from = page * size;
    nodes = values.slice(from, from + size).map((v, i) => drawObject({ ...attribute.rootAttribute, displayProperties: {} }, `${path}[${from + i}]`, v, context));
    body.replaceChildren(...nodes.map((node, i) => {
      const drop = h('button', { type: 'button', class: 'icon-button', 'aria-label': t('field.remove', { n: from + i + 1 }) }, icon('trash'));
      drop.addEventListener('click', () => {
        keep();
        values.splice(from + i, 1);
        page = Math.min(page, Math.max(0, Math.ceil(values.length / size) - 1));
        redraw();
        element.dispatchEvent(new Event('change', { bubbles: true }));
        add.focus();
      });
      return h('div', { class: 'melement' }, node.element, drop);
    }));
    if (!nodes.length) body.append(h('p', { class: 'hint' }, t('field.noElements')));
    setText(range, t('pager.range', { from: Math.min(from + 1, values.length), to: from + nodes.length, total: values.length }));
    [previous.disabled, next.disabled] = [page === 0, from + size >= values.length];
    show(pager, values.length > size);
  }
  const turn = (step) => {
    keep();
    page += step;
    redraw();
  };
  previous.addEventListener('click', () => turn(-1));
  next.addEventListener('click', () => turn(1));
  add.addEventListener('click', () => {
    keep();
    values.push(undefined);
    page = Math.floor((values.length - 1) / size);
    redraw();
    nodes.at(-1).element.querySelector('input, select, textarea')?.focus();
    element.dispatchEvent(new Event('change', { bubbles: true }));
  });
  redraw();

  const self = {
    attribute, path, element,
    read() {
      keep();
      return values.filter((v) => v !== undefined);
    },
    fail(text) {
      setText(error, text);
      show(error, !!text);
    },
    check() {
      self.fail('');
      const wrong = nodes.flatMap((node) => node.check());
      const text = ruled(attribute, self.read());
      if (text) self.fail(text);
      return text ? [...wrong, self] : wrong;
    },
    find: (wanted) => (wanted === path ? self : nodes.map((node) => node.find(wanted)).find(Boolean)),
  };
  return self;
}

// ruled checks what holds among the elements of an array.
function ruled({ rootAttribute }, values) {
  for (const child of rootAttribute.attributes) {
    const rules = (child.validators ?? []).map(({ type }) => type);
    const all = values.map((v) => v?.[child.key]);
    if (rules.includes('UNIQUE') && new Set(all).size < all.length) return t('invalid.uniqueIn', { label: label(child) });
    if (rules.includes('SINGLE_TRUE') && all.filter((v) => v === true).length > 1) return t('invalid.singleTrue', { label: label(child) });
  }
  return '';
}

// ManifestForm is a whole form of several parts: name → [place, attribute, values, what its context has besides]. Errors of the REST API are shown
// beside the control that they name.
export class ManifestForm {
  constructor(form, { submit, saved = () => {}, changed = () => {}, guarded = true }) {
    Object.assign(this, { form, submit, saved, changed, parts: {}, baseline: '' });
    form.addEventListener('input', () => this.#changed());
    form.addEventListener('change', () => this.#changed());
    form.addEventListener('submit', (event) => this.#send(event));
    if (guarded) window.addEventListener('beforeunload', (event) => { if (this.dirty && !isLeaving()) event.preventDefault(); });
  }

  draw(parts, context = {}) {
    this.parts = {};
    for (const [name, [place, attribute, values, more]] of Object.entries(parts)) {
      this.parts[name] = drawObject(attribute, '', values, { ...context, ...more });
      place.replaceChildren(this.parts[name].element);
    }
    this.fail('');
    this.settle();
  }

  read() { return Object.fromEntries(Object.entries(this.parts).map(([name, node]) => [name, node.read()])); }

  settle() {
    this.baseline = JSON.stringify(this.read());
    this.#changed();
  }

  // follow takes over what a switch has become meanwhile, unless the person has turned it here.
  follow(part, key, value) {
    const stored = this.baseline && JSON.parse(this.baseline);
    const node = this.parts[part]?.find(key);
    if (!node || !stored || stored[part][key] === value) return;
    if (node.read() === stored[part][key]) node.control.checked = value;
    stored[part][key] = value;
    this.baseline = JSON.stringify(stored);
    this.#changed();
  }

  get dirty() { return this.baseline !== '' && JSON.stringify(this.read()) !== this.baseline; }

  // valid marks what is wrong and tells whether nothing is.
  valid() {
    this.fail('');
    const wrong = Object.values(this.parts).flatMap((node) => node.check());
    (wrong[0]?.control ?? wrong[0]?.element.querySelector('input, select, textarea'))?.focus();
    return wrong.length === 0;
  }

  fail(text) {
    const place = this.form.querySelector('.form-error');
    show(place, !!text);
    setText(place?.querySelector('span'), text);
  }

  // refuse shows why the REST API refused.
  refuse(failure) {
    if (failure.offline || failure.name === 'AbortError' || failure.status === 401 || failure.status === 403) return;
    const general = [];
    const texts = Object.keys(failure.fields ?? {}).length ? failure.fields : named(failure.message);
    let first;
    for (const [path, text] of Object.entries(texts)) {
      const [, part, rest] = /^([^.]+)\.(.+)$/.exec(path) ?? [];
      const node = this.parts[part]?.find(rest) ?? Object.values(this.parts).map((part) => part.find(path) ?? part.find(path.replace(/^(caching|settings|standardSettings|historySettings)\./, ''))).find(Boolean);
      if (node?.fail && !node.element.hidden) {
        node.fail(text);
        first ??= node;
      } else general.push(path ? `${path}: ${text}` : text);
    }
    this.fail(general.join(' '));
    first?.control?.focus();
  }

  #changed() {
    const { dirty } = this;
    show(this.form.querySelector('.dirty'), dirty);
    this.changed(dirty);
  }

  async #send(event) {
    event.preventDefault();
    if (this.busy || !this.valid()) return;
    const button = this.form.querySelector('button[type=submit]');
    this.busy = true;
    button.setAttribute('aria-busy', 'true');
    try {
      const [sent, before] = [this.read(), this.baseline];
      await this.submit(sent);
      if (this.baseline === before) this.baseline = JSON.stringify(sent); // what was typed meanwhile is not saved
      this.saved();
      this.#changed();
    } catch (failure) {
      if (!(failure instanceof Error) || failure.status === undefined) throw failure;
      this.refuse(failure);
    } finally {
      this.busy = false;
      button.removeAttribute('aria-busy');
    }
  }
}

// attribute makes one for forms that have no manifest.
export const attribute = (type, key, { row = 0, columns = 12, needed, min, max, ...more } = {}) => ({
  type, key, translationKey: 'form', displayProperties: { row, columns }, ...more,
  validators: [needed && { type: 'REQUIRED', arguments: [] }, min !== undefined && { type: 'MINIMUM', arguments: [String(min)] }, max !== undefined && { type: 'MAXIMUM', arguments: [String(max)] }].filter(Boolean),
});
export const group = (key, attributes, more = {}) => ({ type: 'object', key, attributes, enablingConditions: [], displayProperties: { wrapInBox: true }, validators: [], ...more });
