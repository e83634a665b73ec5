package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime/debug"
)

// Verb is the first argument of the agent that makes it import instead of run.
const Verb = "import"

// memoryGoal keeps the import of a large site from taking more of a small machine than it needs.
const memoryGoal = 200 << 20

// ErrUsage says that the command line is wrong.
var ErrUsage = errors.New("wrong command line")

// Main carries out `oibus import`: args are those behind the verb. The report goes to out.
func Main(ctx context.Context, args []string, runs Runs, out io.Writer) error {
	o := Options{Runs: runs}
	flags := flag.NewFlagSet("oibus "+Verb, flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.From, "from", "", "data `folder` of an OIBus 3.8, which is not changed; stop that OIBus first")
	flags.StringVar(&o.To, "config", "", "data `folder` of this OIBus, which must not run")
	flags.BoolVar(&o.DryRun, "dry-run", false, "only say what would come over; neither folder is touched")
	flags.BoolVar(&o.Replace, "replace", false, "put aside the configuration that is there, into a folder "+asideFolder+"-TIME")
	flags.StringVar(&o.Key, "key", "", "`name` of this import, by which --undo finds it")
	undo := flags.Bool("undo", false, "take back the last import into the folder, if it has that name")
	keep := flags.Bool("keep", false, "with --undo: keep what it had brought, in a folder of its own, when there is more in it than the other OIBus has")
	waiting := flags.Bool("waiting", false, "only count what the folder has not sent yet")
	asJSON := flags.Bool("json", false, "answer as JSON")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%w: unknown argument %q", ErrUsage, flags.Arg(0))
	case o.From == "" && !*undo && !*waiting:
		return fmt.Errorf("%w: --from is missing: it names the data folder of the other OIBus", ErrUsage)
	case o.To == "":
		return fmt.Errorf("%w: --config is missing: it names the data folder of this OIBus", ErrUsage)
	case *waiting:
		return countLeft(o.To, *asJSON, out)
	case *undo:
		return takeBack(o, *keep, *asJSON, out)
	}
	debug.SetMemoryLimit(memoryGoal)
	r, err := Run(ctx, o)
	if err != nil {
		return err
	}
	if !*asJSON {
		return r.Print(out)
	}
	return encode(out, r)
}

func countLeft(dir string, asJSON bool, out io.Writer) error {
	l, err := CountLeft(dir)
	if err != nil {
		return err
	}
	if asJSON {
		return encode(out, l)
	}
	_, err = fmt.Fprintf(out, "%d contents wait, %d are in error.\n", l.Waiting, l.InError)
	return err
}

func takeBack(o Options, keep, asJSON bool, out io.Writer) error {
	u, err := Undo(o.To, o.Key, keep)
	if err != nil {
		return err
	}
	if asJSON {
		return encode(out, u)
	}
	text := "There is no such import to take back.\n"
	if u.Undone {
		text = "The import is taken back.\n"
	}
	if u.Kept != "" {
		text += "What it had brought is in " + u.Kept + "\n"
	}
	_, err = io.WriteString(out, text)
	return err
}

func encode(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
