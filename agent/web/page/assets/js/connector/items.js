// The items of a South or a history query: searched and paged by the server, so that 100,000 of them are as quick as ten.
// Chosen ones are switched on and off, moved and deleted together. Those of a history query have neither scan mode nor group.
import { get, post, remove } from '../api.js';
import { $, $$, clone, download, later, setText, show } from '../dom.js';
import { ask } from '../dialog.js';
import { instant, moment } from '../format.js';
import { pager } from '../list.js';
import { plural, t } from '../text.js';
import { complain, toast } from '../toast.js';
import { base, kind, state } from './base.js';
import { openMove } from './groups.js';
import { openImport } from './import.js';
import { itemEditor } from './item.js';

const SLOW = { seconds: 300 };
const MANY = 100; // items that are not switched off without a question
const subscription = 'subscription';
const plain = kind === 'history';

export function itemTable(shared) {
  const root = $('#items');
  const filters = $('#item-filters');
  const chosen = new Set(); // ids
  let page = 0, sort = 'name', shown = [], total = 0, asking, changing = false;

  // summary shows what of the settings of an item tells it from others: the texts that the manifest wants seen.
  const telling = shared.manifest.items.rootAttribute.attributes.find(({ key }) => key === 'settings').attributes
    .filter(({ type, displayProperties }) => ['string', 'string-select', 'code'].includes(type) && displayProperties?.displayInViewMode).map(({ key }) => key);
  const summary = (settings) => telling.map((key) => settings[key]).filter(Boolean).join(' · ');

  const edit = itemEditor(shared, () => refresh(true));

  function query() {
    const { name, enabled, scanModeId, groupId } = filters.elements;
    return { name: name.value.trim(), enabled: enabled.value, scanModeId: scanModeId?.value, groupId: groupId?.value };
  }
  const filtered = () => Object.values(query()).some(Boolean);

  function fillFilters() {
    const fill = (select, pairs) => {
      const before = select.value;
      while (select.options.length > 1) select.remove(1);
      for (const [value, text] of pairs) select.add(new Option(text, value));
      select.value = before;
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    };
    fill(filters.elements.enabled, [['true', t('items.enabled.true')], ['false', t('items.enabled.false')]]);
    if (plain) return;
    const accepts = shared.manifest.items.rootAttribute.attributes.find(({ key }) => key === 'scanMode')?.acceptableType ?? 'POLL';
    fill(filters.elements.scanModeId, shared.scanModes.filter(({ id }) => accepts === 'SUBSCRIPTION_AND_POLL' || (id === subscription) === (accepts === 'SUBSCRIPTION')).map(({ id, name }) => [id, name]));
    fill(filters.elements.groupId, [['none', t('items.group.none')], ...shared.one.groups.map(({ id, standardSettings }) => [id, standardSettings.name])]);
  }

  async function refresh(quiet = false) {
    asking?.abort();
    asking = new AbortController();
    if (!quiet) root.setAttribute('aria-busy', 'true');
    try {
      const found = await get(`${base}/items/search`, { ...query(), sort: plain ? '' : sort, page }, { signal: asking.signal });
      if (!found.content.length && page > 0) {
        page = Math.max(0, found.totalPages - 1);
        return refresh(quiet);
      }
      [shown, total] = [found.content, found.totalElements];
      $('tbody', root).replaceChildren(...shown.map(row));
      showPage(found);
      state(root, shown.length ? 'rows' : filtered() ? 'nomatch' : 'empty');
      if (found.totalPages < 2) show($('.pager', root), false);
      drawChosen();
    } catch (error) {
      if (error.name === 'AbortError') return;
      setText($('[data-failure]', root), error.message);
      state(root, 'failed');
    } finally {
      root.removeAttribute('aria-busy');
    }
  }

  function row(item) {
    const element = clone($('#item-row'), {
      name: item.name, settings: summary(item.settings),
      scanMode: item.group?.standardSettings.scanMode?.name ?? item.scanMode?.name ?? '–', group: item.group?.standardSettings.name ?? '', updated: moment(item.updatedAt),
    });
    const [select, enabled] = [$('[data-select]', element), $('[data-enabled]', element)];
    select.checked = chosen.has(item.id);
    select.setAttribute('aria-label', t('items.select', { name: item.name }));
    select.addEventListener('change', () => {
      if (select.checked) chosen.add(item.id);
      else chosen.delete(item.id);
      drawChosen();
    });
    enabled.checked = item.enabled;
    enabled.setAttribute('aria-label', t('items.enableOne', { name: item.name }));
    enabled.addEventListener('change', () => act(() => post(`${base}/items/${item.id}/${enabled.checked ? 'enable' : 'disable'}`, {}, SLOW)));
    $('[data-text=updated]', element).title = instant(item.updatedAt);
    $('[data-edit]', element).addEventListener('click', () => change(item));
    $('[data-copy]', element).addEventListener('click', () => edit({ ...item, id: null, name: t('connector.copyOf', { name: item.name }) }));
    $('[data-delete]', element).setAttribute('aria-label', t('items.deleteOne', { name: item.name }));
    $('[data-delete]', element).addEventListener('click', async () => {
      if (!(await ask({ title: t('items.delete.title', { name: item.name }), text: t('items.delete.text'), yes: t('action.delete'), danger: true }))) return;
      chosen.delete(item.id);
      await act(() => remove(`${base}/items/${item.id}`, SLOW));
    });
    return element;
  }

  // change opens an item as it is now.
  async function change({ id }) {
    if (changing) return;
    changing = true;
    try {
      edit(await get(`${base}/items/${id}`));
    } catch (error) {
      complain(error);
      await refresh(true);
    } finally {
      changing = false;
    }
  }

  async function act(action, done) {
    try {
      await action();
      if (done) toast(done);
    } catch (error) {
      complain(error);
    }
    await refresh(true);
  }

  function drawChosen() {
    show($('#bulk'), chosen.size > 0);
    setText($('#bulk-count'), plural('items.chosen', chosen.size));
    const all = $('#bulk-all');
    show(all, chosen.size < total);
    setText(all, plural('items.selectAll', total));
    const box = $('#select-page');
    const here = shown.filter(({ id }) => chosen.has(id)).length;
    box.checked = here > 0 && here === shown.length;
    box.indeterminate = here > 0 && here < shown.length;
    for (const [i, element] of $$('tbody tr', root).entries()) $('[data-select]', element).checked = chosen.has(shown[i]?.id);
  }

  $('#select-page').addEventListener('change', ({ target }) => {
    for (const { id } of shown) {
      if (target.checked) chosen.add(id);
      else chosen.delete(id);
    }
    drawChosen();
  });
  $('#bulk-all').addEventListener('click', async () => {
    try {
      for (const id of await get(`${base}/items/ids`, query())) chosen.add(id); // of all that the search finds
      drawChosen();
    } catch (error) {
      complain(error);
    }
  });

  async function turn(how, done) {
    await post(`${base}/items/${how}`, { itemIds: [...chosen] }, SLOW);
    toast(plural(done, chosen.size));
  }

  const bulk = {
    none: async () => chosen.clear(),
    enable: () => turn('enable', 'items.switchedOn'),
    async disable() {
      if (chosen.size > MANY && !(await ask({ title: plural('items.disable.many', chosen.size), text: t('items.disable.text'), yes: t('items.disable') }))) return;
      await turn('disable', 'items.switchedOff');
    },
    async delete() {
      const n = chosen.size;
      if (!(await ask({ title: plural('items.delete.many', n), text: t('items.delete.text'), yes: t('action.delete'), danger: true }))) return;
      await post(`${base}/items/delete`, { itemIds: [...chosen] }, SLOW);
      chosen.clear();
      toast(plural('items.deleted', n));
    },
    async move() {
      const group = await openMove(shared);
      if (group === undefined) return;
      await post(`${base}/items/move-to-group`, { groupId: group || null, itemIds: [...chosen] }, SLOW);
      toast(plural('items.moved', chosen.size));
    },
  };
  for (const button of $$('[data-bulk]', root)) {
    button.addEventListener('click', async () => {
      button.setAttribute('aria-busy', 'true');
      await act(bulk[button.dataset.bulk]);
      button.removeAttribute('aria-busy');
    });
  }

  for (const button of $$('[data-sort]', root)) {
    button.addEventListener('click', () => {
      sort = sort === button.dataset.sort ? `-${sort}` : button.dataset.sort;
      page = 0;
      drawSort();
      refresh();
    });
  }
  function drawSort() {
    for (const column of $$('[data-column]', root)) {
      const order = sort === column.dataset.column ? 'ascending' : sort === `-${column.dataset.column}` ? 'descending' : 'none';
      column.setAttribute('aria-sort', order);
    }
  }

  async function exportAll() {
    try {
      const answer = await fetch(`${base}/items/export`, { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json', Accept: 'text/csv' }, body: JSON.stringify({ delimiter: ',' }) });
      if (!answer.ok) throw new Error(t('failure.status', { status: answer.status }));
      download(`${shared.one.name}.csv`, await answer.text(), 'text/csv');
    } catch (error) {
      complain(error);
    }
  }

  const search = () => {
    page = 0;
    chosen.clear(); // what is out of sight is not changed with what is chosen from now on
    refresh();
  };
  const showPage = pager(root, (n) => {
    page = n;
    refresh();
  });
  filters.addEventListener('input', later(search, 200));
  filters.addEventListener('submit', (event) => event.preventDefault());
  $('[data-clear]', root).addEventListener('click', () => {
    filters.reset();
    search();
  });
  $('[data-retry]', root).addEventListener('click', search);
  $('[data-export]', root).addEventListener('click', exportAll);
  $('[data-import]', root).addEventListener('click', () => openImport(shared, async () => {
    if (!plain) shared.one.groups = await get(`${base}/groups`);
    fillFilters();
    chosen.clear();
    search();
  }));
  for (const button of $$('[data-new-item]', root)) button.addEventListener('click', () => edit());
  document.addEventListener('oibus-groups', () => {
    fillFilters();
    refresh(true);
  });
  fillFilters();
  drawSort();
  refresh();
}

