// Transformer bindings of a history query: through what its items go on their way, all of them or some.
import { get, post, remove } from '../api.js';
import { $, clone, h, setText, show } from '../dom.js';
import { ask, guard, openDialog } from '../dialog.js';
import { plural, t } from '../text.js';
import { complain, toast } from '../toast.js';
import { base, state } from '../connector/base.js';
import { byName, transformerName } from '../connector/labels.js';
import { attribute, drawObject, group, ManifestForm } from '../connector/manifest.js';
import { itemPicker } from '../connector/picker.js';

const SLOW = { seconds: 120 }; // a query that runs is stopped for it

export function linkList(shared) {
  const root = $('#links');
  const dialog = $('#link');
  let open, options, begun;
  const form = new ManifestForm($('form', dialog), { submit: save, guarded: false });
  const picker = itemPicker(() => base);
  const held = () => JSON.stringify([form.read(), options?.read(), picker.items.map(({ id }) => id)]);
  guard(dialog, () => held() !== begun);

  function draw() {
    const links = shared.one.northTransformers;
    $('tbody', root).replaceChildren(...links.map(row));
    state(root, links.length ? 'rows' : 'empty');
  }

  async function refresh() {
    try {
      shared.one.northTransformers = (await get(base, { items: 'false' })).northTransformers;
    } catch (error) {
      complain(error);
    }
    draw();
  }

  function row(link) {
    const { items } = link;
    const element = clone($('#link-row'), {
      source: items.length ? plural('links.itemsNamed', items.length, { names: items.slice(0, 3).map(({ name }) => name).join(', ') }) : t('links.part.all'), part: '',
      transformer: transformerName(link.transformer), options: Object.keys(link.options ?? {}).length ? JSON.stringify(link.options) : '',
    });
    $('[data-edit]', element).addEventListener('click', () => edit(link));
    $('[data-delete]', element).addEventListener('click', () => drop(link));
    return element;
  }

  function edit(link) {
    open = link;
    setText($('#link-title'), t(link ? 'links.edit' : 'links.create'));
    picker.set(link?.items ?? []);
    const fitting = shared.transformers.filter(({ inputType }) => inputType !== 'setpoint');
    const fields = group('', [
      attribute('choice', 'part', { columns: 6, needed: true, pairs: ['all', 'items'].map((part) => [part, t(`links.part.${part}`)]) }),
      attribute('choice', 'transformer', { row: 1, columns: 12, needed: true, pairs: byName(fitting).map((each) => [each.id, transformerName(each)]), empty: t('field.choose') }),
    ]);
    form.draw({ link: [$('#link-source-fields'), fields, { part: link?.items.length ? 'items' : 'all', transformer: link?.transformer?.id ?? '' }] }, shared);
    drawOptions(link?.transformer?.id, link?.options);
    show($('#link-items'), form.read().link.part === 'items');
    begun = held();
    openDialog(dialog);
  }

  function drawOptions(of, stored) {
    const chosen = shared.transformers.find((each) => each.id === of);
    options = chosen && chosen.manifest.attributes.length ? drawObject(chosen.manifest, '', stored, shared) : undefined;
    $('#link-fields').replaceChildren(...(options ? [h('h3', {}, t('links.options')), options.element] : []));
  }

  $('#link-source-fields').addEventListener('change', ({ target }) => {
    const { link } = form.read();
    if (target.closest('[data-field]')?.dataset.field === 'transformer') drawOptions(link.transformer);
    show($('#link-items'), link.part === 'items');
  });

  async function save({ link }) {
    if (options?.check().length) return;
    const items = link.part === 'items' ? picker.items : [];
    if (link.part === 'items' && !items.length) {
      form.fail(t('links.noItems'));
      return;
    }
    const transformer = shared.transformers.find((each) => each.id === link.transformer);
    await post(`${base}/transformers`, { id: open?.id ?? '', transformer, options: options?.read() ?? {}, items }, SLOW);
    dialog.close();
    toast(t('links.saved'));
    await refresh();
  }

  async function drop(link) {
    if (!(await ask({ title: t('links.delete'), text: t('links.delete.text'), yes: t('action.delete'), danger: true }))) return;
    try {
      await remove(`${base}/transformers/${link.id}`, SLOW);
    } catch (error) {
      complain(error);
    }
    refresh();
  }

  $('[data-new-link]', root).addEventListener('click', () => edit());
  draw();
}
