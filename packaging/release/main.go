// Command release makes the upgrade packages of all platforms from cross-compiled programs. It promises packages that
// it has itself verified, the same bytes for the same programs, and a bill of materials taken from the programs, not
// from what was meant to go into them. It guards against publishing a package that a machine would refuse, or that
// holds another version than its name says.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// run returns the exit code: 0 done, 1 failed, 2 wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	j, err := parse(args, stderr)
	if err != nil {
		return 2
	}
	made, err := j.packages(ctx)
	for _, m := range made {
		fmt.Fprintf(stdout, "%s  %11d  %s\n", m.sha256, m.size, m.name)
	}
	if err != nil {
		fmt.Fprintln(stderr, "release:", err)
		return 1
	}
	return 0
}

// job is what the command line asks for.
type job struct {
	root, from, out      string
	version              string
	minState, state      int
	key, certificate     string
	createdText          string
	now                  time.Time
	probe                func(ctx context.Context, agent string) (version string, err error)
	environment          func(name string) string
	system, architecture string // of this machine
}

func parse(args []string, stderr io.Writer) (job, error) {
	j := newJob()
	o := flag.NewFlagSet("release", flag.ContinueOnError)
	o.SetOutput(stderr)
	o.Usage = func() {
		fmt.Fprint(stderr, "Makes the upgrade packages from cross-compiled programs.\n\n"+
			"Usage: go run ./packaging/release --version 3.9.0 --state-written 1 [OPTIONS]\n\n")
		o.PrintDefaults()
	}
	o.StringVar(&j.root, "root", ".", "`folder` with LICENSE and oibus.toml.example")
	o.StringVar(&j.from, "from", "dist/cross", "`folder` with one folder of programs for each platform, such as linux-amd64")
	o.StringVar(&j.out, "out", "dist/release", "`folder` for the packages")
	o.StringVar(&j.version, "version", "", "`version` of the programs")
	o.IntVar(&j.minState, "state-min", 1, "lowest schema `level` of data folders that they read")
	o.IntVar(&j.state, "state-written", 0, "schema `level` of data folders that they write")
	o.StringVar(&j.key, "key", "", "`file` of the private release key; without it the packages are not signed")
	o.StringVar(&j.certificate, "certificate", "", "`file` of the certificate of the key, unless the key carries it")
	o.StringVar(&j.createdText, "created", "", "`time` of creation as 2026-03-01T12:00:00Z (default: SOURCE_DATE_EPOCH, or the commit that the programs were built from)")
	err := o.Parse(args)
	if err == nil {
		err = j.check(o.Args())
		if err != nil {
			fmt.Fprintln(stderr, "release:", err)
		}
	}
	return j, err
}

func (j job) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q means nothing here", rest[0])
	case j.version == "":
		return fmt.Errorf("the option --version is needed")
	case j.state < 1 || j.minState < 1 || j.minState > j.state:
		return fmt.Errorf("the option --state-written is needed, a schema level from --state-min, %d, on", max(j.minState, 1))
	}
	return nil
}
