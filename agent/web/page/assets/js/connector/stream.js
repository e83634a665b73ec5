// Event streams that are open while the page is seen, and are opened again when the line breaks. Each event is the whole
// state, so nothing is missed by a break.
const FIRST_RETRY = 1000; // ms
const LAST_RETRY = 10_000;

// spread is a delay that is not the same for all pages: an agent that starts again is not asked by everyone at once.
export const spread = (ms) => ms * (0.75 + Math.random() / 2);

// follow calls take with what each event says. The banner of the page tells about a broken line.
export function follow(address, take) {
  let stream, timer, retry = FIRST_RETRY;
  function open() {
    stream?.close();
    clearTimeout(timer);
    if (document.hidden) return;
    stream = new EventSource(address);
    stream.onmessage = (event) => {
      retry = FIRST_RETRY;
      take(JSON.parse(event.data));
    };
    stream.onerror = () => {
      stream.close();
      timer = setTimeout(open, spread(retry));
      retry = Math.min(retry * 2, LAST_RETRY);
    };
  }
  function close() {
    stream?.close();
    clearTimeout(timer);
  }
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', close);
  window.addEventListener('pageshow', (event) => event.persisted && open());
  open();
}
