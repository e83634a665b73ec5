// Forms that no manifest describes: the head of a connector, and the caching of a North.
import { attribute, group } from './manifest.js';

export const headForm = (name) => group('', [
  attribute('string', 'name', { columns: 6, needed: true, defaultValue: name }),
  attribute('string', 'description', { columns: 6 }),
  attribute('boolean', 'enabled', { row: 1, defaultValue: true }),
]);

const amount = (key, columns, defaultValue, unit) => attribute('number', key, { columns, needed: true, min: 0, defaultValue, unit });

export const cachingForm = group('', [
  group('trigger', [attribute('scan-mode', 'scanModeId', { columns: 4, needed: true }), amount('numberOfElements', 4, 1000), amount('numberOfFiles', 4, 1)]),
  group('throttling', [amount('runMinDelay', 4, 200, 'ms'), amount('maxSize', 4, 0, 'MB'), amount('maxNumberOfElements', 4, 10_000)]),
  group('error', [amount('retryInterval', 4, 5000, 'ms'), amount('retryCount', 4, 3), amount('retentionDuration', 4, 0, 'h')]),
  group('archive', [attribute('boolean', 'enabled', { columns: 4, defaultValue: false, translationKey: 'north.archive' }), amount('retentionDuration', 4, 72, 'h')], {
    enablingConditions: [{ referralPathFromRoot: 'enabled', targetPathFromRoot: 'retentionDuration', values: [true] }],
  }),
]);
for (const [i, part] of cachingForm.attributes.entries()) part.displayProperties = { row: i, columns: 12, wrapInBox: true };

// cachingValues are a stored caching as the form takes it.
export const cachingValues = (caching) => caching && { ...caching, trigger: { ...caching.trigger, scanModeId: caching.trigger.scanMode?.id } };

// cachingBody is what the form holds as the REST API takes it.
export function cachingBody(caching) {
  caching.archive.retentionDuration ??= 72;
  return caching;
}
