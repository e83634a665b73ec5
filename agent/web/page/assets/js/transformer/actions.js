// Deleting custom transformers, and what people call the contents that transformers take and make.
import { remove } from '../api.js';
import { ask } from '../dialog.js';
import { has, plural, t } from '../text.js';
import { complain, toast } from '../toast.js';
import { usage } from './usage.js';

export const INPUTS = ['any', 'time-values', 'setpoint'];
export const OUTPUTS = ['any', 'time-values', 'setpoint', 'opcua', 'mqtt', 'modbus', 'oianalytics'];
export const contentName = (kind) => (has(`content.${kind}`) ? t(`content.${kind}`) : kind);

// named lists who uses a transformer, for a question.
export const named = (users) => plural('transformers.usedBy', users.length, { names: users.map(({ name }) => `“${name}”`).join(', ') });

// usersOf are those that use a transformer now.
export const usersOf = async (id) => (await usage()).get(id) ?? [];

// drop asks, saying which bindings go along, and deletes; it tells whether it did.
export async function drop({ id, name }) {
  try {
    const users = await usersOf(id);
    const text = [t('transformers.delete.text'), users.length ? `${named(users)} ${t('transformers.unbound')}` : ''].filter(Boolean).join(' ');
    if (!(await ask({ title: t('connector.delete.title', { name }), text, yes: t('action.delete'), danger: true }))) return false;
    await remove(`/api/transformers/${encodeURIComponent(id)}`);
    toast(t('connector.deleted', { name }));
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
