// The options of a custom transformer: a table of names and kinds for the person, a manifest for the REST API.
import { attribute, group } from '../connector/manifest.js';

const KINDS = ['string', 'number', 'boolean', 'string-select', 'code', 'timezone', 'instant'];

// optionsForm is the table; advancedForm the manifest as text, for those that the table cannot show.
export const optionsForm = group('', [{
  type: 'array', key: 'options', validators: [], displayProperties: { row: 0, columns: 12 },
  rootAttribute: group('option', [
    { ...attribute('string', 'key', { columns: 3, needed: true }), validators: [{ type: 'REQUIRED', arguments: [] }, { type: 'UNIQUE', arguments: [] }, { type: 'PATTERN', arguments: ['^[A-Za-z_$][\\w$]*$'] }] },
    attribute('string-select', 'kind', { columns: 3, needed: true, selectableValues: KINDS, defaultValue: 'string' }),
    attribute('string', 'values', { columns: 3, needed: true }), attribute('string', 'defaultValue', { columns: 3 }), attribute('boolean', 'required', { columns: 3, defaultValue: false }),
  ], { enablingConditions: [{ referralPathFromRoot: 'kind', targetPathFromRoot: 'values', values: ['string-select'] }] }),
}]);
export const advancedForm = group('', [attribute('code', 'manifest', { needed: true })]);

export const empty = { type: 'object', key: 'options', translationKey: 'options', attributes: [], enablingConditions: [], validators: [], displayProperties: { visible: true, wrapInBox: false } };

// simple tells whether the table can show a manifest.
export const simple = ({ attributes = [], enablingConditions = [] }) => !enablingConditions.length
  && attributes.every(({ type, validators = [] }) => KINDS.includes(type) && validators.every((v) => v.type === 'REQUIRED'));

export const toTable = ({ attributes = [] }) => ({
  options: attributes.map(({ key, type, selectableValues, defaultValue, validators = [] }) => ({
    key, kind: type, values: (selectableValues ?? []).join(', '), defaultValue: defaultValue === undefined || defaultValue === null ? '' : String(defaultValue), required: validators.some((v) => v.type === 'REQUIRED'),
  })),
});

// fromTable makes the manifest; what the table does not show of an option that stays is kept.
export function fromTable({ options = [] }, stored = empty) {
  if (rows(options) === rows(toTable(stored).options)) return stored; // a manifest that changes costs the bindings
  const attributes = options.map(({ key, kind, values, defaultValue, required }, row) => {
    const before = stored.attributes?.find((one) => one.key === key && one.type === kind);
    const made = { translationKey: key, displayProperties: { row, columns: 4, displayInViewMode: true }, ...before, type: kind, key, defaultValue: value(kind, defaultValue), validators: required ? [{ type: 'REQUIRED', arguments: [] }] : [] };
    if (kind === 'string-select') made.selectableValues = values.split(',').map((one) => one.trim()).filter(Boolean);
    return made;
  });
  return { ...empty, ...stored, attributes };
}

// rows are the table as a text to compare.
const rows = (options) => JSON.stringify(options.map(({ key, kind, values, defaultValue, required }) => [key, kind, kind === 'string-select' ? values : '', defaultValue ?? '', !!required]));

function value(kind, text) {
  if (kind === 'boolean') return text.trim() === 'true';
  if (text.trim() === '') return null;
  return kind === 'number' ? Number(text) : text;
}
