package conformance

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"oibus/testing/harness"
)

// run is one agent that plays a sequence.
type run struct {
	name      string
	agent     Dialect
	recorded  Dialect
	translate bool
	scripts   map[string]script
}

func TestOurExchangesAreThoseRecorded(t *testing.T) {
	t.Parallel()
	for _, r := range []run{
		{name: "dialect N", agent: N, recorded: N, scripts: scripts},
		{name: "dialect R", agent: R, recorded: R, scripts: scriptsR},
		{name: "dialect R, recordings of N", agent: R, recorded: N, translate: true, scripts: merged(scripts, sharedScripts)},
	} {
		for i := range parts(sequences[r.recorded]) {
			t.Run(fmt.Sprintf("%s, part %d", r.name, i+1), func(t *testing.T) {
				t.Parallel()
				r.play(t, i)
			})
		}
	}
}

func merged(a, b map[string]script) map[string]script {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// play plays a part of a sequence.
func (r run) play(t *testing.T, part int) {
	p := newPlayer(t, r.agent, r.recorded)
	translator := &Translator{}
	p.rename = renamer(r.agent, translator)
	p.register()
	if part > 0 {
		if err := r.catchUp(p, translator); err != nil {
			t.Fatalf("catching up: %v", err)
		}
	}
	var results []result
	start := time.Now()
	for _, s := range r.part(t, part) {
		t.Logf("%5.1f s: %s", time.Since(start).Seconds(), s.Name)
		res, err := r.scenario(p, translator, s.Name)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		results = append(results, result{s.Name, res})
	}
	if err := p.closeWindow(); err != nil {
		t.Fatal(err)
	}
	for _, res := range results {
		res.report(t, r.agent)
	}
}

func (r run) scenario(p *Player, translator *Translator, name string) (comparison, error) {
	if special := specials[name]; special != nil {
		return special(p), nil
	}
	recording, err := r.load(p.folder, name, translator)
	if err == nil {
		err = p.Play(recording, r.scripts[name])
	}
	if err != nil {
		return nil, err
	}
	it := p.played[len(p.played)-1]
	return func() ([]Difference, error) { return p.Compare(it) }, nil
}

func (r run) load(folder, name string, translator *Translator) (*Recording, error) {
	recording, err := LoadRecording(folder, name)
	if err == nil && r.translate {
		err = translator.Recording(recording)
	}
	return recording, err
}

// catchUp hands out, all at once, the commands that lead to where the sequence is.
func (r run) catchUp(p *Player, translator *Translator) error {
	var commands []any
	w := p.rewriter()
	for _, name := range caughtUp[r.recorded] {
		recording, err := r.load(p.folder, name, translator)
		if err != nil {
			return err
		}
		mine, err := w.Command(recording.Commands[0])
		if err != nil {
			return err
		}
		commands = append(commands, mine)
	}
	if err := p.succeed(append(commands, fiveFieldsCommand())...); err != nil {
		return err
	}
	return p.sentObject("scanModes " + fiveFieldsName)
}

// part is what the run plays: of its folder, or what dialect R has in common with dialect N.
func (r run) part(t *testing.T, part int) []Scenario {
	t.Helper()
	list := parts(sequences[r.recorded])[part]
	if !r.translate {
		return list
	}
	return inBoth(list, namesIn(t, R))
}

// inBoth are the scenarios of dialect N that dialect R has no recording of, because it went the same way.
func inBoth(list []Scenario, recordedInR []string) []Scenario {
	return slices.DeleteFunc(slices.Clone(list), func(s Scenario) bool { return s.OnlyN != "" || slices.Contains(recordedInR, s.Name) })
}

func namesIn(t *testing.T, d Dialect) []string {
	t.Helper()
	names, err := Names(harness.Shared(t, d.Folder()))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
