// One transformer: a custom one is written, tried and saved here; a standard one is shown, and tried.
import '../shell.js';
import { Failure, get, leave, post, put } from '../api.js';
import { $, h, later, setText, show } from '../dom.js';
import { ask } from '../dialog.js';
import { transformerName } from '../connector/labels.js';
import { attribute, group, ManifestForm } from '../connector/manifest.js';
import { explain } from '../refused.js';
import { plural, t } from '../text.js';
import { toast } from '../toast.js';
import { contentName, drop, INPUTS, named, OUTPUTS, usersOf } from '../transformer/actions.js';
import { CodeField } from '../transformer/code.js';
import { advancedForm, empty, fromTable, optionsForm, simple, toTable } from '../transformer/options.js';
import { template } from '../transformer/template.js';
import { Trial } from '../transformer/trial.js';
import { address } from '../transformer/usage.js';

const root = $('#transformer');
const { id } = root.dataset;
const isNew = id === 'new';
const SECONDS = 300;
let one, form, code, trial, advanced;

const whole = (name) => { for (const part of root.querySelectorAll(':scope > [data-state]')) show(part, part.dataset.state === name); };

async function open() {
  root.querySelector(':scope > [data-state=failed] [data-retry]').addEventListener('click', open, { once: true });
  try {
    const [scanModes, certificates] = await Promise.all([get('/api/scan-modes'), get('/api/certificates')]);
    one = await wanted();
    head();
    if (one.type === 'custom') editor({ scanModes, certificates });
    trial = new Trial({ what: () => (one.type === 'custom' ? draft() : standard()), context: { scanModes, certificates }, failed });
    trial.drawOptions();
    await trial.fill();
    show($('#trial'), !['iso', 'ignore'].includes(one.functionName));
    whole();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    explain(root, error);
    whole('failed');
    return;
  }
  if (!isNew) showUsers();
}

async function wanted() {
  const duplicate = new URLSearchParams(location.search).get('duplicate');
  if (!isNew) return get(`/api/transformers/${encodeURIComponent(id)}`);
  const fresh = { type: 'custom', description: '', language: 'javascript', inputType: 'time-values', outputType: 'time-values', timeout: 2000, manifest: empty };
  if (!duplicate) return { ...fresh, customCode: template(fresh) };
  const source = await get(`/api/transformers/${encodeURIComponent(duplicate)}`);
  return { ...source, name: t('connector.copyOf', { name: source.name }) };
}

function head() {
  const custom = one.type === 'custom';
  const name = isNew ? t('transformers.create') : transformerName(one);
  setText($('#name'), name);
  setText($('#kind'), t(`transformers.kind.${one.type}`));
  $('#kind').className = `badge badge-${custom ? 'info' : 'neutral'}`;
  setText($('#flow'), ['iso', 'ignore'].includes(one.functionName) ? contentName('all') : `${contentName(one.inputType)} → ${contentName(one.outputType)}`);
  document.title = document.title.replace(/^[^·]*/, `${name} `);
  show($('#actions'), custom && !isNew);
  $('#duplicate').href = `/transformers/new?duplicate=${id}`;
  show($('#standard'), !custom);
}

/* A custom one */

const pairs = (kinds) => kinds.map((kind) => [kind, contentName(kind)]);
const headForm = group('', [
  attribute('string', 'name', { columns: 6, needed: true }), attribute('string', 'description', { columns: 6 }),
  attribute('choice', 'inputType', { row: 1, columns: 3, needed: true, pairs: pairs(INPUTS) }), attribute('choice', 'outputType', { row: 1, columns: 3, needed: true, pairs: pairs(OUTPUTS) }),
  attribute('choice', 'language', { row: 1, columns: 3, needed: true, pairs: ['javascript', 'typescript'].map((name) => [name, t(`transformers.language.${name}`)]) }),
  attribute('number', 'timeout', { row: 1, columns: 3, needed: true, min: 100, defaultValue: 2000, unit: 'ms' }),
]);
const codeForm = group('', [attribute('code', 'customCode', { needed: true })]);

