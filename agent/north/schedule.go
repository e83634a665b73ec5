package north

import (
	"time"

	"oibus/agent/entity"
)

// fullBatch is how many elements make a batch that need not wait for more, when the settings have no limit.
const fullBatch = 10000

// action is what the sender does next.
type action int

const (
	wait    action = iota // until something happens, or until a moment
	connect               // and see again
	begin                 // a run, that is: send, and go on until what waits now is sent
	send                  // the next batch of a run, or the one that failed again
)

// waiting is what the queue holds.
type waiting struct {
	files    int
	elements int64
	contents int
}

// schedule is when a North sends (protocol/data-plane.md, sections 3.5 and 3.6). A run begins at a tick of the scan mode
// or when enough waits, and sends everything that waited when it began, so that an hourly tick empties the queue. Between
// the end of a run and the next one that begins because enough waits there is the minimal delay, in which small contents
// gather; but a full batch does not wait, so that a backlog is sent as fast as the target takes it. After a failure
// nothing begins before the retry is due, neither by new content nor by a tick.
type schedule struct {
	connected bool
	connectAt time.Time // not before
	retryAt   time.Time // when what failed is sent again; zero when nothing failed
	ticked    bool
	running   bool
	left      waiting // of a run
	ended     time.Time
}

// next decides what to do now, and, for wait, until when; zero is "until something happens".
func (s *schedule) next(now time.Time, w waiting, c *entity.Caching) (action, time.Time) {
	switch {
	case !s.connected && now.Before(s.connectAt):
		return wait, s.connectAt
	case !s.connected:
		return connect, time.Time{}
	case w.contents == 0:
		return wait, time.Time{}
	case !s.retryAt.IsZero() && now.Before(s.retryAt):
		return wait, s.retryAt
	case !s.retryAt.IsZero() || s.running:
		return send, time.Time{}
	case s.ticked:
		return begin, time.Time{}
	case !enough(w, &c.Trigger):
		return wait, time.Time{}
	}
	due := s.ended.Add(clamp(c.Throttling.RunMinDelay, time.Millisecond))
	if s.ended.IsZero() || !now.Before(due) || w.elements >= int64(batchOf(c)) {
		return begin, time.Time{}
	}
	return wait, due
}

// enough says whether so much waits that it is sent without a tick.
func enough(w waiting, t *entity.CachingTrigger) bool {
	return t.NumberOfFiles > 0 && float64(w.files) >= t.NumberOfFiles || t.NumberOfElements > 0 && float64(w.elements) >= t.NumberOfElements
}

func batchOf(c *entity.Caching) int {
	if n := int(c.Throttling.MaxNumberOfElements); n > 0 {
		return n
	}
	return fullBatch
}

// begun notes that a run begins for what waits.
func (s *schedule) begun(w waiting) { s.running, s.ticked, s.left = true, false, w }

// sent notes that a batch has left the queue.
func (s *schedule) sent(now time.Time, elements int) {
	s.retryAt = time.Time{}
	if elements > 0 {
		s.left.elements -= int64(elements)
	} else {
		s.left.files--
	}
	if s.left.elements <= 0 && s.left.files <= 0 {
		s.end(now)
	}
}

// end ends a run.
func (s *schedule) end(now time.Time) {
	if s.running {
		s.ended = now
	}
	s.running, s.left = false, waiting{}
}

// failed notes that nothing is to be sent before at.
func (s *schedule) failed(at time.Time) { s.retryAt = at }

// lost notes that the connection is gone.
func (s *schedule) lost(reconnectAt time.Time) { s.connected, s.connectAt = false, reconnectAt }
