package main

import (
	"fmt"

	"oibus/testing/bench/measure"
	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

const (
	mebibyte   = 1 << 20
	idleBudget = 40 // MB, of launcher and agent
)

// idle measures the memory of launcher and agent that are registered and poll every second: on the first start of
// an OIBus, which makes its keys, hashes its password and registers, and on a later start. Both run at the same time.
func idle(s *stage, n size) []measure.Row {
	sim := s.simulator(cloudsim.Options{})
	form := harness.RegistrationForm(sim.URL())
	later := harness.Start(s, harness.Options{Launcher: true})
	later.RegisterWith(sim, form)
	later.Stop()
	first := harness.Start(s, harness.Options{Launcher: true})
	first.RegisterWith(sim, form)
	later.Start()
	s.pause(n.idle)
	how := fmt.Sprintf("%s after it was ready, polling every second", n.idle)
	return append(s.memoryRows("first start", first.PID(), how), s.memoryRows("later start", later.PID(), how)...)
}

func (s *stage) memoryRows(name string, launcher int, how string) []measure.Row {
	row := measure.Row{Group: "Idle memory", Name: name + ", launcher and agent", Unit: "MB", Detail: how}.AtMost(idleBudget)
	agent, err := measure.ChildOf(launcher)
	if err != nil {
		return []measure.Row{row.Absent(err.Error())}
	}
	parts := []measure.Row{}
	for _, p := range []struct {
		name string
		pid  int
	}{{"launcher", launcher}, {"agent", agent}} {
		m, err := measure.MemoryOf(p.pid)
		s.must(err)
		mb := float64(m.Resident) / mebibyte
		row.Value += mb
		parts = append(parts, measure.Row{Group: row.Group, Name: "  " + p.name, Value: mb, Unit: "MB",
			Detail: fmt.Sprintf("heap and stacks %s MB, the rest is pages of the program; peak %s MB",
				measure.Number(float64(m.Private)/mebibyte), measure.Number(float64(m.Peak)/mebibyte))})
	}
	return append([]measure.Row{row}, parts...)
}
