// The texts of the pages: one table, shared with the templates. A key without a text shows itself.
import table from './table.js';

const rules = new Intl.PluralRules(document.documentElement.lang);

export const has = (key) => key in table;

export function t(key, values = {}) {
  const text = table[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
}

// plural picks the form for n: the keys are <key>.one and <key>.other.
export function plural(key, n, values = {}) {
  return t(`${key}.${rules.select(n) === 'one' ? 'one' : 'other'}`, { n: n.toLocaleString(document.documentElement.lang), ...values });
}
