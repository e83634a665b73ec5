// Draws inputs for the values of a JSON object and writes what a person enters back into it.
import { get, set } from './paths.js';

const long = new Set(['csvContent', 'customCode', 'query', 'inputData', 'content', 'body']);

function element(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(key, '');
    else if (value !== false && value !== undefined && value !== null) e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

const scalar = (v) => v === null || typeof v !== 'object';

// draw fills container with the inputs of command.
export function draw(container, command, library, names, isSecret) {
  const context = { command, library, names, isSecret, lists: 0, container };
  container.replaceChildren();
  const top = element('div', { class: 'grid' });
  for (const key of Object.keys(command)) {
    if (key === 'type' || key === 'targetVersion' || key === 'id' || key === 'commandContent') continue;
    top.append(topField(context, key));
  }
  if (top.children.length) container.append(top);
  const content = command.commandContent;
  if (content === undefined) {
    if (!top.children.length) container.append(element('p', { class: 'empty' }, 'This command has nothing to fill in.'));
  } else if (Array.isArray(content)) {
    container.append(element('div', { class: 'grid' }, jsonInput(context, ['commandContent'], 'Content')));
  } else {
    drawObject(context, container, ['commandContent']);
  }
}

// drawObject puts the plain values into a grid, then the switches, then the objects inside as groups, lists last.
function drawObject(context, container, path) {
  const object = get(context.command, path);
  const grid = element('div', { class: 'grid' });
  const flags = element('div', { class: 'checks' });
  const lists = element('div', { class: 'grid' });
  const groups = [];
  for (const key of Object.keys(object)) {
    const value = object[key];
    const at = [...path, key];
    if (typeof value === 'boolean') flags.append(valueInput(context, at));
    else if (scalar(value)) grid.append(valueInput(context, at));
    else if (Array.isArray(value) || key === 'customManifest' || !Object.keys(value).length) lists.append(jsonInput(context, at));
    else groups.push(at);
  }
  if (grid.children.length) container.append(grid);
  if (flags.children.length) container.append(flags);
  for (const at of groups) {
    const group = element('fieldset', {}, element('legend', {}, at[at.length - 1]));
    drawObject(context, group, at);
    container.append(group);
  }
  if (lists.children.length) container.append(lists);
}

// topField is a key beside commandContent, described by the library.
function topField(context, key) {
  const field = context.library.fields[key] || { label: key, kind: 'text' };
  const path = [key];
  const value = context.command[key];
  const update = (v) => set(context.command, path, v);
  if (field.kind === 'flag') return check(field.label, value === true, update);
  if (field.kind === 'choice') return labelled(field.label, select(field.choices, value, update));
  if (field.kind === 'lines') return wide(labelled(field.label, area(value, 8, update)));
  if (field.kind === 'text') return labelled(field.label, text(value, update));
  return objectField(context, field, value, update);
}

// objectField names an object of the agent: its id, proposed from the configuration that the agent sent.
function objectField(context, field, value, update) {
  const id = `names-${context.lists++}`;
  const list = element('datalist', { id });
  for (const n of context.names[field.kind] || []) {
    list.append(element('option', { value: n.id }, [n.name, n.detail].filter(Boolean).join(' · ')));
  }
  const input = element('input', { list: id, autocomplete: 'off', spellcheck: 'false', placeholder: field.optional ? 'none' : 'id' });
  input.value = value || '';
  const name = element('span', { class: 'dim' });
  const tell = () => {
    const found = (context.names[field.kind] || []).find((n) => n.id === input.value);
    name.textContent = found ? [found.name, found.detail].filter(Boolean).join(' · ') : '';
  };
  input.addEventListener('input', () => { update(input.value === '' && field.optional ? null : input.value); tell(); });
  tell();
  return element('label', { class: 'field' }, field.label, input, name, list);
}

function valueInput(context, path) {
  const value = get(context.command, path);
  const key = path[path.length - 1];
  const update = (v) => set(context.command, path, v);
  if (context.isSecret(path)) return secretInput(key, value, update);
  const choices = choicesOf(context.library.choices, path);
  if (choices && typeof value === 'string') return labelled(key, select(choices, value, update));
  if (typeof value === 'boolean') return check(key, value, update);
  if (typeof value === 'number') return labelled(key, number(value, update));
  if (typeof value === 'string' && (value.includes('\n') || long.has(key))) return wide(labelled(key, area(value, 6, update)));
  if (value === null) return labelled(key, nullable(update));
  if (/^scanMode(Id)?$/.test(key)) return objectField(context, { label: key, kind: 'scanMode' }, value, update);
  return labelled(key, text(value, update));
}

const choicesOf = (choices, path) => choices[path.slice(-2).join('.')] || choices[path[path.length - 1]];
const labelled = (label, input) => element('label', { class: 'field' }, label, input);
const wide = (field) => { field.classList.add('wide'); return field; };

function listen(input, read, update) {
  input.addEventListener('input', () => update(read(input)));
  return input;
}

function text(value, update) {
  const input = element('input', { autocomplete: 'off', spellcheck: 'false' });
  input.value = value ?? '';
  return listen(input, (i) => i.value, update);
}

// nullable is a value that is null until something is entered. Numbers and true or false stay what they are.
function nullable(update) {
  const input = element('input', { autocomplete: 'off', spellcheck: 'false', placeholder: 'null' });
  return listen(input, (i) => {
    if (i.value === '') return null;
    return /^(-?\d+(\.\d+)?|true|false)$/.test(i.value) ? JSON.parse(i.value) : i.value;
  }, update);
}

function number(value, update) {
  const input = element('input', { type: 'number', step: 'any' });
  input.value = value;
  return listen(input, (i) => (i.value === '' ? null : Number(i.value)), update);
}

function area(value, rows, update) {
  const input = element('textarea', { rows, spellcheck: 'false', autocomplete: 'off' });
  input.value = value ?? '';
  return listen(input, (i) => i.value, update);
}

function select(values, value, update) {
  const input = element('select');
  for (const v of values.includes(value) ? values : [value, ...values]) input.append(element('option', {}, v));
  input.value = value;
  return listen(input, (i) => i.value, update);
}

function check(label, value, update) {
  const input = element('input', { type: 'checkbox' });
  input.checked = value;
  input.addEventListener('change', () => update(input.checked));
  return element('label', { class: 'check' }, input, label);
}

function secretInput(key, value, update) {
  const input = element('input', { type: 'password', autocomplete: 'new-password', placeholder: 'empty keeps what is stored' });
  input.value = value ?? '';
  return element('label', { class: 'field' }, element('span', { class: 'lock' }, key), listen(input, (i) => i.value, update));
}

// jsonInput is a list or a free object, entered as JSON. The form cannot be sent while it is not JSON.
function jsonInput(context, path, label) {
  const value = get(context.command, path);
  const written = JSON.stringify(value, null, 2);
  const input = element('textarea', { rows: Math.min(14, written.split('\n').length + 1), spellcheck: 'false', autocomplete: 'off' });
  input.value = written;
  input.addEventListener('input', () => {
    try {
      set(context.command, path, JSON.parse(input.value));
      input.setCustomValidity('');
      input.removeAttribute('aria-invalid');
    } catch (error) {
      input.setCustomValidity(`${path[path.length - 1]} is not JSON: ${error.message}`);
      input.setAttribute('aria-invalid', 'true');
    }
  });
  return wide(labelled(`${label || path[path.length - 1]} (JSON)`, input));
}
