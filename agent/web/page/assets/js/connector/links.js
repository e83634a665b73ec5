// Transformer bindings of a North: what comes from where, and through which transformer.
import { get, post, remove } from '../api.js';
import { $, clone, h, setText, show } from '../dom.js';
import { ask, guard, openDialog } from '../dialog.js';
import { plural, t } from '../text.js';
import { complain, toast } from '../toast.js';
import { byName, transformerName } from './labels.js';
import { attribute, drawObject, group, ManifestForm } from './manifest.js';
import { base, state } from './base.js';
import { itemPicker } from './picker.js';

export function linkList(shared) {
  const root = $('#links');
  const dialog = $('#link');
  let open, souths, options, begun;
  const picker = itemPicker(() => `/api/south/${form.read().link.south}`);
  const form = new ManifestForm($('form', dialog), { submit: save, guarded: false });
  const held = () => JSON.stringify([form.read(), options?.read(), picker.items.map(({ id }) => id)]);
  guard(dialog, () => held() !== begun);

  function draw() {
    const links = shared.one.transformers;
    $('tbody', root).replaceChildren(...links.map(row));
    state(root, links.length ? 'rows' : 'empty');
  }

  async function refresh() {
    try {
      shared.one.transformers = (await get(base)).transformers;
    } catch (error) {
      complain(error);
    }
    draw();
  }

  function row(link) {
    const { source } = link;
    const element = clone($('#link-row'), { ...described(source), transformer: transformerName(link.transformer), options: Object.keys(link.options ?? {}).length ? JSON.stringify(link.options) : '' });
    $('[data-edit]', element).addEventListener('click', () => edit(link));
    $('[data-delete]', element).addEventListener('click', () => drop(link));
    return element;
  }

  async function edit(link) {
    open = link;
    setText($('#link-title'), t(link ? 'links.edit' : 'links.create'));
    try {
      souths ??= await get('/api/south');
    } catch (error) {
      complain(error);
      return;
    }
    picker.set(link?.source.items ?? []);
    const source = link?.source ?? { type: 'south' };
    const groups = await groupsOf(source.south?.id);
    drawSource(groups, { type: source.type, south: source.south?.id ?? '', part: source.group ? 'group' : source.items?.length ? 'items' : 'all', group: source.group?.id ?? '', dataSourceId: source.dataSourceId ?? '', transformer: link?.transformer?.id ?? '' }, link?.options);
    begun = held();
    openDialog(dialog);
  }

  const groupsOf = (south) => (south ? get(`/api/south/${south}/groups`).catch(() => []) : []);

  // redraw draws the form again for another source, with what was chosen while its groups were asked for.
  async function redraw() {
    const { south } = form.read().link;
    const groups = await groupsOf(south);
    const { link } = form.read();
    if (link.south !== south) return; // a later choice draws
    const at = document.activeElement?.closest('[data-field]')?.dataset.field;
    drawSource(groups, { ...link, group: '' }, options?.read());
    form.parts.link.find(at)?.control.focus();
  }

  // drawSource draws the form for what is chosen so far.
  function drawSource(groups, values, stored) {
    const when = (referral, target, ...of) => ({ referralPathFromRoot: referral, targetPathFromRoot: target, values: of });
    const fields = group('', [
      attribute('choice', 'type', { columns: 12, needed: true, pairs: ['south', 'oibus-api', 'oianalytics-setpoint'].map((type) => [type, t(`links.type.${type}`)]) }),
      attribute('choice', 'south', { row: 1, columns: 6, needed: true, pairs: souths.map(({ id, name }) => [id, name]), empty: t('field.choose') }),
      attribute('choice', 'part', { row: 1, columns: 6, needed: true, pairs: ['all', ...(groups.length ? ['group'] : []), 'items'].map((part) => [part, t(`links.part.${part}`)]) }),
      attribute('choice', 'group', { row: 2, columns: 6, needed: true, pairs: groups.map(({ id, standardSettings }) => [id, standardSettings.name]), empty: t('field.choose') }),
      attribute('string', 'dataSourceId', { row: 3, columns: 6, needed: true }),
      attribute('choice', 'transformer', { row: 4, columns: 12, needed: true, pairs: byName(fitting(values.type)).map((each) => [each.id, transformerName(each)]), empty: t('field.choose') }),
    ], { enablingConditions: [when('type', 'south', 'south'), when('type', 'part', 'south'), when('part', 'group', 'group'), when('type', 'dataSourceId', 'oibus-api')] });
    form.draw({ link: [$('#link-source-fields'), fields, values] }, shared);
    drawOptions(values.transformer, stored);
    showItems();
  }

  // fitting are the transformers that can take what comes from a kind of source.
  const fitting = (type) => shared.transformers.filter(({ inputType, functionName }) => functionName === 'iso' || functionName === 'ignore' || (type === 'oianalytics-setpoint' ? inputType === 'setpoint' : inputType !== 'setpoint'));

  function drawOptions(id, stored) {
    const chosen = shared.transformers.find((each) => each.id === id);
    options = chosen && chosen.manifest.attributes.length ? drawObject(chosen.manifest, '', stored, shared) : undefined;
    $('#link-fields').replaceChildren(...(options ? [h('h3', {}, t('links.options')), options.element] : []));
  }

  function showItems() {
    const { type, part, south } = form.read().link;
    show($('#link-items'), type === 'south' && part === 'items' && !!south);
    picker.draw();
  }

  $('#link-source-fields').addEventListener('change', ({ target }) => {
    const { link } = form.read();
    const changed = target.closest('[data-field]')?.dataset.field;
    if (changed === 'transformer') drawOptions(link.transformer);
    else if (changed === 'type' || changed === 'south') {
      if (changed === 'south') {
        picker.set([]);
        form.parts.link.find('part').control.value = 'all';
      }
      showItems();
      redraw();
    } else showItems();
  });

  async function save({ link }) {
    if (options?.check().length) return;
    const transformer = shared.transformers.find(({ id }) => id === link.transformer);
    const items = link.part === 'items' ? picker.items : [];
    if (link.type === 'south' && link.part === 'items' && !items.length) {
      form.fail(t('links.noItems'));
      return;
    }
    const source = { 'oibus-api': { type: link.type, dataSourceId: link.dataSourceId }, 'oianalytics-setpoint': { type: link.type } }[link.type]
      ?? { type: 'south', south: souths.find(({ id }) => id === link.south), ...(link.part === 'group' ? { group: { id: link.group } } : {}), items };
    await post(`${base}/transformers`, { id: open?.id ?? '', source, transformer, options: options?.read() ?? {} });
    dialog.close();
    toast(t('links.saved'));
    await refresh();
  }

  async function drop(link) {
    if (!(await ask({ title: t('links.delete'), text: t('links.delete.text'), yes: t('action.delete'), danger: true }))) return;
    try {
      await remove(`${base}/transformers/${link.id}`);
    } catch (error) {
      complain(error);
    }
    refresh();
  }

  $('[data-new-link]', root).addEventListener('click', () => edit());
  draw();
}

// described is a source in words.
function described(source) {
  if (source.type !== 'south') return { source: t(`links.type.${source.type}`), part: source.dataSourceId ?? '' };
  let part = t('links.part.all');
  if (source.group) part = t('links.groupNamed', { name: source.group.name });
  else if (source.items.length) part = plural('links.itemsNamed', source.items.length, { names: source.items.slice(0, 3).map(({ name }) => name).join(', ') });
  return { source: source.south.name || t('links.gone'), part };
}
