// The streams that the visible windows of a browser want, over one connection: a browser has no more than six to a
// server. It runs in a worker that all windows share, or, where there is none, in each window.
//
// A window says { user, wants: [[number, address, after]] } each few seconds and when it changes, { taken: true } for each
// message with events, and { doubt: true } when OIBus did not answer it. It is told { events: [[number, id, data]] },
// { line: 'broken' | 'refused' }, or {} as a sign of life. A stream whose after is null tells the whole state with each
// event, and is shared; any other goes on after the event with this id, or begins now and first tells the id of now.
const FIRST_RETRY = 250; // ms
const LAST_RETRY = 8000;
const SILENCE = 20_000; // a stream sends every second, that of the logs every 15: after this long the line is dead
const LINGER = 2000; // how long what nobody wants is kept: a window that goes to another page soon wants it again
const ENDED = 30_000; // after which a stream that ended alone is asked for again
const GONE = 30_000; // a visible window that says nothing for so long is no more
const MOST_UNDER_WAY = 50; // messages that a window did not take: then it waits until it has, and gets the rest from OIBus
const LOOK = 5000;

// spread is a delay that is not the same for all browsers: an agent that starts again is not asked by all at once.
const spread = (ms) => ms * (0.75 + Math.random() / 2);

export class Hub {
  #windows = new Set(); // those that want something
  #shared = new Map(); // address → route
  #routes = []; // of the connection, in its order
  #connection; // its AbortController
  #opened = 0;
  #heard = 0;
  #line = '';
  #retry = FIRST_RETRY;
  #timers = {};
  #user;

