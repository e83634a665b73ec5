// Controls of forms that are drawn from manifests. Each is a node: an element, read() for its value (undefined when it
// has none to send), check() for what is wrong with it, and fail(text) to show that.
import { get } from '../api.js';
import { h, setText, show } from '../dom.js';
import { fromLocalTime, localTime, timeZoneName } from '../format.js';
import { serverNow } from '../live.js';
import { has, t } from '../text.js';
import { choice, help, label } from './labels.js';

// unitName is a unit as people of this language write it.
export const unitName = (unit) => (unit && has(`unit.${unit.toLowerCase()}`) ? t(`unit.${unit.toLowerCase()}`) : unit);

let count = 0;
const required = (attribute) => (attribute.validators ?? []).some(({ type }) => type === 'REQUIRED');
const argument = (attribute, type) => (attribute.validators ?? []).find((v) => v.type === type)?.arguments[0];

export function icon(name) {
  const found = document.getElementById(`icon-${name}`);
  return found ? found.content.firstElementChild.cloneNode(true) : document.createTextNode('');
}

// frame puts a control between its label, its error and its help text.
function frame(attribute, path, control, { unit, extra, isSwitch, about = help(attribute) } = {}) {
  const id = `m-${++count}`;
  const [error, hint] = [h('p', { class: 'error', id: `${id}-error`, hidden: '' }), about];
  control.id = id;
  control.setAttribute('aria-describedby', hint ? `${id}-error ${id}-hint` : `${id}-error`);
  const element = h('div', { class: `field field-${isSwitch ? 'switch' : attribute.type} w-${attribute.displayProperties?.columns ?? 12}`, 'data-field': path });
  if (isSwitch) {
    element.append(h('label', { class: 'switch', for: id }, control, h('span', { class: 'switch-track', 'aria-hidden': 'true' }), h('span', { class: 'switch-text' }, label(attribute))));
  } else {
    const name = h('label', { for: id }, label(attribute));
    if (!required(attribute)) name.append(' ', h('span', { class: 'optional' }, t('field.optional')));
    const box = h('div', { class: unit ? 'control has-unit' : 'control' }, control);
    if (control.tagName === 'SELECT') box.append(icon('chevron'));
    if (unit) box.append(h('span', { class: 'unit', 'aria-hidden': 'true' }, unit));
    if (extra) box.append(extra);
    element.append(name, box);
  }
  element.append(error);
  if (hint) element.append(h('p', { class: 'hint', id: `${id}-hint` }, hint));
  return { element, error };
}

