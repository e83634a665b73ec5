// Command bench measures what design and documentation promise about speed and size, on the built programs, and prints
// it as one table with the budgets and with the limits of the machine beside. It promises that each figure is taken on
// the programs as they are shipped, with real files and real connections, and that the whole takes less than ten
// minutes. It guards against budgets that are exceeded without anybody noticing: it then exits with 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"oibus/platform"
	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

// wholeLimit bounds everything.
const wholeLimit = 10 * time.Minute

// size says how much is measured.
type size struct {
	firstStarts, laterStarts int
	idle                     time.Duration
	commands, singles        int
	lines                    int
	agents                   int
	polling                  time.Duration
	upgrades                 int // of the loads of a data folder
	values, contents, cached int // that flow
}

var (
	whole = size{firstStarts: 15, laterStarts: 30, idle: time.Minute, commands: 200, singles: 15, lines: 1_000_000, agents: 2000, polling: 5 * time.Second, upgrades: 2, values: 1_000_000, contents: 20_000, cached: 100_000}
	short = size{firstStarts: 3, laterStarts: 5, idle: 25 * time.Second, commands: 200, singles: 3, lines: 100_000, agents: 200, polling: time.Second, upgrades: 1, values: 200_000, contents: 2_000, cached: 5_000}
)

// groups are the rows that belong together, because they are measured on the same programs.
var groups = []struct {
	name string
	run  func(*stage, size) []measure.Row
}{
	{"size", sizes},
	{"start", starts},
	{"commands", commands},
	{"fleet", fleet},
	{"logs", logs},
	{"flow", flow},
	{"transformers", transformers},
	{"upgrade", upgrades},
	{"databases", databases},
	{"modbus", modbusFlow},
	{"mqtt", mqttFlow},
	{"opcua", opcuaFlow},
	{"objects", objects},
	{"files", files},
	{"takeover", takeovers},
	{"page", page},
	{"items", itemTables},
	{"idle", idle},
}

type options struct {
	rows  *regexp.Regexp
	json  string
	dir   string
	short bool
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	report, err := measureAll(ctx, o)
	if writeErr := write(report, o.json); err == nil {
		err = writeErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	if failed := report.Failed(); len(failed) > 0 {
		fmt.Fprintf(os.Stderr, "%d figures exceed their budgets\n", len(failed))
		return 1
	}
	return 0
}

func parse(args []string) (o options, err error) {
	names := ""
	for _, g := range groups {
		names += " " + g.name
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rows := flags.String("run", "", "measure only the groups whose names match this regular expression, of:"+names)
	flags.StringVar(&o.json, "json", "", "write the figures as JSON to this `file` too")
	flags.StringVar(&o.dir, "data", os.TempDir(), "put the data folders into this `folder`, whose disk is measured")
	flags.BoolVar(&o.short, "short", false, "measure less, in about two minutes: the figures are rougher")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	o.rows, err = regexp.Compile(*rows)
	return o, err
}

// measureAll returns also what was measured before an error.
func measureAll(ctx context.Context, o options) (report measure.Report, err error) {
	if os.Getenv(harness.DistVariable) == "" {
		return report, fmt.Errorf("%s does not name the folder of the built programs: run ./build.sh bench", harness.DistVariable)
	}
	dir, err := os.MkdirTemp(o.dir, "oibus-bench")
	if err != nil {
		return report, fmt.Errorf("cannot make a data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	report = measure.Report{Version: platform.Version, At: time.Now().UTC().Format(time.RFC3339)}
	fmt.Fprintln(os.Stderr, "measuring the limits of the machine")
	limits, err := measure.Measure(ctx, dir)
	if err != nil {
		return report, err
	}
	report.Machine = limits.Facts(filepath.Dir(dir))
	amount := whole
	if o.short {
		amount = short
	}
	for _, g := range groups {
		if !o.rows.MatchString(g.name) {
			continue
		}
		start := time.Now()
		fmt.Fprintf(os.Stderr, "measuring: %s\n", g.name)
		rows, err := play(ctx, g.name, dir, limits, func(s *stage) []measure.Row { return g.run(s, amount) })
		report.Rows = append(report.Rows, rows...)
		if err != nil {
			return report, fmt.Errorf("%s: %w", g.name, err)
		}
		fmt.Fprintf(os.Stderr, "measuring: %s took %.0f s\n", g.name, time.Since(start).Seconds())
	}
	return report, nil
}

func write(report measure.Report, file string) error {
	if err := report.WriteText(os.Stdout); err != nil || file == "" {
		return err
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
