// call sends a request to the control API and returns its JSON, or throws an error with the text of the refusal.
export async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { 'Content-Type': 'application/json' };
    options.body = typeof body === 'string' ? body : JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error('The simulator does not answer. Is it still running?');
  }
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(value.error || `The simulator answered ${answer.status}.`);
  return value;
}

// show puts a text into a message element, or hides it when there is none.
export function show(element, text) {
  element.textContent = text || '';
  element.hidden = !text;
}
