// The difference of two texts, line by line.
const MOST = 4_000_000; // pairs of lines that are compared; longer texts are shown as replaced where they differ
const AROUND = 3; // equal lines that are shown beside a difference

// diff answers [{ kind: 'same' | 'gone' | 'new', text }] for the lines of both texts.
export function diff(before, after) {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const as = (kind) => (text) => ({ kind, text });
  return [...a.slice(0, head).map(as('same')), ...between(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...a.slice(a.length - tail).map(as('same'))];
}

// between finds the longest common lines.
function between(a, b) {
  const gone = (text) => ({ kind: 'gone', text });
  const fresh = (text) => ({ kind: 'new', text });
  if (!a.length || !b.length || a.length * b.length > MOST) return [...a.map(gone), ...b.map(fresh)];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  }
  const out = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      out.push({ kind: 'same', text: a[i] });
      i++;
      j++;
    } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) out.push(gone(a[i++]));
    else out.push(fresh(b[j++]));
  }
  return [...out, ...a.slice(i).map(gone), ...b.slice(j).map(fresh)];
}

// folded leaves out long runs of equal lines: { kind: 'fold', n } stands for n of them.
export function folded(lines) {
  const near = lines.map(() => false);
  for (const [i, { kind }] of lines.entries()) {
    if (kind !== 'same') near.fill(true, Math.max(0, i - AROUND), i + AROUND + 1);
  }
  const out = [];
  for (const [i, line] of lines.entries()) {
    if (near[i]) out.push(line);
    else if (out.at(-1)?.kind === 'fold') out.at(-1).n++;
    else out.push({ kind: 'fold', n: 1 });
  }
  return out;
}
