// Engine settings: one form a block, each saved by itself. A new port takes the person along.
import '../shell.js';
import { get, leave, put } from '../api.js';
import { openDialog } from '../dialog.js';
import { $, $$, setText, show } from '../dom.js';
import { Form } from '../form.js';
import { t } from '../text.js';
import { toast } from '../toast.js';

const MOVE_LIMIT = 8000; // ms for the old port to fall silent
const forms = $$('form[data-block]').map((element) => ({
  element, block: element.dataset.block, form: new Form(element, { submit: (values) => save(element, values) }),
}));

const nullable = ['username', 'url'];

// body is what the API takes: in the block of the proxy, texts that are not given are null.
function body(block, values) {
  if (block !== 'proxyServer') return values;
  for (const part of [values, values.forward]) {
    for (const name of nullable) if (name in part) part[name] ||= null;
  }
  return values;
}

async function save(element, values) {
  const { block, put: path } = element.dataset;
  const answer = await put(path, body(block, values));
  toast(t(`engine.saved.${block}`));
  if (answer?.needsRedirect) await move(answer.newPort);
  else await fill([block]);
}

// fill shows the stored settings. The passwords never come back: an empty one keeps what is stored.
async function fill(blocks) {
  const stored = await get('/api/engine');
  for (const { element, block, form } of forms) {
    if (blocks && !blocks.includes(block)) continue;
    const values = structuredClone(stored[block]);
    for (const part of [values, values.forward, values.loki]) if (part && 'password' in part) part.password = '';
    form.fill(values);
    show(element, true);
  }
}

// move waits until the old port no longer answers, then goes to the new one. What listens there is a different
// origin, so it cannot be asked from here.
async function move(port) {
  const target = new URL(location.href);
  target.port = port;
  setText($('#moved-text'), t('engine.moved.text', { port }));
  setText($('#moved-link'), target.href);
  $('#moved-link').href = target.href;
  openDialog($('#moved'));
  const end = Date.now() + MOVE_LIMIT;
  while (Date.now() < end) {
    try {
      await fetch('/api/status', { cache: 'no-store', signal: AbortSignal.timeout(1000) });
    } catch {
      break;
    }
    await new Promise((done) => { setTimeout(done, 400); });
  }
  leave(target.href);
}

async function load() {
  const root = $('#engine');
  const state = (name) => { for (const part of $$('[data-state]', root)) show(part, part.dataset.state === name); };
  try {
    await fill();
    state('');
    if (location.hash) $(location.hash)?.scrollIntoView();
  } catch (error) {
    setText($('[data-failure]', root), error.message);
    state('failed');
  }
}

// The list of sections follows what is in view.
const links = new Map($$('.toc a').map((link) => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) links.get(entry.target.id)?.classList.toggle('in-view', entry.isIntersecting);
  const first = [...links.values()].find((link) => link.classList.contains('in-view'));
  for (const link of links.values()) {
    if (link === first) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}, { rootMargin: '-10% 0px -55% 0px' });
for (const { element } of forms) watcher.observe(element);

$('[data-retry]').addEventListener('click', load);
load();
