// What people do with a history query, from its page and from the list.
import { get, post, put, remove } from '../api.js';
import { ask } from '../dialog.js';
import { t } from '../text.js';
import { complain, toast } from '../toast.js';
import { starts } from './live.js';

const SLOW = { seconds: 120 }; // what stops a query waits for what it is just doing
const address = ({ id }) => `/api/history/${encodeURIComponent(id)}`;

// run starts a query. One that has ended begins from nothing, so that is asked for first.
export async function run(one, status) {
  const how = starts(status);
  if (how === 'again' && !(await ask({ title: t('history.again.title', { name: one.name }), text: t('history.again.text'), yes: t('history.again') }))) return;
  await attempt(() => post(`${address(one)}/start`, {}, SLOW), t('history.started', { name: one.name }));
}

export const pause = (one) => attempt(() => post(`${address(one)}/pause`, {}, SLOW), t('history.paused', { name: one.name }));

// restart begins a query from nothing, whatever it was doing.
export async function restart(one) {
  if (!(await ask({ title: t('history.again.title', { name: one.name }), text: t('history.again.text'), yes: t('history.again'), danger: true }))) return;
  await attempt(async () => {
    await put(`${address(one)}?resetCache=true&items=keep`, asBody(await get(address(one), { items: 'false' })), SLOW);
    await post(`${address(one)}/start`, {}, SLOW);
  }, t('history.started', { name: one.name }));
}

// drop asks and deletes; it tells whether it did.
export async function drop(one) {
  if (!(await ask({ title: t('history.delete.title', { name: one.name }), text: t('history.delete.text'), yes: t('action.delete'), danger: true }))) return false;
  return attempt(() => remove(address(one), SLOW), t('connector.deleted', { name: one.name }));
}

async function attempt(action, done) {
  try {
    await action();
    toast(done);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

// asBody is a stored query as the REST API takes it, without its items and bindings; secrets that it does not show are kept.
const asBody = ({ name, description, queryTimeRange, southType, southSettings, northType, northSettings, caching }) => ({
  name, description, queryTimeRange, southType, southSettings, northType, northSettings,
  caching: { ...caching, trigger: { scanModeId: caching.trigger.scanMode?.id, scanModeName: null, numberOfElements: caching.trigger.numberOfElements, numberOfFiles: caching.trigger.numberOfFiles } },
});
