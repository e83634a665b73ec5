// Lists of things: what is shown while they load, when there are none, when they cannot be had; an editor to create
// and change one; a question before one is deleted.
import { get, post, put, remove } from './api.js';
import { $, $$, setText, show } from './dom.js';
import { ask, guard, openDialog } from './dialog.js';
import { Form } from './form.js';
import { number as count } from './format.js';
import { t } from './text.js';
import { complain, toast } from './toast.js';

export class List {
  // load fetches and draws; it answers which state to show: 'rows', 'empty' or 'nomatch'.
  constructor(root, load) {
    Object.assign(this, { root, load });
    $('[data-retry]', root)?.addEventListener('click', () => this.refresh());
  }

  state(name) {
    for (const part of $$('[data-state]', this.root)) show(part, part.dataset.state === name);
  }

  async refresh({ quiet = false } = {}) {
    if (!quiet) this.root.setAttribute('aria-busy', 'true');
    try {
      this.state(await this.load());
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (quiet) return; // what is shown stays; the banner tells about a broken line
      setText($('[data-failure]', this.root), error.message);
      this.state('failed');
    } finally {
      this.root.removeAttribute('aria-busy');
    }
  }

  rows(elements) {
    $('tbody', this.root).replaceChildren(...elements);
  }
}

// Editor creates and changes the things under a path of the REST API in the dialog #editor. kind is the first part of
// the keys of its texts. toForm and toBody translate between a thing and the values of the form.
export class Editor {
  constructor({ path, kind, toForm = (x) => x, toBody = (x) => x, opened, check, saved, warning }) {
    Object.assign(this, { path, kind, toForm, toBody, opened, saved, warning });
    this.dialog = $('#editor');
    this.form = new Form($('form', this.dialog), { submit: (values) => this.#save(values), check: (values) => check?.(values, this.thing), guarded: false });
    for (const button of $$('[data-create]')) button.addEventListener('click', () => this.open());
    guard(this.dialog, () => this.form.dirty);
  }

  // change opens with a thing as it is now: the list may show what it was an hour ago.
  async change({ id }) {
    if (this.asking) return;
    this.asking = true;
    try {
      this.open(await get(`${this.path}/${encodeURIComponent(id)}`));
    } catch (error) {
      complain(error);
      await this.saved?.();
    } finally {
      this.asking = false;
    }
  }

  open(thing) {
    this.thing = thing;
    setText($('#editor-title'), t(`${this.kind}.${thing ? 'edit' : 'create'}`));
    this.form.fill(this.toForm(thing));
    this.opened?.(thing, this.form);
    this.form.settle();
    openDialog(this.dialog);
    $('input:not([type=hidden]):not([readonly])', this.dialog)?.focus();
  }

  async #save(values) {
    const body = this.toBody(values, this.thing);
    if (this.warning && !(await this.warning(body, this.thing))) return;
    if (this.thing) await put(`${this.path}/${encodeURIComponent(this.thing.id)}`, body);
    else await post(this.path, body);
    this.dialog.close();
    toast(t(`${this.kind}.saved`, { name: this.name(body) }));
    await this.saved?.();
  }

  name(thing) { return thing.name ?? thing.address ?? thing.login ?? thing.user?.login ?? ''; }

  // drop asks and deletes; extra is one more sentence for the question.
  async drop(thing, extra = '') {
    const name = this.name(thing);
    const text = [t(`${this.kind}.delete.text`, { name }), extra].filter(Boolean).join(' ');
    if (!(await ask({ title: t(`${this.kind}.delete`, { name }), text, yes: t('action.delete'), danger: true }))) return;
    try {
      await remove(`${this.path}/${encodeURIComponent(thing.id)}`);
      toast(t(`${this.kind}.deleted`, { name }));
    } catch (error) {
      if (/^FOREIGN KEY constraint failed/.test(error.message)) error.message = t('failure.used', { name });
      complain(error);
    }
    await this.saved?.();
  }
}

// pager shows where in a long list the person is; go gets the number of the page asked for.
export function pager(root, go) {
  let page = 0;
  const [previous, next] = [$('[data-pager=previous]', root), $('[data-pager=next]', root)];
  previous.addEventListener('click', () => go(page - 1));
  next.addEventListener('click', () => go(page + 1));
  return ({ number, size, totalElements, totalPages, content }) => {
    page = number;
    const from = number * size + 1;
    setText($('[data-pager=range]', root), t('pager.range', { from, to: from + content.length - 1, total: count(totalElements) }));
    previous.disabled = number <= 0;
    next.disabled = number + 1 >= totalPages;
    show(previous.parentElement, totalPages > 1);
  };
}
