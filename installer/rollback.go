package installer

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/platform"
)

// rollbackLimit is how long going back may take: the version before is on trial first.
const rollbackLimit = 3 * time.Minute

var rollbackVerb = verb{
	name: "rollback", args: "", summary: "go back to the version that ran before an upgrade",
	help: `
Asks the launcher to go back: to the version named, else to the one that ran before, else to the factory release. The
launcher saves the data, switches and watches the trial of that version as for an upgrade. This waits for its verdict and
ends with 5 when it is not to go back. The settings and what was collected stay.

  sudo oibus-installer rollback
  sudo oibus-installer rollback --instance line4 --version 3.9.0 --reason "slow since Monday"`,
	setup: func(o *flag.FlagSet) action {
		j := rollbackJob{m: realMachine{}, target: targetOptions(o), limit: rollbackLimit}
		o.StringVar(&j.version, "version", "", "the `VERSION` to go back to (default: the one that ran before)")
		o.StringVar(&j.reason, "reason", "", "`WHY`, for the log")
		o.BoolVar(&j.noWait, "no-wait", false, "do not wait for the verdict")
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			return j.run(ctx)
		}
	},
}

type rollbackJob struct {
	m               machine
	target          *target
	version, reason string
	noWait          bool
	limit           time.Duration
}

func (j rollbackJob) run(ctx context.Context) (answer, error) {
	i, err := j.target.find(j.m)
	if err != nil {
		return nil, err
	}
	var before handover.Status
	err = j.m.AsOwner(i.Data, func() (err error) {
		before, err = handover.ReadStatus(i.Data)
		return err
	})
	if err != nil {
		return nil, forbidden(j.m, err)
	}
	if err := j.possible(before, cmp.Or(factoryVersion(j.m, i), platform.Version)); err != nil {
		return nil, err
	}
	asked := j.m.Now().UTC()
	err = j.m.AsOwner(i.Data, func() error {
		return handover.WriteRollback(i.Data, handover.Rollback{Version: j.version, Reason: j.reason, At: asked})
	})
	if err != nil {
		return nil, forbidden(j.m, err)
	}
	if j.noWait {
		return &rollbackAnswer{Asked: true}, nil
	}
	return j.await(ctx, i, before)
}

// goingBackTo are the versions that the launcher would go back to, the one that it would choose first. What the package
// or archive had installed before is gone with the one that replaced it: in its place there is the factory release.
func goingBackTo(up handover.Versions, factory string) (known []string) {
	if p := up.Previous; p != nil && !p.IsFactory() && *p != up.Running {
		known = append(known, p.Version)
	}
	if up.Running.IsFactory() || factory == "" {
		return known
	}
	if up.Previous != nil && up.Previous.IsFactory() {
		return []string{factory}
	}
	if !slices.Contains(known, factory) {
		known = append(known, factory)
	}
	return known
}

// possible says whether there is anything to go back to, as the launcher would.
func (j rollbackJob) possible(s handover.Status, factory string) error {
	wanted := strings.TrimPrefix(j.version, "v")
	known := goingBackTo(s.Upgrades, factory)
	if wanted == "" && len(known) > 0 || slices.Contains(known, wanted) {
		return nil
	}
	if len(known) == 0 {
		return fmt.Errorf("there is no version to go back to: no upgrade has taken place")
	}
	return fmt.Errorf("there is no version %s here to go back to, there is: %s", j.version, strings.Join(known, ", "))
}

// await waits until the launcher has answered.
func (j rollbackJob) await(ctx context.Context, i instance, before handover.Status) (answer, error) {
	a := &rollbackAnswer{Asked: true}
	err := until(ctx, j.limit, func() bool {
		now, err := j.read(i)
		last := now.Upgrades.Last
		if err != nil || now.Phase != "idle" || last == nil || last.Source != "rollback" {
			return false // it is being written, or not yet over
		}
		if old := before.Upgrades.Last; old != nil && old.EndedAt.Equal(last.EndedAt) {
			return false
		}
		a.Result = last
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("the launcher has not gone back: %w; does it run? oibus-installer status tells", err)
	}
	return a, nil
}

func (j rollbackJob) read(i instance) (s handover.Status, err error) {
	err = j.m.AsOwner(i.Data, func() (err error) {
		s, err = handover.ReadStatus(i.Data)
		return err
	})
	return s, err
}

type rollbackAnswer struct {
	Asked  bool             `json:"asked"`
	Result *handover.Result `json:"result,omitempty"`
}

func (a *rollbackAnswer) inOrder() bool {
	return a.Result == nil || a.Result.Outcome == handover.Committed
}

func (a *rollbackAnswer) text() string {
	switch {
	case a.Result == nil:
		return "The launcher was asked to go back.\n"
	case a.inOrder():
		return fmt.Sprintf("Version %s runs again.\n", a.Result.Running)
	}
	return fmt.Sprintf("It did not go back: %s. Version %s runs.\n", a.Result.Reason, a.Result.Running)
}
