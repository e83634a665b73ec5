package cloudsim

import (
	"log/slog"
	"net/http"
	"time"
)

// Options say how a simulator behaves. The zero value is a simulator in memory on which a person approves each agent.
type Options struct {
	State       string // file that keeps agents, commands and configurations; "" keeps them in memory
	AutoApprove bool   // every registration is completed at its first check
	Record      bool   // keep headers and bodies of requests and answers
	TLS         bool   // Start serves HTTPS with a certificate made for the occasion

	BasePath      string // the endpoints are served under this prefix too, as behind an API gateway
	GatewayHeader string // when not empty, a request to an endpoint without this header is answered 403
	GatewayValue  string

	AccessKey string // Basic credentials accepted by the status and data endpoints; "" accepts none
	SecretKey string

	RegistrationTTL      time.Duration // how long an activation code can be entered; 0 is one hour
	UnknownCommandStatus int           // answer to the status of a command that was never handed out; 0 is 404

	HostNames []string // names, beside localhost and IP addresses, by which the page may be opened
	Limits    Limits
	Now       func() time.Time
	Log       *slog.Logger

	// Callbacks may be called from several goroutines at once.
	OnData    func(Data)    // each time value batch and file received, with its content, before it is acknowledged
	OnRequest func(Request) // each request to an endpoint, after its answer
}

// Limits bound the memory. A zero field takes its default.
type Limits struct {
	Agents             int   // agents known
	Registrations      int   // registrations remembered, the oldest is forgotten
	Commands           int   // commands remembered, those ended longest ago are forgotten
	CommandBytes       int64 // their content and status updates
	ConfigurationBytes int64 // configurations whose content is kept
	LogBytes           int64 // log entries kept
	DataBytes          int64 // content of received data kept
	RequestCount       int   // requests in the journal
	RequestBytes       int64 // their bodies, when they are recorded
	AssetBytes         int64 // packages on disk
}

// Time constants.
const (
	defaultRegistrationTTL = time.Hour        // as the recorded OIAnalytics
	stopLimit              = 3 * time.Second  // for answers under way when the simulator stops
	readLimit              = 10 * time.Minute // for a request to arrive: a package upload over a slow link
	idleLimit              = 2 * time.Minute  // of a kept-alive connection, longer than any poll interval in use
	headerLimit            = 20 * time.Second // for the headers of a request
	maxLongPoll            = 10 * time.Minute // of a control call that waits
)

const mb = 1 << 20

func (o Options) withDefaults() Options {
	if o.RegistrationTTL <= 0 {
		o.RegistrationTTL = defaultRegistrationTTL
	}
	if o.UnknownCommandStatus == 0 {
		o.UnknownCommandStatus = http.StatusNotFound
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

func (l Limits) withDefaults() Limits {
	orElse(&l.Agents, 50_000)
	orElse(&l.Registrations, 50_000)
	orElse(&l.Commands, 200_000)
	orElse(&l.CommandBytes, 512*mb)
	orElse(&l.ConfigurationBytes, 256*mb)
	orElse(&l.LogBytes, 64*mb)
	orElse(&l.DataBytes, 128*mb)
	orElse(&l.RequestCount, 10_000)
	orElse(&l.RequestBytes, 128*mb)
	orElse(&l.AssetBytes, 4096*mb)
	return l
}

func orElse[T int | int64](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}
