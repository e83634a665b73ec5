package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"

	"oibus/agent/command"
	"oibus/agent/entity"
	"oibus/agent/metrics"
	"oibus/agent/store"
	"oibus/agent/web"
	"oibus/agent/web/auth"
	"oibus/agent/web/page"
	"oibus/platform"
)

// healthLogInterval is how often the metrics go to the log (protocol/control-plane.md, appendix D).
const healthLogInterval = 30 * time.Minute

// info is what the REST API says of this engine.
func (a *agent) info() web.Info {
	e := a.settings.Engine()
	return web.Info{
		DataDirectory: a.line.DataDir, BinaryDirectory: a.binary, ProcessID: strconv.Itoa(os.Getpid()), Hostname: a.hostname,
		OperatingSystem: platform.OperatingSystem(), Architecture: platform.Architecture(), Platform: platform.Platform(),
		Version: e.Version, LauncherVersion: e.LauncherVersion, OIBusID: e.ID, OIBusName: e.Settings.General.Name,
		IgnoreIPFilters: a.line.IgnoreIPFilters, IgnoreRemoteUpdate: a.line.IgnoreRemoteUpdate,
	}
}

// overview is what the page shows live.
func (a *agent) overview() page.Overview {
	i, r, c, m := a.info(), a.registration.State(), a.commands.State(), a.meter.Engine()
	free, total, err := platform.DiskFree(a.line.DataDir)
	if err != nil {
		free, total = 0, 0
	}
	flow, souths, norths := a.dataFlow(time.Now())
	o := page.Overview{
		Info: page.Info{
			Version: platform.Version, LauncherVersion: i.LauncherVersion, AnnouncedVersion: i.Version, ID: i.OIBusID, Name: i.OIBusName,
			OperatingSystem: i.OperatingSystem, Architecture: i.Architecture, Hostname: i.Hostname, ProcessID: i.ProcessID,
			DataDirectory: i.DataDirectory, BinaryDirectory: i.BinaryDirectory, SettingsFile: a.config.File,
			Timezone: time.Now().Format("MST (-07:00)"), StartedAt: entity.Milli(a.started),
			IgnoreIPFilters: i.IgnoreIPFilters, IgnoreRemoteUpdate: i.IgnoreRemoteUpdate,
		},
		Resources: page.Resources{
			CPU: m.ProcessCPUUsageInstant, CPUAverage: m.ProcessCPUUsageAverage, Cores: runtime.NumCPU(),
			Memory: m.CurrentRSS, MemoryMax: m.MaxRSS, MemoryTotal: m.TotalMemory, DiskFree: free, DiskTotal: total,
		},
		Registration: page.Registration{Status: r.Status, Host: r.Host, ActivationCode: r.ActivationCode, ExpiresAt: r.ExpiresAt, ActivatedAt: text(a.registration.Entity().ActivationDate)},
		Cloud:        page.Cloud{LastContact: c.LastContact, LastError: c.LastError, PendingMessages: a.messages.Pending()},
		Incidents:    []page.Incident{},
		Upgrade:      a.upgrades.Status(),
		Flow:         flow, Souths: souths, Norths: norths,
	}
	o.Commands = a.commandCounts(c)
	for _, i := range a.store.Incidents() {
		o.Incidents = append(o.Incidents, page.Incident{File: i.File, Reason: i.Reason, Action: i.Action, At: entity.Milli(i.At)})
	}
	return o
}

// storedCommands lets the web server search the commands.
type storedCommands struct{ *command.Service }

func (c storedCommands) Search(q web.CommandQuery) any { return c.Service.Search(command.Query(q)) }

// commandCounts counts the stored commands by state.
func (a *agent) commandCounts(c command.State) page.Commands {
	count := func(status string) int {
		return a.commands.Search(command.Query{Statuses: []string{status}}).TotalElements
	}
	counts := page.Commands{
		Waiting: c.Waiting, Current: c.Running, Unacknowledged: c.Unconfirmed,
		Completed: count(command.Completed), Errored: count(command.Errored), Cancelled: count(command.Cancelled),
	}
	if c.Running != "" {
		counts.Running = 1
	}
	return counts
}

// engineMetrics lets the web server read the meter.
type engineMetrics struct{ *metrics.Meter }

func (m engineMetrics) Engine() any { return m.Meter.Engine() }

// sessions keeps the sessions of the page across restarts.
type sessions struct{ store *store.Store }

func (s sessions) LoadSessions() ([]auth.Session, error) {
	list, _, err := store.Load(s.store, "sessions", []auth.Session(nil))
	return list, err
}

func (s sessions) SaveSessions(list []auth.Session) error {
	return store.Save(s.store, "sessions", list)
}

// statusOnly is the answer to a request of the agent to itself.
type statusOnly struct {
	header http.Header
	code   int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
func (s *statusOnly) WriteHeader(code int)        { s.code = code }

// health asks the page of this agent for its health: a heartbeat must not come from an agent that does not serve.
func (a *agent) health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/healthz", nil)
	if err != nil {
		return err
	}
	request.RemoteAddr = "127.0.0.1:0"
	answered := make(chan int, 1)
	a.tasks.Go("health check", func(context.Context) error {
		answer := statusOnly{header: http.Header{}, code: http.StatusOK}
		a.web.ServeHTTP(&answer, request)
		answered <- answer.code
		return nil
	})
	select {
	case code := <-answered:
		if code >= http.StatusBadRequest {
			return fmt.Errorf("the health check answered %d", code)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the page did not answer within %s", healthLimit)
	}
}

// reserveInterval is how often the reserve of the disk is looked after.
const reserveInterval = time.Minute

// keepReserve makes the reserve of the state folder again once there is room.
func (a *agent) keepReserve(ctx context.Context) error {
	tick := time.NewTicker(reserveInterval)
	defer tick.Stop()
	had := false
	for {
		if had && !a.store.HasReserve() {
			a.log.Error("The disk is full: OIBus has given up its reserve, free some space")
		}
		if err := a.store.Replenish(); err != nil {
			a.log.Warn("The reserve of disk space cannot be made", "error", err)
		}
		had = a.store.HasReserve()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// logHealth writes the metrics to the log from time to time.
func (a *agent) logHealth(ctx context.Context) error {
	tick := time.NewTicker(healthLogInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			data, err := json.Marshal(a.meter.Engine())
			if err != nil {
				return err
			}
			a.log.Info(string(data))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
