package fault

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
)

// judge compares what the cloud was told of each command with what the agent shows.
type judge struct {
	t      *testing.T
	s      *site.Site
	pieces []piece

	names  map[string]map[string]int    // kind → name → how many
	values map[string]map[string]string // kind → id → value
	counts map[string]int               // outcomes
}

func (j *judge) run(ctx context.Context) {
	j.t.Helper()
	j.counts = map[string]int{}
	j.look(ctx)
	ends := j.ends()
	j.ownBook(ctx, ends)
	j.effects(ends)
	j.executions()
}

// ends checks that each command has one end at the cloud and returns it by id.
func (j *judge) ends() map[string]cloudsim.Command {
	ends := map[string]cloudsim.Command{}
	for _, p := range j.pieces {
		c, err := j.s.Sim.Command(p.id)
		if err != nil {
			j.t.Errorf("%s is not known: %v", p.id, err)
			continue
		}
		ends[p.id] = c
		j.counts[c.Status]++
		if !terminal(c.Status) {
			j.t.Errorf("%s (%s) never ended: %s", p.id, c.Type, c.Status)
		}
		for _, a := range c.Anomalies {
			j.t.Errorf("%s (%s): %s", p.id, c.Type, a)
		}
		said := map[string]bool{}
		for _, u := range c.Updates {
			if terminal(u.Status) {
				said[u.Status+" "+text(u.Result)] = true
			}
		}
		if len(said) > 1 {
			j.t.Errorf("%s (%s) ended in %d ways: %v", p.id, c.Type, len(said), said)
		}
	}
	return ends
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// look reads the objects of the agent.
func (j *judge) look(ctx context.Context) {
	j.t.Helper()
	j.names, j.values = map[string]map[string]int{}, map[string]map[string]string{}
	read := func(path string, into any) {
		j.t.Helper()
		if err := j.s.JSON(ctx, "GET", path, nil, into); err != nil {
			j.t.Fatal(err)
		}
	}
	for kind, key := range map[string]string{"scan-modes": "name", "ip-filters": "address"} {
		var list []map[string]any
		read("/api/"+kind, &list)
		j.names[kind], j.values[kind] = map[string]int{}, map[string]string{}
		for _, o := range list {
			j.names[kind][fmt.Sprint(o[key])]++
			j.values[kind][fmt.Sprint(o["id"])] = fmt.Sprint(o["description"])
		}
	}
	var info struct {
		Name string `json:"oibusName"`
	}
	read("/api/engine/info", &info)
	var r struct {
		Retry json.Number `json:"messageRetryInterval"`
	}
	read("/api/oianalytics/registration", &r)
	j.values["engine"], j.values["registration"] = map[string]string{"engine": info.Name}, map[string]string{"registration": r.Retry.String()}
}

// ownBook checks that the agent itself knows each end as the cloud does.
func (j *judge) ownBook(ctx context.Context, ends map[string]cloudsim.Command) {
	for page, seen := 0, 0; ; page++ {
		var answer struct {
			Content []struct {
				ID, Status string
				Ack        bool
				Result     *string
			} `json:"content"`
			Total int `json:"totalElements"`
		}
		if err := j.s.JSON(ctx, "GET", fmt.Sprintf("/api/oianalytics/commands/search?page=%d", page), nil, &answer); err != nil {
			j.t.Fatal(err)
		}
		for _, c := range answer.Content {
			end, ours := ends[c.ID]
			if ours && (c.Status != end.Status || text(c.Result) != text(end.Result) || !c.Ack) {
				j.t.Errorf("%s is %s (%s), confirmed %v, for the agent, and %s (%s) for the cloud", c.ID, c.Status, text(c.Result), c.Ack, end.Status, text(end.Result))
			}
		}
		if seen += len(answer.Content); seen >= answer.Total || len(answer.Content) == 0 {
			return
		}
	}
}

// effects checks that what a command says it did is there, once.
func (j *judge) effects(ends map[string]cloudsim.Command) {
	last := map[string][]string{} // kind and object → values that may be there now
	for _, p := range j.pieces {
		end := ends[p.id]
		unclear := end.Status == cloudsim.CommandErrored && strings.HasPrefix(text(end.Result), interrupted)
		if unclear {
			j.counts["interrupted"]++
		}
		done := end.Status == cloudsim.CommandCompleted
		switch p.does {
		case refused:
			if done {
				j.t.Errorf("%s cannot be executed and ended %s", p.id, end.Status)
			}
			continue
		case creates:
			n := j.names[p.kind][p.object]
			if n > 1 || done && n == 0 || end.Status == cloudsim.CommandCancelled && n > 0 {
				j.t.Errorf("%s (%s) ended %s, and there are %d of %s %q", p.id, end.Type, end.Status, n, p.kind, p.object)
			}
		case deletes:
			if _, there := j.values[p.kind][p.object]; there != (end.Status == cloudsim.CommandCancelled) && !unclear {
				j.t.Errorf("%s (%s) ended %s, and %s %q is there: %v", p.id, end.Type, end.Status, p.kind, p.object, there)
			}
		case changes:
			key := p.kind + " " + p.object
			switch {
			case done:
				last[key] = []string{p.value}
			case unclear:
				last[key] = append(last[key], p.value)
			}
		case restarts:
			if done && text(end.Result) != "OIBus restarted" {
				j.t.Errorf("%s restarted with %q", p.id, text(end.Result))
			}
		}
		if end.Status == cloudsim.CommandErrored && !unclear {
			j.t.Errorf("%s (%s) failed, which only a second execution explains: %s", p.id, end.Type, text(end.Result))
		}
	}
	for key, values := range last {
		kind, object, _ := strings.Cut(key, " ")
		if now := j.values[kind][object]; !contains(values, now) {
			j.t.Errorf("%s is %q, the commands leave %q", key, now, values)
		}
	}
}

func contains(list []string, wanted string) bool {
	for _, v := range list {
		if v == wanted {
			return true
		}
	}
	return false
}

var executing = regexp.MustCompile(`Executing command \S+ \((c-\d+)\)`)

// executions checks in the journal of logs that nothing was executed twice, and everything in the order it came.
func (j *judge) executions() {
	files, err := filepath.Glob(filepath.Join(j.s.Dir, "logs", "journal*.jsonl"))
	if err != nil || len(files) != 1 {
		j.t.Fatalf("there are %d journals, error %v", len(files), err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		j.t.Fatal(err)
	}
	defer f.Close()
	var order []string
	times := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := executing.FindStringSubmatch(lines.Text()); m != nil {
			order = append(order, m[1])
			times[m[1]]++
		}
	}
	for id, n := range times {
		if n > 1 {
			j.t.Errorf("%s was executed %d times", id, n)
		}
	}
	for i := 1; i < len(order); i++ {
		if order[i] < order[i-1] {
			j.t.Errorf("%s was executed after %s, which came later", order[i], order[i-1])
		}
	}
	j.counts["executed (in the log)"] = len(times)
}
