// Encrypts secrets in the browser as OIAnalytics does: RSA-OAEP with SHA-256, one block, standard base64
// (protocol/control-plane.md, section 6.2). The plain text never leaves the page.
export async function importKey(pem) {
  if (!window.crypto || !window.crypto.subtle) {
    throw new Error('This browser encrypts only on secure pages. Open this page by its localhost or 127.0.0.1 address, or with HTTPS.');
  }
  const base64 = (pem || '').replace(/-----[^-]+-----/g, '').replace(/\s+/g, '');
  if (!base64) throw new Error('The agent has not sent a public key yet.');
  let der;
  try {
    der = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return await crypto.subtle.importKey('spki', der, { name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['encrypt']);
  } catch {
    throw new Error('The public key of the agent cannot be read.');
  }
}

const blockBytes = (key) => key.algorithm.modulusLength / 8;

export async function encrypt(key, plain) {
  const bytes = new TextEncoder().encode(plain);
  const most = blockBytes(key) - 66; // two SHA-256 digests and two bytes
  if (bytes.length > most) throw new Error(`A secret has at most ${most} bytes; this one has ${bytes.length}.`);
  const block = new Uint8Array(await crypto.subtle.encrypt({ name: 'RSA-OAEP' }, key, bytes));
  return btoa(String.fromCharCode(...block));
}

// isCiphertext tells a value that was encrypted already: base64 of exactly one block.
export function isCiphertext(key, value) {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value) || value.length % 4 !== 0) return false;
  return atob(value).length === blockBytes(key);
}
