package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/platform/task"
)

// phases of the launcher in the words of a person.
var phases = map[string]string{
	"staged":       "The launcher verifies and unpacks version %s",
	"checked":      "The launcher saves the data before version %s is tried",
	"backed-up":    "OIBus is about to be stopped for version %s",
	"stopped":      "OIBus is about to be stopped for version %s",
	"switched":     "Version %s is about to be tried",
	"on-trial":     "Version %s is on trial",
	"committed":    "Version %s has passed its trial",
	"rolling-back": "Version %s is undone",
	"rolled-back":  "Version %s was undone",
}

// await waits for the answer of the launcher, which may stop this process meanwhile: then the next one waits.
func (s *Service) await(ctx context.Context, o order, r *reporter) (string, error) {
	idle, gone, phase := s.o.Now(), time.Time{}, ""
	for {
		place, result := s.where(o)
		status, err := handover.ReadStatus(s.o.DataDir)
		now := s.o.Now()
		switch a := status.Upgrades.Attempt; {
		case place == answered:
			return s.verdict(o, result)
		case err != nil || a != nil && a.CommandID != o.id: // it is busy
			idle = now
		case a != nil:
			idle, gone = now, time.Time{}
			if status.Phase != phase && phases[status.Phase] != "" {
				phase = status.Phase
				r.says(phases[phase], o.version)
			}
		case place == nowhere && gone.IsZero():
			gone = now
		case place == nowhere && now.Sub(gone) >= s.o.limits.lost:
			return "", errors.New("OIBus has not been updated: the request to the launcher has disappeared from the folder update, and the launcher knows nothing of it")
		case now.Sub(idle) >= s.o.limits.pickup:
			return "", errors.Join(fmt.Errorf("OIBus has not been updated: the launcher did not take the request within %s. Its log says more", s.o.limits.pickup), s.withdraw(o))
		}
		if err := task.Sleep(ctx, s.o.limits.look); err != nil {
			return "", err
		}
	}
}

// verdict words what became of a command (protocol/control-plane.md, section 9.5), judged by the version that runs, not
// by what was asked for.
func (s *Service) verdict(o order, r handover.Result) (string, error) {
	runs := strings.TrimPrefix(s.o.Version, "v") == o.version
	switch {
	case r.Outcome == handover.Committed && runs:
		return fmt.Sprintf("OIBus updated to version %s, launcher updated to version %s", o.version, s.o.Launcher) + s.aside(o, r), nil
	case r.Outcome == handover.Committed:
		return "", s.rolledBack(fmt.Sprintf("version %s passed its trial, but is not the one that runs now", o.version))
	case r.Outcome == handover.RolledBack:
		return "", s.rolledBack(r.Reason)
	case notZipText(r.Reason) != "":
		return "", errors.New(notZipText(r.Reason))
	}
	return "", fmt.Errorf("OIBus has not been updated: %s", orUnknown(r.Reason))
}

func (s *Service) rolledBack(reason string) error {
	return fmt.Errorf("OIBus has not been updated. Rollback to version %s: %s", s.o.Version, orUnknown(reason))
}

// aside is what a person should know of an upgrade that went well.
func (s *Service) aside(o order, r handover.Result) string {
	var notes []string
	if r.Reason != "" {
		notes = append(notes, r.Reason)
	}
	if o.updateLauncher && !r.LauncherUpdated {
		notes = append(notes, "the launcher was not replaced")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

func orUnknown(reason string) string {
	if reason == "" {
		return "the launcher does not say why"
	}
	return reason
}

// notZipMark begins the text of the reference for what is no archive (release.NotZipError).
const notZipMark = "invalid signature: 0x"

func notZipText(reason string) string {
	at := strings.Index(reason, notZipMark)
	if at < 0 || strings.ContainsAny(reason[at+len(notZipMark):], " ,;:") {
		return ""
	}
	return reason[at:]
}