function editor(context) {
  form = new ManifestForm($('#code-form'), { submit: save, changed: (dirty) => { $('#discard').disabled = !dirty; } });
  const draw = () => {
    advanced = !simple(one.manifest);
    form.draw({
      head: [$('#head-fields'), headForm, one], code: [$('#code-fields'), codeForm, one],
      options: advanced ? [$('#options-fields'), advancedForm, { manifest: JSON.stringify(one.manifest, null, 2) }] : [$('#options-fields'), optionsForm, toTable(one.manifest)],
    }, context);
    code = new CodeField(form.parts.code.find('customCode').control);
  };
  draw();
  show($('#code-form'), true);
  show($('#discard'), !isNew);
  $('#discard').addEventListener('click', draw);
  $('#delete').addEventListener('click', async () => { if (await drop(one)) leave('/transformers'); });
  $('#template').addEventListener('click', async () => {
    const [now, { head: values }] = [form.read().code.customCode.trim(), form.read()];
    if (now && now !== template(one).trim() && !(await ask({ title: t('code.template.title'), text: t('code.template.text'), yes: t('code.template') }))) return;
    code.set(template(values));
  });
  $('#head-fields').addEventListener('change', ({ target }) => { if (target.closest('[data-field]')?.dataset.field === 'inputType') trial.retype(); });
  const redraw = later(() => trial.drawOptions(), 300);
  $('#options-fields').addEventListener('input', redraw);
  $('#options-fields').addEventListener('change', redraw);
  if (isNew) $('#head-fields input').focus();
}

// manifest is that of the options as the form has them; the stored one while it cannot be read.
function manifest() {
  const { options } = form.read();
  if (!advanced) return fromTable(options, one.manifest);
  try { return JSON.parse(options.manifest); } catch { return one.manifest; }
}

function command() {
  const { head: { name, description, ...more }, code: { customCode } } = form.read();
  return { type: 'custom', name, description, ...more, customCode, customManifest: manifest() };
}

const draft = () => ({
  type: form.read().head.inputType, manifest: manifest(),
  async run(inputData, options) {
    const transformer = command();
    const { output, metadata, console, error } = await post('/api/page/transformers/test', { transformer: { ...transformer, name: transformer.name || 'test' }, testRequest: { inputData, options } }, { seconds: SECONDS });
    return { output, console, error, kind: metadata?.contentType, elements: metadata?.numberOfElement, file: metadata?.contentFile };
  },
});

const standard = () => ({
  type: one.inputType, manifest: one.manifest,
  async run(inputData, options) {
    const { transformed } = await post(`/api/transformers/${encodeURIComponent(id)}/test`, { inputData, options }, { seconds: SECONDS });
    return { output: transformed?.content ?? '', kind: one.outputType, file: transformed?.filePath, elements: Array.isArray(transformed?.content) ? transformed.content.length : undefined };
  },
});

// failed shows where the code is wrong.
function failed(line, column, go) {
  code?.mark(line);
  if (go) code?.go(line, column);
}

async function save() {
  if (advanced) {
    try { JSON.parse(form.read().options.manifest); } catch (error) { throw new Failure(400, '', { 'options.manifest': t('trial.notJSON', { problem: error.message }) }); }
  }
  const body = command();
  const reshaped = !isNew && sorted(body.customManifest) !== sorted(one.manifest);
  const users = reshaped ? await usersOf(id) : [];
  if (users.length && !(await ask({ title: t('transformers.reshape.title'), text: `${named(users)} ${t('transformers.reshape.text')}`, yes: t('action.save'), danger: true }))) throw new Failure(400, t('transformers.reshape.kept'));
  if (isNew) {
    const made = await post('/api/transformers', body);
    toast(t('connector.saved', { name: made.name }));
    leave(`/transformers/${made.id}`);
    return;
  }
  await put(`/api/transformers/${encodeURIComponent(id)}`, body);
  one = await get(`/api/transformers/${encodeURIComponent(id)}`);
  head();
  toast(t('connector.saved', { name: one.name }));
  if (reshaped) showUsers();
}

// sorted is a value as a text in which the order of keys does not matter.
const sorted = (value) => JSON.stringify(value, (key, v) => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))) : v));

/* Who uses it */

async function showUsers() {
  const list = $('#users');
  try {
    const users = await usersOf(id);
    list.replaceChildren(...(users.length ? users.map((user) => h('li', {}, h('a', { href: address(user) }, user.name), ' ', h('span', { class: 'muted' }, t(`transformers.user.${user.kind}`)))) : [h('li', { class: 'muted' }, t('transformers.unused'))]));
    setText($('#users-count'), users.length ? plural('transformers.users', users.length) : '');
  } catch (error) {
    setText(list, error.message);
  }
  show($('#usage'), true);
}

open();