  constructor() { setInterval(() => this.#look(), LOOK); }

  join(port) {
    const page = { port, wants: new Map(), routes: new Map(), underWay: 0, full: false, heard: 0 };
    port.onmessage = ({ data }) => this.#hear(page, data);
    port.postMessage({});
  }

  #hear(page, { user, wants, taken, doubt }) {
    page.heard = Date.now();
    if (taken) this.#took(page);
    if (doubt) this.#doubt();
    if (!wants) return;
    page.port.postMessage({});
    if (wants.length && !this.#windows.has(page)) this.#add(page, user);
    const before = page.wants;
    page.wants = new Map(wants.map(([number, address, after]) => [number, before.get(number) ?? { address, after }]));
    for (const number of page.routes.keys()) if (!page.wants.has(number)) page.routes.delete(number);
    if (!wants.length) this.#forget(page);
    else this.#attach(page);
    this.#soon();
  }

  #add(page, user) {
    this.#windows.add(page);
    if (this.#user !== user) this.#routes = []; // the session that the connection stands on may be somebody else's: another
    this.#user = user;
    if (!this.#line) return;
    page.port.postMessage({ line: this.#line });
    if (!this.#connection) this.#hasten(); // OIBus must be there, for it gave the window
  }

  // doubt looks again whether OIBus is there: it did not answer a window, or knows again who is signed in.
  #doubt() {
    if (!this.#connection) {
      if (this.#line === 'refused') this.#hasten();
    } else if (Date.now() - this.#opened > 1000) this.#open();
  }

  #hasten() { this.#later('retry', () => this.#open(), spread(FIRST_RETRY)); }

  // forget keeps what the page had, should it be heard of again.
  #forget(page) {
    this.#windows.delete(page);
    page.routes.clear();
  }

  // attach gives a page what it wants and does not have yet.
  #attach(page) {
    for (const [number, want] of page.wants) {
      if (page.full) return;
      if (page.routes.has(number)) continue;
      if (want.after !== null) {
        page.routes.set(number, { want, address: want.address });
        continue;
      }
      const route = this.#shared.get(want.address) ?? { address: want.address };
      this.#shared.set(want.address, route);
      page.routes.set(number, route);
      if (route.latest && this.#routes.includes(route)) this.#send(page, [[number, '', route.latest]]);
    }
  }

  #send(page, events) {
    for (const [number, id] of events) if (id) page.wants.get(number).after = id;
    page.port.postMessage({ events });
    if (++page.underWay < MOST_UNDER_WAY) return;
    page.full = true;
    page.routes.clear();
    this.#soon();
  }

  #took(page) {
    page.underWay = Math.max(0, page.underWay - 1);
    if (!page.full || page.underWay) return;
    page.full = false;
    this.#attach(page);
    this.#soon();
  }

  #later(name, action, ms) {
    this.#never(name);
    this.#timers[name] = setTimeout(action, ms);
  }

  #never(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }

  // soon settles what several windows ask for in a moment at once.
  #soon() { this.#later('soon', () => this.#settle(), 10); }

  #wanted() { return new Set([...this.#windows].flatMap((page) => [...page.routes.values()])); }

  // settle makes the connection carry what is wanted. While the line is broken it waits for the next try.
  #settle() {
    this.#never('soon');
    const wanted = this.#wanted();
    if (!this.#connection && this.#line && wanted.size) return;
    if ([...wanted].some((route) => !this.#routes.includes(route))) this.#open();
    else if (this.#routes.every((route) => wanted.has(route))) this.#never('linger');
    else if (!this.#timers.linger) this.#later('linger', () => this.#open(), LINGER);
  }

  #close() {
    for (const name of Object.keys(this.#timers)) this.#never(name);
    this.#connection?.abort();
    this.#connection = undefined;
    this.#routes = [];
  }

  #open() {
    this.#close();
    const routes = [...this.#wanted()];
    for (const [address, route] of this.#shared) if (!routes.includes(route)) this.#shared.delete(address);
    if (!routes.length) {
      this.#line = '';
      return;
    }
    const connection = new AbortController();
    this.#connection = connection;
    this.#routes = routes;
    this.#opened = this.#heard = Date.now();
    this.#read(connection, routes).catch(() => '').then((state) => this.#connection === connection && this.#broken(state));
  }

  // read passes on what the connection brings until it ends; it returns 'refused' when nobody is signed in.
  async #read(connection, routes) {
    const query = new URLSearchParams(routes.map(({ address, want }) => {
      return ['of', want?.after ? `${address}${address.includes('?') ? '&' : '?'}after=${encodeURIComponent(want.after)}` : address];
    }));
    const answer = await fetch(`/sse/bundle?${query}`, { headers: { Accept: 'text/event-stream' }, cache: 'no-store', credentials: 'same-origin', signal: connection.signal });
    if (answer.status === 401 || answer.status === 403) return 'refused';
    if (!answer.ok) return '';
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    for (let rest = ''; ;) {
      const { done, value } = await reader.read();
      if (done || this.#connection !== connection) return '';
      this.#heard = Date.now();
      const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n');
      rest = blocks.pop();
      this.#deal(blocks, routes);
    }
  }

  // deal gives each window its events of some blocks of the connection.
  #deal(blocks, routes) {
    const mail = new Map();
    for (const block of blocks) {
      const { event, id = '', data = '' } = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
      if (event === 'end') this.#later('ended', () => this.#open(), spread(ENDED));
      const route = routes[event];
      if (!route || !(id || data)) continue;
      this.#line = '';
      this.#retry = FIRST_RETRY;
      if (!route.want) route.latest = data;
      for (const page of this.#windows) {
        for (const [number, mine] of page.routes) {
          if (mine !== route) continue;
          if (!mail.has(page)) mail.set(page, []);
          mail.get(page).push([number, id, data]);
        }
      }
    }
    for (const [page, events] of mail) this.#send(page, events);
  }

  // broken tries again, later and later: once for all windows.
  #broken(state) {
    this.#close();
    this.#line = state || 'broken';
    for (const page of this.#windows) page.port.postMessage({ line: this.#line });
    this.#later('retry', () => this.#open(), spread(state ? LAST_RETRY : this.#retry));
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY);
  }

  #look() {
    const now = Date.now();
    for (const page of [...this.#windows]) if (now - page.heard > GONE) this.#forget(page);
    this.#soon();
    if (this.#connection && now - this.#heard > SILENCE) this.#broken('');
  }
}
