package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

// Budgets of size, in MB of a million bytes.
const (
	megabyte        = 1_000_000
	installedBudget = 40
	launcherBudget  = 8
)

// installed are the programs that a package installs; the simulator is none of them.
var installed = []string{"oibus", "oibus-launcher", "oibus-installer"}

// sizes measures what the programs take on disk.
func sizes(s *stage, _ size) []measure.Row {
	const group = "Size on disk"
	var rows []measure.Row
	total, names := 0.0, []string{}
	for _, name := range installed {
		path, err := exec.LookPath(filepath.Join(os.Getenv(harness.DistVariable), name))
		if err != nil {
			rows = append(rows, measure.Row{Group: group, Name: name, Unit: "MB"}.Absent("it is not built"))
			continue
		}
		info, err := os.Stat(path)
		s.must(err)
		mb := float64(info.Size()) / megabyte
		row := measure.Row{Group: group, Name: name, Value: mb, Unit: "MB"}
		if name == "oibus-launcher" {
			row = row.AtMost(launcherBudget)
		}
		rows = append(rows, row)
		total += mb
		names = append(names, name)
	}
	return append(rows, measure.Row{Group: group, Name: "installed", Value: total, Unit: "MB", Detail: "sum of " + strings.Join(names, ", ")}.AtMost(installedBudget))
}
