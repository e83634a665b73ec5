package installer

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// meddling is a machine on which a person does something else while the other OIBus is being stopped.
type meddling struct {
	*fakeMachine
	meanwhile func()
}

func (m *meddling) Stop(ctx context.Context, service string) error {
	if do := m.meanwhile; do != nil {
		m.meanwhile = nil
		do()
	}
	return m.fakeMachine.Stop(ctx, service)
}

func TestOneInstallerAtATimeChangesServices(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	i, err := newInstance(m.Folders(), "")
	if err != nil {
		t.Fatal(err)
	}
	second := map[string]func() (answer, error){
		"switch": func() (answer, error) { return m.switching(from).run(t.Context()) },
		"back":   func() (answer, error) { return m.switching("").back(t.Context()) },
		"install": func() (answer, error) {
			return (&installJob{m: m, name: "line4", password: &secretSource{}}).run(t.Context())
		},
		"uninstall": func() (answer, error) { return uninstallJob{m: m}.run(t.Context()) },
		"import":    func() (answer, error) { return siteImport{m: m, from: from}.run(t.Context(), i) },
	}
	tried := 0
	j := m.switching(from)
	j.m = &meddling{m, func() {
		before := filesOf(t, m.dir)
		for name, do := range second {
			if _, err := do(); err == nil || err.Error() != "another oibus-installer is at work (switching from "+from+"): wait until it has ended" {
				t.Errorf("%s: %v", name, err)
			}
			tried++
		}
		if _, err := (siteImport{m: m, from: from, dryRun: true}).run(t.Context(), i); err != nil { // that only reads
			t.Error(err)
		}
		if after := filesOf(t, m.dir); len(after) != len(before) || after[switchPath(m, "")] != before[switchPath(m, "")] {
			t.Errorf("%d files, before %d", len(after), len(before))
		}
	}}
	if _, err := j.run(t.Context()); err != nil || m.whoRuns() != oursOn || tried != len(second) {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
	if _, err := second["back"](); err != nil || m.whoRuns() != oldOn { // it has ended
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

func TestWhatIsDoneAloneMayFail(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	absent := &absentError{}
	for range 2 {
		if _, err := alone(m, "failing", func() (answer, error) { return nil, absent }); exitCode(err) != ExitAbsent {
			t.Error(err)
		}
	}
	m.rights = &rightsError{"root is needed"} // no lock can be made then
	if _, err := alone(m, "asking", func() (answer, error) { return nil, m.rights }); exitCode(err) != ExitRights {
		t.Error(err)
	}
	m.rights, m.lock = nil, filepath.Join(m.here, "oibus-launcher")
	done := false
	if _, err := alone(m, "locking", func() (answer, error) { done = true; return nil, nil }); err == nil || done || strings.Contains(err.Error(), "another") {
		t.Errorf("%v, done: %v", err, done)
	}
}
