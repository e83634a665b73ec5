package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"oibus/launcher/handshake"
	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestAnAgentAloneEndsWhenItIsToldToRestart(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	completes(t, s, "OIBus restarted", map[string]any{"type": "restart-engine"})
	if code := s.WaitExit(patience); code != handshake.ExitRestart {
		t.Errorf("it ended with %d\n%s", code, s.Output())
	}
	s.Start()
	must(t, s.Client, "POST", "/api/engine/restart", nil, nil)
	if code := s.WaitExit(patience); code != handshake.ExitRestart {
		t.Errorf("told by the REST API, it ended with %d\n%s", code, s.Output())
	}
}

func TestUnderTheLauncherARestartTakesAMoment(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{Options: harness.Options{Launcher: true}})
	for n, restart := range []func(){
		func() { completes(t, s, "OIBus restarted", map[string]any{"type": "restart-engine"}) },
		func() { must(t, s.Client, "POST", "/api/engine/restart", nil, nil) },
	} {
		before, err := s.AgentPID(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		restart()
		ids = append(ids, s.Queue(command("create-scan-mode", scanMode(fmt.Sprint("after restart ", n))))...)
		renewed(limited(t), t, s, before)
		if end := s.Ended(limited(t), ids...)[0]; end.Status != cloudsim.CommandCompleted {
			t.Errorf("the command after the restart ended %s: %s", end.Status, text(end.Result))
		}
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("the launcher ended with %d", code)
	}
	says(t, "the launcher", s.Output(), "OIBus closed with code: 10", "it asked to be restarted", "OIBus stdout: ")
	if strings.Contains(s.Output(), "level=ERROR") {
		t.Errorf("the launcher takes restarts for failures:\n%s", s.Output())
	}
}

func renewed(ctx context.Context, t *testing.T, s *site.Site, before int) {
	t.Helper()
	if !harness.UntilDone(ctx, func() bool {
		now, err := s.AgentPID(ctx)
		return err == nil && now != before
	}) {
		t.Fatalf("process %d was not replaced\n%s", before, s.Output())
	}
}
