// Event streams that are open while the page is seen, and are opened again when the line breaks.
const RETRY = 3000; // ms

// follow calls take with what each event says. The banner of the page tells about a broken line.
export function follow(address, take) {
  let stream, timer;
  function open() {
    stream?.close();
    clearTimeout(timer);
    if (document.hidden) return;
    stream = new EventSource(address);
    stream.onmessage = (event) => take(JSON.parse(event.data));
    stream.onerror = () => {
      stream.close();
      timer = setTimeout(open, RETRY);
    };
  }
  document.addEventListener('visibilitychange', () => (document.hidden ? stream?.close() : open()));
  window.addEventListener('pagehide', () => stream?.close());
  window.addEventListener('pageshow', (event) => event.persisted && open());
  open();
}
