// Reading and writing values inside JSON by a path, a list of keys.
export function get(value, path) {
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = value[key];
  }
  return value;
}

export function set(value, path, to) {
  for (const key of path.slice(0, -1)) value = value[key];
  value[path[path.length - 1]] = to;
}

// secretPaths lists the paths of the secrets that are present in a command. places says where a command type has them,
// secrets which settings of a connector type are secret.
export function secretPaths(command, places, secrets) {
  const found = [];
  for (const place of places || []) {
    const base = place.path.split('.');
    if (!place.kind) {
      if (get(command, base) !== undefined) found.push(base);
      continue;
    }
    const type = get(command, place.typePath.split('.'));
    for (const path of (secrets[place.kind] || {})[type] || []) {
      const full = [...base, ...path.split('.')];
      if (get(command, full) !== undefined) found.push(full);
    }
  }
  return found;
}

// resolve replaces texts like "{south}" by the id of the first object of that kind that the agent has.
export function resolve(value, names) {
  if (typeof value === 'string') {
    const kind = /^\{(\w+)\}$/.exec(value);
    if (!kind) return value;
    const list = names[kind[1]] || [];
    return list.length ? list[0].id : '';
  }
  if (Array.isArray(value)) return value.map((v) => resolve(v, names));
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(v, names)]));
  }
  return value;
}
