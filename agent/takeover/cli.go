package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Verb is the first argument of the agent that makes it import instead of run.
const Verb = "import"

// ErrUsage says that the command line is wrong.
var ErrUsage = errors.New("wrong command line")

// Main carries out `oibus import`: args are those behind the verb. The report goes to out.
func Main(ctx context.Context, args []string, out io.Writer) error {
	var o Options
	flags := flag.NewFlagSet("oibus "+Verb, flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.From, "from", "", "data `folder` of an OIBus 3.8, which is not changed; stop that OIBus first")
	flags.StringVar(&o.To, "config", ".", "data `folder` of this OIBus, which must not run")
	flags.BoolVar(&o.DryRun, "dry-run", false, "only say what would come over")
	flags.BoolVar(&o.Replace, "replace", false, "put aside the configuration that is there, into the folder "+asideFolder)
	asJSON := flags.Bool("json", false, "answer as JSON")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w: unknown argument %q", ErrUsage, flags.Arg(0))
	}
	if o.From == "" {
		return fmt.Errorf("%w: --from is missing: it names the data folder of the other OIBus", ErrUsage)
	}
	r, err := Run(ctx, o)
	if err != nil {
		return err
	}
	if !*asJSON {
		return r.Print(out)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
