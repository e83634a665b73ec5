package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"oibus/agent/entity"
)

// livePace is how often the live state is sent.
const livePace = time.Second

// Overview is the state of the agent that the pages show live. Times are instants of the wire, "" when there is none.
type Overview struct {
	Info         Info         `json:"info"`
	Resources    Resources    `json:"resources"`
	Registration Registration `json:"registration"`
	Cloud        Cloud        `json:"cloud"`
	Commands     Commands     `json:"commands"`
	Incidents    []Incident   `json:"incidents"`
	Upgrade      any          `json:"upgrade,omitempty"` // as GET /api/upgrade answers
	Flow         Flow         `json:"flow"`
	Souths       Side         `json:"souths"`
	Norths       Side         `json:"norths"`
	Guide        []step       `json:"guide"` // what is left to do at first, for who is shown it
}

// Flow says how far this OIBus is from data that goes from a source to a target.
type Flow struct {
	Souths    int  `json:"souths"`
	Norths    int  `json:"norths"`
	Received  bool `json:"received"`  // some South has read something
	Delivered bool `json:"delivered"` // some North has sent something
}

// Side is how the Souths, or the Norths, do. What waits and is in error is known of Norths alone.
type Side struct {
	Running  int       `json:"running"`
	Failing  int       `json:"failing"`
	Stopped  int       `json:"stopped"`
	Troubles []Trouble `json:"troubles"` // some of those that fail
	Waiting  Held      `json:"waiting"`
	Errored  Held      `json:"errored"`
}

// namedSide is a Side with the name of its list.
type namedSide struct {
	Name string
	Side
}

// Sides are both, for the template: what the page begins with is what the live state goes on with.
func (o Overview) Sides() []namedSide {
	return []namedSide{{"souths", o.Souths}, {"norths", o.Norths}}
}

// HasConnectors says whether there is any South or North.
func (o Overview) HasConnectors() bool {
	s, n := o.Souths, o.Norths
	return s.Running+s.Failing+s.Stopped+n.Running+n.Failing+n.Stopped > 0
}

// Trouble is a connector that fails, and why.
type Trouble struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Error string `json:"error"`
}

// Held is how much lies in caches; Bytes is its size.
type Held struct {
	Contents uint64 `json:"contents"`
	Bytes    uint64 `json:"bytes"`
}

// Info says what runs where.
type Info struct {
	Version            string `json:"version"`
	LauncherVersion    string `json:"launcherVersion"`
	AnnouncedVersion   string `json:"announcedVersion"` // to OIAnalytics
	ID                 string `json:"oibusId"`
	Name               string `json:"oibusName"`
	OperatingSystem    string `json:"operatingSystem"`
	Architecture       string `json:"architecture"`
	Hostname           string `json:"hostname"`
	ProcessID          string `json:"processId"`
	DataDirectory      string `json:"dataDirectory"`
	BinaryDirectory    string `json:"binaryDirectory"`
	SettingsFile       string `json:"settingsFile"` // the oibus.toml in force, "" without one
	Timezone           string `json:"timezone"`     // of the machine: scan modes are evaluated in it
	StartedAt          string `json:"startedAt"`
	IgnoreIPFilters    bool   `json:"ignoreIpFilters"`
	IgnoreRemoteUpdate bool   `json:"ignoreRemoteUpdate"`
}

// Resources are what the agent uses and what the machine has left: CPU in fractions of one core, the rest in bytes.
type Resources struct {
	CPU         float64 `json:"cpu"`
	CPUAverage  float64 `json:"cpuAverage"`
	Cores       int     `json:"cores"`
	Memory      uint64  `json:"memory"`
	MemoryMax   uint64  `json:"memoryMax"`
	MemoryTotal uint64  `json:"memoryTotal"`
	DiskFree    uint64  `json:"diskFree"`
	DiskTotal   uint64  `json:"diskTotal"`
}

// Registration is how this OIBus is known to OIAnalytics.
type Registration struct {
	Status         string `json:"status"`
	Host           string `json:"host"`
	ActivationCode string `json:"activationCode"`
	ExpiresAt      string `json:"expiresAt"`
	ActivatedAt    string `json:"activatedAt"`
}

// Cloud is how the exchange with OIAnalytics goes. LastError is "" while it goes well.
type Cloud struct {
	LastContact     string `json:"lastContact"`
	LastError       string `json:"lastError"`
	PendingMessages int    `json:"pendingMessages"`
}

// Commands counts the stored commands by state, and names the one being executed.
type Commands struct {
	Waiting        int    `json:"waiting"`
	Running        int    `json:"running"`
	Completed      int    `json:"completed"`
	Errored        int    `json:"errored"`
	Cancelled      int    `json:"cancelled"`
	Unacknowledged int    `json:"unacknowledged"`
	Current        string `json:"current"` // type of the running command
}

// Incident is something that went wrong with the state on disk, and what was done about it.
type Incident struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
	Action string `json:"action"`
	At     string `json:"at"`
}

func (s *Site) overview(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, s.snapshot())
}

// answer writes v as JSON that nobody keeps.
func (s *Site) answer(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.o.Log.Error("cannot write answer of the page", "error", err)
		http.Error(w, `{"error":"cannot write answer"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a browser that went away is no one to tell
}

// live sends the overview at once and then every second, until the browser leaves or the session ends. A browser that
// hears nothing for longer knows that the line is dead.
func (s *Site) live(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy in front must not hold events back
	tick := time.NewTicker(livePace)
	defer tick.Stop()
	flush := http.NewResponseController(w).Flush
	for {
		if err := s.sendOverview(w, flush); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// sendOverview writes the overview as one server-sent event.
func (s *Site) sendOverview(w http.ResponseWriter, flush func() error) error {
	body, err := json.Marshal(s.snapshot())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "data: %s\n\n", body); err != nil {
		return err
	}
	return flush()
}

// snapshot is the overview with the time of this machine, which may not be the browser's.
func (s *Site) snapshot() any {
	o := s.o.Overview()
	o.Guide = s.steps(o)
	for _, side := range []*Side{&o.Souths, &o.Norths} {
		if side.Troubles == nil {
			side.Troubles = []Trouble{} // an empty list for the page, not null
		}
	}
	return struct {
		Overview
		Now string `json:"now"`
	}{o, entity.Milli(time.Now())}
}
