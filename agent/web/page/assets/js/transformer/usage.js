// Where transformers are used: the Norths and history queries with bindings to them.
import { get } from '../api.js';

const AT_ONCE = 4; // requests

// usage answers id of a transformer → [{ kind, id, name }].
export async function usage() {
  const [norths, queries] = await Promise.all([get('/api/north'), get('/api/history')]);
  const users = new Map();
  const waiting = [...norths.map((one) => ({ kind: 'north', one })), ...queries.map((one) => ({ kind: 'history', one }))];
  async function work() {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { kind, one } = next;
      const whole = await get(`/api/${kind}/${encodeURIComponent(one.id)}`, kind === 'history' ? { items: 'false' } : {});
      for (const id of new Set((whole.transformers ?? whole.northTransformers).map(({ transformer }) => transformer?.id))) {
        users.set(id, [...(users.get(id) ?? []), { kind, id: one.id, name: one.name }]);
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return users;
}

export const address = ({ kind, id }) => (kind === 'north' ? `/norths/${id}#transformers` : `/history/${id}#transformers`);