// node makes a control a part of a form. complaint says what is wrong with its value, "" for nothing.
function node(attribute, path, control, { read, complaint = () => '', ...how }) {
  const { element, error } = frame(attribute, path, control, how);
  const self = {
    attribute, path, element, control, read,
    fail(text) {
      element.classList.toggle('invalid', !!text);
      if (text) control.setAttribute('aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
      setText(error, text);
      show(error, !!text);
    },
    check() {
      const text = complaint();
      self.fail(text);
      return text ? [self] : [];
    },
    find: (wanted) => (wanted === path ? self : undefined),
  };
  control.addEventListener('input', () => { if (element.classList.contains('invalid')) self.fail(complaint()); });
  control.addEventListener('focusout', () => { if (control.value) self.fail(complaint()); });
  return self;
}

function textual(attribute, path, value, control) {
  control.value = held(attribute, value);
  const pattern = argument(attribute, 'PATTERN');
  return node(attribute, path, control, {
    read: () => control.value,
    complaint() {
      if (!control.value) return required(attribute) ? t('invalid.required') : '';
      return pattern && !matches(pattern, control.value) ? t('invalid.pattern', { pattern }) : '';
    },
  });
}

function matches(pattern, value) {
  try { return new RegExp(pattern).test(value); } catch { return true; } // the server knows better
}

// held is what a control begins with. What was stored without a value stays without one: a default that was filled in would
// be stored with the next change of something else.
const held = (attribute, value) => (value === null && !required(attribute) ? '' : value ?? attribute.defaultValue ?? '');

const input = (type, more = {}) => h('input', { type, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', ...more });

function secret(attribute, path, value, context) {
  const control = input('password', { autocomplete: 'new-password', ...(context.kept ? { placeholder: t('field.kept') } : {}) });
  const reveal = h('button', { type: 'button', class: 'icon-button', 'data-reveal': '', 'aria-pressed': 'false', 'aria-label': t('field.reveal', { label: label(attribute) }) }, icon('eye'));
  reveal.addEventListener('click', () => {
    const visible = control.type === 'password';
    control.type = visible ? 'text' : 'password';
    reveal.setAttribute('aria-pressed', String(visible));
  });
  return node(attribute, path, control, {
    extra: reveal, read: () => control.value,
    complaint: () => (required(attribute) && !control.value && !context.kept ? t('invalid.required') : ''),
  });
}

function number(attribute, path, value) {
  const control = input('number', { step: 'any', inputmode: 'decimal' });
  const stored = value ?? attribute.defaultValue;
  control.value = stored ?? '';
  const [least, most] = [argument(attribute, 'MINIMUM'), argument(attribute, 'MAXIMUM')];
  return node(attribute, path, control, {
    unit: unitName(attribute.unit), read: () => (control.value === '' ? null : Number(control.value)),
    complaint() {
      if (control.validity.badInput) return t('invalid.number');
      if (control.value === '') return required(attribute) ? t('invalid.required') : '';
      const n = Number(control.value);
      if (least !== undefined && n < Number(least)) return t('invalid.min', { min: least });
      if (most !== undefined && n > Number(most)) return t('invalid.max', { max: most });
      return argument(attribute, 'POSITIVE_INTEGER') !== undefined && (n < 1 || !Number.isInteger(n)) ? t('invalid.integer') : '';
    },
  });
}

function boolean(attribute, path, value) {
  const control = h('input', { type: 'checkbox', role: 'switch' });
  control.checked = value === undefined || value === null ? !!attribute.defaultValue : value === true || value === 'true' || value === 1;
  return node(attribute, path, control, { isSwitch: true, read: () => control.checked });
}

// select offers [value, text] pairs; a stored value that is not among them is offered all the same.
function select(attribute, path, value, pairs, empty) {
  const control = h('select');
  const stored = held(attribute, value);
  const all = empty === undefined ? [...pairs] : [['', empty], ...pairs];
  if (stored !== '' && !all.some(([v]) => v === stored)) all.push([stored, String(stored)]);
  for (const [v, text] of all) control.add(new Option(text, v));
  control.value = stored;
  if (control.selectedIndex < 0) control.selectedIndex = 0;
  return node(attribute, path, control, {
    read: () => control.value, complaint: () => (required(attribute) && !control.value ? t('invalid.required') : ''),
  });
}

function oneOf(attribute, path, value) {
  const offered = attribute.selectableValues ?? [];
  const wrong = value === undefined && !offered.includes(attribute.defaultValue);
  const made = select(wrong ? { ...attribute, defaultValue: null } : attribute, path, value, offered.map((v) => [v, choice(attribute, v)]), required(attribute) ? undefined : t('field.none'));
  return { ...made, read: () => made.control.value || undefined, find: (wanted) => (wanted === path ? made : undefined) };
}

function scanMode(attribute, path, value, { scanModes = [] }) {
  const kind = attribute.acceptableType ?? 'POLL';
  const fits = ({ id }) => kind === 'SUBSCRIPTION_AND_POLL' || (id === 'subscription') === (kind === 'SUBSCRIPTION');
  const pairs = scanModes.filter(fits).map(({ id, name }) => [id, name]);
  return select(attribute, path, value ?? (kind === 'SUBSCRIPTION' ? 'subscription' : undefined), pairs, kind === 'SUBSCRIPTION' ? undefined : t('field.choose'));
}

// certificate offers those of OIBus, and says which have ended. The way to make one stands below, in a tab of its own so
// that what was filled in here stays; what was made there can be chosen when the person is back.
function certificate(attribute, path, value, { certificates = [] }) {
  const option = ({ id, name, expiry }) => [id, Date.parse(expiry) < serverNow() ? `${name} (${t('certificates.expired')})` : name];
  const made = select(attribute, path, value, certificates.map(option), t('field.choose'));
  const none = h('span', {}, certificates.length ? '' : `${t('field.noCertificate')} `);
  const link = h('a', { href: '/certificates', target: '_blank' }, t('certificates.title'));
  link.addEventListener('click', () => window.addEventListener('focus', async () => {
    const [offered, now] = [[...made.control.options].map((o) => o.value), await get('/api/certificates').catch(() => [])];
    for (const [id, text] of now.map(option)) if (!offered.includes(id)) made.control.add(new Option(text, id));
    if (now.length) setText(none, '');
  }, { once: true }));
  made.element.append(h('p', { class: 'hint' }, none, link));
  return made;
}

function timezone(attribute, path, value) {
  if (!document.getElementById('timezones')) {
    const list = h('datalist', { id: 'timezones' });
    for (const zone of ['UTC', ...Intl.supportedValuesOf('timeZone')]) list.append(new Option(zone, zone));
    document.body.append(list);
  }
  return textual(attribute, path, value, input('text', { list: 'timezones' }));
}

function instant(attribute, path, value) {
  const control = input('datetime-local', { step: '1' });
  if (value) control.value = localTime(value);
  const zone = attribute.translationKey === 'form' ? '' : t('history.zone', { zone: timeZoneName }); // forms of the page say it once
  return node(attribute, path, control, {
    about: [help(attribute), zone].filter(Boolean).join(' '),
    read: () => (control.value ? fromLocalTime(control.value) : null),
    complaint: () => (required(attribute) && !control.value ? t('invalid.required') : ''),
  });
}

function code(attribute, path, value) {
  const made = textual(attribute, path, value, h('textarea', { rows: '8', class: 'mono', spellcheck: 'false', autocapitalize: 'off' }));
  return made;
}

// draw makes the control of an attribute that is neither an object nor an array.
export function drawControl(attribute, path, value, context) {
  switch (attribute.type) {
    case 'secret': return secret(attribute, path, value, context);
    case 'number': return number(attribute, path, value);
    case 'boolean': return boolean(attribute, path, value);
    case 'string-select': return oneOf(attribute, path, value);
    case 'choice': return select(attribute, path, value, attribute.pairs, attribute.empty);
    case 'scan-mode': return scanMode(attribute, path, value, context);
    case 'certificate': return certificate(attribute, path, value, context);
    case 'timezone': return timezone(attribute, path, value);
    case 'instant': return instant(attribute, path, value);
    case 'code': return code(attribute, path, value);
    default: return textual(attribute, path, value, input('text'));
  }
}
