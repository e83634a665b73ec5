// Forms whose controls are named by the path of their value in the body of the REST API ("forward.url"). Errors stand
// beside the field they are about.
import { $, $$, show, setText } from './dom.js';
import { isLeaving } from './api.js';
import { said } from './said.js';
import { t } from './text.js';

const forms = new Set();

window.addEventListener('beforeunload', (event) => {
  if (!isLeaving() && [...forms].some((form) => form.guarded && form.dirty)) event.preventDefault();
});

export class Form {
  #baseline = '';

  // submit gets the values and may throw a Failure; check may answer more errors by field name.
  constructor(element, { submit, check, guarded = true } = {}) {
    Object.assign(this, { element, submit, check, guarded });
    forms.add(this);
    element.addEventListener('input', (event) => this.#changed(event.target));
    element.addEventListener('change', (event) => this.#changed(event.target));
    element.addEventListener('focusout', (event) => this.#left(event.target));
    element.addEventListener('submit', (event) => this.#send(event));
    element.addEventListener('reset', (event) => {
      event.preventDefault();
      this.fill(JSON.parse(this.#baseline));
    });
  }

  get controls() {
    return $$('input[name], select[name], textarea[name]', this.element);
  }

  get dirty() {
    return !this.element.hidden && this.#baseline !== '' && JSON.stringify(this.read()) !== this.#baseline;
  }

  // fill shows values and takes them as what is stored.
  fill(values) {
    for (const control of this.controls) write(control, at(values, control.name));
    this.clear();
    this.settle();
  }

  // settle takes what the controls show as what is stored.
  settle() {
    this.#baseline = JSON.stringify(this.read());
    this.#refresh();
  }

  read() {
    const values = {};
    for (const control of this.controls) place(values, control.name.split('.'), value(control));
    return values;
  }

  clear() {
    for (const field of $$('[data-field]', this.element)) mark(field, '');
    this.#general('');
  }

  // validate marks what the browser or check finds wrong, and tells whether nothing is.
  validate() {
    this.clear();
    const errors = {};
    for (const control of this.controls.filter(active)) {
      const text = complaint(control);
      if (text) errors[control.name] = text;
    }
    Object.assign(errors, this.check?.(this.read()) ?? {});
    return this.report(errors);
  }

  // report shows errors by field name beside their fields, and tells whether there were none.
  report(errors) {
    let first;
    for (const [name, text] of Object.entries(errors)) {
      const field = this.#field(name);
      if (!field) {
        this.#general(text);
        continue;
      }
      mark(field, text);
      first ??= field;
    }
    if (first) reveal(first);
    return Object.keys(errors).length === 0;
  }

  // fail shows why the REST API refused.
  fail(failure) {
    if (failure.offline || failure.name === 'AbortError' || failure.status === 401 || failure.status === 403) return;
    if (Object.keys(failure.fields ?? {}).length) {
      this.report(failure.fields);
      return;
    }
    this.report(named(failure.message));
  }

  #field(name) {
    const all = $$('[data-field]', this.element);
    return all.find((f) => f.dataset.field === name) ?? all.find((f) => name.endsWith(`.${f.dataset.field}`) || f.dataset.field.endsWith(`.${name}`));
  }

  #general(text) {
    const place = $('.form-error', this.element);
    show(place, !!text);
    setText($('span', place), text);
  }

  #changed(control) {
    const field = control.closest('[data-field]');
    if (field?.classList.contains('invalid')) mark(field, complaint(control));
    this.#refresh();
  }

  #left(control) {
    const field = control.closest?.('[data-field]');
    if (!field || !control.name || !active(control) || (!control.value && !field.classList.contains('invalid'))) return;
    mark(field, complaint(control));
  }

  #refresh() {
    for (const part of $$('[data-when]', this.element)) {
      show(part, !!$(`[name="${part.dataset.when}"]`, this.element)?.checked);
    }
    const dirty = this.dirty;
    show($('.dirty', this.element), dirty);
    for (const button of $$('.save-bar button', this.element)) {
      if (!button.dataset.always && $('button[type=reset]', this.element)) button.disabled = !dirty;
    }
    this.onchange?.(this);
  }

  async #send(event) {
    event.preventDefault();
    if (this.busy || !this.validate()) return;
    const button = $('button[type=submit]', this.element);
    this.busy = true;
    button?.setAttribute('aria-busy', 'true');
    try {
      const values = this.read();
      const [sent, before] = [JSON.stringify(values), this.#baseline];
      await this.submit(values);
      if (this.#baseline === before) this.#baseline = sent; // what was not typed meanwhile is saved
      this.#refresh();
    } catch (failure) {
      this.fail(failure);
    } finally {
      this.busy = false;
      button?.removeAttribute('aria-busy');
    }
  }
}

// active tells whether a control takes part: neither read-only nor in a part that is switched off.
const active = (control) => !control.disabled && !control.readOnly && !control.closest('[data-when][hidden], [data-new-only][hidden]');

function value(control) {
  if (control.type === 'checkbox') return control.checked;
  if (control.type === 'number') return control.value === '' ? null : Number(control.value);
  return control.value;
}

function write(control, stored) {
  if (control.type === 'checkbox') control.checked = !!stored;
  else if (control.tagName === 'SELECT') choose(control, stored === undefined || stored === null ? '' : String(stored));
  else control.value = stored ?? '';
}

// choose shows a stored value that the list does not offer all the same, rather than another one.
function choose(select, stored) {
  if (stored !== '' && ![...select.options].some((o) => o.value === stored)) select.add(new Option(stored, stored));
  select.value = stored;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

const at = (values, path) => path.split('.').reduce((v, key) => v?.[key], values);

function place(values, [key, ...rest], leaf) {
  if (!rest.length) values[key] = leaf;
  else place((values[key] ??= {}), rest, leaf);
}

// complaint is what the browser finds wrong with a control, in our words.
function complaint(control) {
  const v = control.validity;
  if (!v || v.valid || !active(control)) return '';
  if (v.badInput) return t('invalid.number');
  if (v.valueMissing) return t('invalid.required');
  if (v.rangeUnderflow) return t('invalid.min', { min: control.min });
  if (v.rangeOverflow) return t('invalid.max', { max: control.max });
  if (v.stepMismatch) return t('invalid.integer');
  if (v.typeMismatch) return t(`invalid.${control.type}`);
  return control.validationMessage;
}

function mark(field, text) {
  const error = $('.error', field);
  const control = $('input, select, textarea', field);
  field.classList.toggle('invalid', !!text);
  if (text) control?.setAttribute('aria-invalid', 'true');
  else control?.removeAttribute('aria-invalid');
  setText(error, text);
  show(error, !!text);
}

// reveal brings the first wrong field into view and gives it the focus.
function reveal(field) {
  for (let fold = field.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
  $('input, select, textarea', field)?.focus();
}

// Texts of the API that are about a field without naming it as `"field" …` does.
const known = [
  [/^Scan mode name ".*" already exists/, 'name'],
  [/^Cron Expression: /, 'cron'],
  [/^UNIQUE constraint failed: \w+\.(\w+)/, '$1', 'invalid.unique'],
  [/^Web server port and proxy port can not be the same/, 'port', 'invalid.samePort'],
];

// named finds the fields that an error text of the API is about: `"port" must be a valid port. "name" is required`.
export function named(text) {
  for (const [pattern, field, key] of known) {
    const match = pattern.exec(text);
    if (match) return { [field.replace('$1', match[1] ?? '')]: key ? t(key) : said(text.replace(/^Cron Expression: /, '')) };
  }
  const errors = {};
  for (const part of text.split(/\.\s+(?=")/)) {
    const match = /^"([^"]+)" (.+)$/s.exec(part);
    if (!match) return { '': said(text) };
    errors[match[1]] ??= sentence(said(match[2]));
  }
  return errors;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
