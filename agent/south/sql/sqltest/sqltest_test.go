package sqltest

import (
	"strings"
	"testing"
	"time"
)

func TestWhatIsLeftRunningIsFound(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	begun, ended := make(chan struct{}), make(chan struct{})
	go waitingDriver(begun, release, ended)
	<-begun
	if left := leftovers("waitingDriver", 0); !strings.Contains(left, "waitingDriver") {
		t.Errorf("found %q", left)
	}
	close(release)
	<-ended
	if left := leftovers("waitingDriver", time.Minute); left != "" {
		t.Errorf("found %q after it ended", left)
	}
}

func waitingDriver(begun, release, ended chan struct{}) {
	close(begun)
	<-release
	close(ended)
}

func TestAPasswordThatShowsIsFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"cannot log in": false, "login " + Password: true, "p%40ss%3Bw%7Dord": true, "PWD={p@ss;w}}ord=%ü}": true} {
		probe := &testing.T{}
		Hidden(probe, text)
		if probe.Failed() != want {
			t.Errorf("%q: found %v, want %v", text, !want, want)
		}
	}
}
