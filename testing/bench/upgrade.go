package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	interruptionBudget = 2000 // ms, whatever the size of the cache
	upgradeLimit       = 5 * time.Minute
	upgradedVersion    = "99.1.0"
	// askInterval is the time between two looks at the page: the agent answers 5 000 requests a minute of one client.
	askInterval = 15 * time.Millisecond
	// upgradeSettings keep the trial, which is no part of the interruption, short.
	upgradeSettings = "[launcher]\ntrial_window = \"1s\"\nheartbeat_interval = \"100ms\"\n"
)

// load is what a data folder holds.
type load struct {
	files int
	bytes int64
}

func (l load) String() string {
	return fmt.Sprintf("%s GB in %s files", measure.Number(float64(l.bytes)/1e9), measure.Number(float64(l.files)))
}

var (
	loads    = []load{{1_000, 100_000_000}, {10_000, 1_000_000_000}}
	bigLoads = []load{{100_000, 10_000_000_000}} // when OIBUS_SWEEP is set
)

// upgrades measures how long the service is interrupted by an upgrade, how long the whole takes, and how much room.
func upgrades(s *stage, n size) []measure.Row {
	list := loads[:n.upgrades]
	if os.Getenv("OIBUS_SWEEP") != "" {
		list = append(list, bigLoads...)
	}
	var rows []measure.Row
	pack := sync.OnceValue(s.nextRelease)
	for _, kind := range []string{"ext4", "xfs"} {
		for _, l := range list {
			rows = append(rows, s.upgradeOn(kind, l, pack)...)
		}
	}
	return rows
}

const upgradeGroup = "Upgrade, by data folder"

// upgradeOn measures one upgrade on a file system of its own.
func (s *stage) upgradeOn(kind string, l load, pack func() []byte) []measure.Row {
	row := measure.Row{Group: upgradeGroup, Name: fmt.Sprintf("interruption, %s, %s", kind, l), Unit: "ms"}.AtMost(interruptionBudget)
	v, err := s.mountVolume(kind, l.bytes+l.bytes/10+1<<30)
	if err != nil {
		return []measure.Row{row.Absent(err.Error())}
	}
	defer v.unmount()
	a := harness.New(s, harness.Options{Dir: v.dir, Launcher: true, Settings: upgradeSettings})
	links, copies := s.fillWith(v.dir, l)
	a.Start()
	s.pause(settleTime)
	s.must(os.MkdirAll(handover.Dir(v.dir), 0o755))
	name := handover.StagedPrefix + "bench.zip"
	zip := pack()
	s.must(platform.WriteFile(filepath.Join(handover.Dir(v.dir), name), zip, 0o600))
	w := s.observe(a, v)
	begin := time.Now()
	s.must(handover.WriteRequest(v.dir, handover.Request{CommandID: "bench", Version: upgradedVersion, Package: name, At: begin}))
	s.upgraded(a, w, begin)
	a.Stop()
	row.Value = float64(w.longest.Microseconds()) / 1000
	row.Detail = fmt.Sprintf("of the page; this disk links %s files/s, copies %s MB/s", measure.Number(float64(int(links))), measure.Number(float64(int(copies))))
	return []measure.Row{row,
		{Group: upgradeGroup, Name: "  whole", Value: w.ended.Sub(begin).Seconds() - 1, Unit: "s", Detail: "from the request to the end, without the trial window"},
		{Group: upgradeGroup, Name: "  extra disk, at most", Value: float64(w.most-w.before) / megabyte, Unit: "MB",
			Detail: "of which the unpacked release is what stays; the package was there before"},
	}
}

// nextRelease builds a package of the next version.
func (s *stage) nextRelease() []byte {
	dir := s.TempDir()
	for name, of := range map[string]string{"oibus": "oibus/agent/cmd/oibus", "oibus-launcher": "oibus/launcher/cmd/oibus-launcher"} {
		cmd := exec.CommandContext(s.context, "go", "build", "-trimpath", "-ldflags", "-s -w -X oibus/platform.Version="+upgradedVersion, "-o", filepath.Join(dir, name), of)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			s.Fatalf("cannot build the next version: %v\n%s", err, text)
		}
	}
	m := release.Manifest{Version: upgradedVersion, Platform: platform.Platform(), Architecture: platform.Architecture(), Created: time.Now()}
	path := filepath.Join(dir, "package.zip")
	f, err := os.Create(path)
	s.must(err)
	_, err = release.Write(s.context, f, m, []release.Source{
		release.FileSource(release.AgentPath(m.Platform), filepath.Join(dir, "oibus"), true),
		release.FileSource(release.LauncherPath(m.Platform), filepath.Join(dir, "oibus-launcher"), true),
	}, nil)
	s.must(err)
	s.must(f.Close())
	zip, err := os.ReadFile(path)
	s.must(err)
	return zip
}

// witness is what was seen of an upgrade.
type witness struct {
	longest      time.Duration // without an answer
	before, most uint64        // bytes in use
	ended        time.Time
	stop         context.CancelFunc
	done         chan struct{}
}

// observe asks the agent all the time, until the witness is stopped.
func (s *stage) observe(a *harness.Agent, v *mounted) *witness {
	ctx, cancel := context.WithCancel(s.context)
	w := &witness{before: v.used(), stop: cancel, done: make(chan struct{})}
	w.most = w.before
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(askInterval)
		defer tick.Stop()
		for last := time.Now(); ctx.Err() == nil; <-tick.C {
			if measure.Get(ctx, client, a.URL+"/api/status", "") == nil {
				now := time.Now()
				w.longest, last = max(w.longest, now.Sub(last)), now
			}
			w.most = max(w.most, v.used())
		}
	}()
	return w
}

// upgraded waits for the end of the upgrade, which must be a good one.
func (s *stage) upgraded(a *harness.Agent, w *witness, begin time.Time) {
	ctx, cancel := s.within(upgradeLimit)
	defer cancel()
	var st handover.Status
	reached := harness.UntilDone(ctx, func() bool {
		var err error
		st, err = handover.ReadStatus(a.Dir)
		return err == nil && st.Phase == "idle" && st.Upgrades.Last != nil
	})
	w.ended = time.Now()
	w.stop()
	<-w.done
	if !reached || st.Upgrades.Last.Outcome != handover.Committed {
		s.Fatalf("the upgrade does not succeed: %+v\n%s", st.Upgrades.Last, a.Output())
	}
}
