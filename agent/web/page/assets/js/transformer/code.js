// A field for code: numbers of lines beside it, indentation with Tab, the line of an error marked. Escape gives Tab back
// its usual meaning until the field is left, so that nobody is caught in it.
import { h } from '../dom.js';
import { t } from '../text.js';

const INDENT = '  ';

export class CodeField {
  constructor(area) {
    this.area = area;
    this.numbers = h('div', { class: 'code-lines', 'aria-hidden': 'true' });
    const frame = h('div', { class: 'code-field' });
    area.replaceWith(frame);
    frame.append(this.numbers, area);
    area.setAttribute('wrap', 'off');
    area.setAttribute('rows', '18');
    const hint = h('p', { class: 'hint', id: `${area.id}-keys` }, t('code.keys'));
    (area.closest('.field') ?? frame.parentElement).append(hint);
    area.setAttribute('aria-describedby', `${area.getAttribute('aria-describedby') ?? ''} ${hint.id}`.trim());
    area.addEventListener('input', () => this.count());
    area.addEventListener('scroll', () => { this.numbers.scrollTop = area.scrollTop; });
    area.addEventListener('focusout', () => { this.free = false; });
    area.addEventListener('keydown', (event) => this.#key(event));
    area.addEventListener('beforeinput', (event) => this.#break(event));
    this.count();
  }

  count() {
    const lines = this.area.value.split('\n').length;
    while (this.numbers.children.length > lines) this.numbers.lastElementChild.remove();
    while (this.numbers.children.length < lines) this.numbers.append(h('span', {}, String(this.numbers.children.length + 1)));
    this.mark();
    this.numbers.scrollTop = this.area.scrollTop;
  }

  // mark shows which line is wrong, or that none is.
  mark(line) {
    for (const [i, number] of [...this.numbers.children].entries()) number.classList.toggle('bad', i + 1 === line);
  }

  // go puts the cursor at a place.
  go(line, column = 1) {
    const { area } = this;
    const lines = area.value.split('\n');
    const at = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
    area.focus();
    area.setSelectionRange(at, at);
    area.scrollTop = Math.max(0, area.scrollHeight * ((line - 4) / lines.length));
  }

  set(text) {
    this.area.value = text;
    this.area.dispatchEvent(new Event('input', { bubbles: true }));
  }

  #key(event) {
    if (event.key === 'Escape') this.free = true;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'Tab' && !this.free) {
      event.preventDefault();
      this.#indent(event.shiftKey);
    } else if (event.key.length === 1) this.free = false;
  }

  // #break begins a line as far to the right as the one before, one step more after an opening bracket.
  #break(event) {
    if (event.inputType !== 'insertLineBreak' || this.writing) return;
    event.preventDefault();
    const { value, selectionStart: at } = this.area;
    const line = value.slice(value.lastIndexOf('\n', at - 1) + 1, at);
    this.#write(`\n${/^\s*/.exec(line)[0]}${/[{([]\s*$/.test(line) ? INDENT : ''}`);
  }

  // #indent moves the chosen lines to the right or back; without a choice Tab only writes what it stands for.
  #indent(back) {
    const { area } = this;
    const { value, selectionStart: start, selectionEnd: end } = area;
    if (!back && start === end) return this.#write(INDENT);
    const from = value.lastIndexOf('\n', start - 1) + 1;
    const lines = value.slice(from, end).split('\n');
    const moved = lines.map((line) => (back ? line.replace(/^ {1,2}|^\t/, '') : line && INDENT + line)).join('\n');
    area.setSelectionRange(from, end);
    this.#write(moved);
    area.setSelectionRange(start === end ? Math.max(from, start - (end - from - moved.length)) : from, from + moved.length);
  }

  // #write replaces what is chosen, so that it can be undone where the browser allows that.
  #write(text) {
    this.area.focus();
    this.writing = true;
    const written = document.execCommand('insertText', false, text);
    this.writing = false;
    if (written) return;
    this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, 'end');
    this.area.dispatchEvent(new Event('input', { bubbles: true }));
  }
}
