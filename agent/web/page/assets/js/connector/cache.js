// The cache of a North or a history query: what waits, what failed, what is archived; looked into, sent again, archived, removed.
import { get, post } from '../api.js';
import { $, $$, clone, later, setText, show } from '../dom.js';
import { ask, openDialog } from '../dialog.js';
import { bytes, fromLocalTime, instant, moment, number, timeZoneName } from '../format.js';
import { plural, t } from '../text.js';
import { contentName } from '../transformer/actions.js';
import { complain, toast } from '../toast.js';
import { base, state } from './base.js';

const FIRST = 100; // contents that are listed at first, newest first
const MOST = 1000; // and at most: who wants more chooses all that are found
const BATCH = 5000; // contents that one request changes
const FOLDERS = ['cache', 'error', 'archive'];
const SLOW = { seconds: 300 };

export function cacheExplorer() {
  const root = $('#cache');
  const filters = $('#cache-filters');
  const chosen = new Set(); // ids
  const rows = new Map(); // folder and id → element: one that stays in the list is not replaced under the pointer
  let shown = [], listed = 'cache', most = FIRST, open, asking, all = false; // listed is the folder of what is shown; all: what is chosen is more than that

  setText($('[data-zone]', filters), t('history.zone', { zone: timeZoneName }));
  const folder = () => filters.elements.folder.value;
  const iso = (control) => (control.value ? fromLocalTime(control.value) : '');
  function query() {
    const { nameContains, start, end } = filters.elements;
    return { nameContains: nameContains.value.trim(), start: iso(start), end: iso(end), names: 'all' };
  }

  async function refresh(quiet = false) {
    asking?.abort();
    asking = new AbortController();
    if (!quiet) root.setAttribute('aria-busy', 'true');
    const wanted = folder();
    try {
      const found = await get(`${base}/cache/search`, { ...query(), maxNumberOfFilesReturned: most, order: 'newest' }, { signal: asking.signal, ...SLOW });
      for (const name of FOLDERS) setText($(`[data-folder-count="${name}"]`), found[name].length >= most ? `${number(most)}+` : number(found[name].length));
      [listed, shown] = [wanted, found[wanted]];
      draw();
      state(root, shown.length ? 'rows' : 'empty');
      setText($('[data-empty-text]', root), t(`cache.empty.${listed}`));
      show($('#cache-more'), shown.length >= most);
      show($('[data-more]', root), most < MOST);
      setText($('#cache-more span'), t('cache.shown', { n: number(shown.length) }));
      drawChosen();
    } catch (error) {
      if (error.name === 'AbortError') return;
      setText($('[data-failure]', root), error.message);
      state(root, 'failed');
    } finally {
      root.removeAttribute('aria-busy');
    }
  }

  function draw() {
    const body = $('tbody', root);
    const here = new Map(shown.map((file) => [`${listed} ${file.filename}`, file]));
    for (const key of [...rows.keys()]) if (!here.has(key)) rows.delete(key);
    for (const [key, file] of here) if (!rows.has(key)) rows.set(key, row(file));
    const elements = [...here.keys()].map((key) => rows.get(key));
    if (elements.length !== body.children.length || elements.some((e, i) => body.children[i] !== e)) body.replaceChildren(...elements);
    root.dataset.shown = listed;
  }

  function row(file) {
    const { filename, metadata: m } = file;
    const element = clone($('#file-row'), { file: m.contentFile, id: filename, created: moment(m.createdAt), type: contentName(m.contentType), elements: m.numberOfElement ? number(m.numberOfElement) : '', size: bytes(m.contentSize) });
    const select = $('[data-select]', element);
    select.checked = chosen.has(filename);
    select.setAttribute('aria-label', t('items.select', { name: m.contentFile }));
    select.addEventListener('change', () => {
      if (select.checked) chosen.add(filename);
      else chosen.delete(filename);
      drawChosen();
    });
    $('time', element).title = instant(m.createdAt);
    $('[data-open]', element).addEventListener('click', () => view(file));
    $('[data-download]', element).href = address(filename);
    return element;
  }

  const address = (filename) => `${base}/cache/content/${encodeURIComponent(filename)}/download?folder=${listed}`;

  async function view(file) {
    open = file;
    const { filename, metadata: m } = file;
    setText($('#file-title'), m.contentFile);
    setText($('[data-file=about]'), `${instant(m.createdAt)} · ${bytes(m.contentSize)} · ${contentName(m.contentType)}`);
    $('#file-download').href = address(filename);
    setText($('#file-content'), t('state.busy'));
    show($('#file-cut'), false);
    for (const button of $$('[data-one]', $('#file'))) show(button, button.dataset.one !== listed);
    openDialog($('#file'));
    try {
      const content = await get(`${base}/cache/content/${encodeURIComponent(filename)}`, { folder: listed });
      if (open !== file) return;
      setText($('#file-content'), laidOut(content));
      show($('#file-cut'), content.truncated);
      setText($('#file-cut span'), t('cache.cut', { size: bytes(content.totalSize) }));
    } catch (error) {
      if (open === file) setText($('#file-content'), error.message);
    }
  }

  function drawChosen() {
    const here = new Set(shown.map(({ filename }) => filename));
    if (!all) for (const id of chosen) if (!here.has(id)) chosen.delete(id);
    show($('#cache-all'), !all && shown.length >= most);
    show($('#cache-bulk'), chosen.size > 0);
    setText($('#cache-count'), plural('cache.chosen', chosen.size));
    for (const button of $$('[data-move]', root)) show(button, button.dataset.move !== listed);
    const box = $('#cache-select');
    box.checked = chosen.size > 0 && chosen.size === shown.length;
    box.indeterminate = chosen.size > 0 && chosen.size < shown.length;
    for (const [i, element] of $$('tbody tr', root).entries()) $('[data-select]', element).checked = chosen.has(shown[i]?.filename);
  }

  // move brings contents to another folder, or removes them.
  async function move(ids, to) {
    if (to === 'remove' && !(await ask({ title: plural('cache.remove.title', ids.length), text: t('cache.remove.text'), yes: t('cache.remove'), danger: true }))) return;
    const from = listed;
    try {
      for (let i = 0; i < ids.length; i += BATCH) {
        const batch = ids.slice(i, i + BATCH);
        const update = Object.fromEntries(FOLDERS.map((name) => [name, { remove: [], move: [] }]));
        if (to === 'remove') update[from].remove = batch;
        else update[from].move = batch.map((filename) => ({ filename, to }));
        await post(`${base}/cache/update`, update, SLOW);
      }
      toast(plural(`cache.done.${to}`, ids.length));
      all = false;
      chosen.clear();
      $('#file').close();
    } catch (error) {
      complain(error);
    }
    await refresh(true);
  }

  for (const button of $$('[data-move]', root)) {
    button.addEventListener('click', async () => {
      if (button.dataset.move === 'none') {
        all = false;
        chosen.clear();
        drawChosen();
        return;
      }
      button.setAttribute('aria-busy', 'true');
      await move([...chosen], button.dataset.move);
      button.removeAttribute('aria-busy');
    });
  }
  for (const button of $$('[data-one]', $('#file'))) button.addEventListener('click', () => move([open.filename], button.dataset.one));
  $('#cache-all').addEventListener('click', async ({ currentTarget: button }) => {
    button.setAttribute('aria-busy', 'true');
    try {
      const [of, names] = [listed, await get(`${base}/cache/names`, { ...query(), folder: listed }, SLOW)];
      if (of !== listed) return;
      all = true;
      for (const name of names) chosen.add(name);
      drawChosen();
    } catch (error) {
      complain(error);
    } finally {
      button.removeAttribute('aria-busy');
    }
  });
  $('#cache-select').addEventListener('change', ({ target }) => {
    all = false;
    chosen.clear();
    if (target.checked) for (const { filename } of shown) chosen.add(filename);
    drawChosen();
  });
  const search = () => {
    all = false;
    most = FIRST;
    refresh();
  };
  const soon = later(search, 250);
  filters.addEventListener('input', ({ target }) => (target.type === 'radio' ? search() : soon()));
  filters.addEventListener('submit', (event) => event.preventDefault());
  $('#cache-refresh').addEventListener('click', () => refresh());
  $('[data-more]', root).addEventListener('click', () => {
    most = MOST;
    refresh();
  });
  $('[data-retry]', root).addEventListener('click', () => refresh());
  refresh();
}

// laidOut is the content of a file as it is read best.
function laidOut({ content, contentType, truncated }) {
  if (contentType !== 'json' || truncated) return content;
  try { return JSON.stringify(JSON.parse(content), null, 2); } catch { return content; }
}
