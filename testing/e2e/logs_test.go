package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
)

// executing are the lines that each command leaves, with a number of its own.
var executing = regexp.MustCompile(`^Executing command create-scan-mode \((line-\d+)\)$`)

func TestLogsArriveOnceEachDespiteAnOutageAndARestart(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{})
	earlier := len(journal(t, s.Dir)) // what was logged before this simulator ran
	s.Start()
	queued := 0
	batch := func(n int) {
		t.Helper()
		var ids []string
		for range n {
			queued++
			ids = append(ids, s.Queue(with(command("create-scan-mode", scanMode(fmt.Sprint("logged ", queued))), "id", fmt.Sprintf("line-%d", queued)))...)
		}
		s.Ended(limited(t), ids...)
	}
	batch(30)
	if _, err := s.Sim.AddRule(cloudsim.Rule{ID: "outage", Endpoint: "E10", Status: 503}); err != nil {
		t.Fatal(err)
	}
	batch(40)
	if code := s.Stop(); code != 0 { // what could not be sent now is sent by the next one
		t.Errorf("it ended with %d", code)
	}
	s.Start()
	batch(30)
	if _, err := s.Sim.WaitRequests(limited(t), cloudsim.RequestFilter{Endpoint: "E10", Text: "logs"}, 1); err != nil {
		t.Errorf("nothing was sent: %v", err)
	}
	s.Sim.RemoveRule("outage")
	if err := s.Sim.Wait(limited(t), func() bool { return len(arrived(s.Sim)) >= queued }); err != nil {
		t.Errorf("of %d lines, %d arrived: %v", queued, len(arrived(s.Sim)), err)
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	for id, n := range arrived(s.Sim) {
		if n != 1 {
			t.Errorf("the line of %s arrived %d times", id, n)
		}
	}
	compare(t, s, journal(t, s.Dir)[earlier:])
}

// arrived counts the lines of commands at the cloud, by command.
func arrived(sim *cloudsim.Sim) map[string]int {
	seen := map[string]int{}
	for _, l := range sim.Logs(cloudsim.LogFilter{}) {
		if m := executing.FindStringSubmatch(l.Message); m != nil {
			seen[m[1]]++
		}
	}
	return seen
}

// compare checks that the cloud has each line that is for it: all but those about sending to it.
func compare(t *testing.T, s *site.Site, lines string) {
	t.Helper()
	have := map[string]bool{}
	for _, l := range s.Sim.Logs(cloudsim.LogFilter{}) {
		have[l.Timestamp+" "+l.Message] = true
	}
	own := 0
	for line := range strings.Lines(lines) {
		var l struct{ Time, Level, Message, Except string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("a line of the journal: %v: %s", err, line)
		}
		if l.Except != "" {
			continue
		}
		own++
		if !have[l.Time[:len("2006-01-02T15:04:05.000")]+"Z "+l.Message] {
			t.Errorf("not at the cloud: %s", line)
		}
	}
	t.Logf("%d lines, of which all should be at the cloud", own)
}

func TestAStopLosesNoLine(t *testing.T) {
	t.Parallel()
	for _, name := range stopSignals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.Start(t, site.Options{})
			var ids []string
			for i := range 20 {
				ids = append(ids, s.Queue(with(command("create-scan-mode", scanMode(fmt.Sprint("logged ", i))), "id", fmt.Sprintf("line-%d", i)))...)
			}
			s.Ended(limited(t), ids...)
			if code := stop(t, s.Agent, name); code != 0 {
				t.Errorf("it ended with %d\n%s", code, s.Output())
			}
			if n := len(arrived(s.Sim)); n != len(ids) {
				t.Errorf("of %d lines, %d had arrived at the cloud when it ended", len(ids), n)
			}
			for _, id := range ids {
				if !strings.Contains(journal(t, s.Dir), "("+id+")") {
					t.Errorf("the line of %s is not in the journal", id)
				}
			}
		})
	}
}
