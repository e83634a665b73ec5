package mqtt

// firstWindow is how many messages the brokers send at least, by default, before they wait for acknowledgements.
const firstWindow = 10

// window estimates how many messages the broker sends before it waits for acknowledgements. When that many wait, nothing
// more will come until they are handed on, so there is nothing to wait for. It is never much too large, which would
// stop the flow until the time of a flush is over, and grows as soon as the broker sends more than that while some are
// on their way.
type window struct {
	size int
	idle int // how many had come when time was up, and nothing more; 0 for none
}

func newWindow() window { return window{size: firstWindow} }

// reached says whether nothing more may come while unacknowledged messages wait.
func (w *window) reached(unacknowledged int) bool { return unacknowledged >= w.size }

// seen notes how many wait after another one has come. soon says that it came at once after an acknowledgement.
func (w *window) seen(unacknowledged int, soon bool) {
	if soon && w.idle > 0 && w.idle < w.size { // the broker was waiting
		w.size = w.idle
	}
	w.idle = 0
	w.size = max(w.size, unacknowledged)
}

// timedOut notes how many were acknowledged because time was up.
func (w *window) timedOut(unacknowledged int) { w.idle = unacknowledged }
