package platform

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTheWordsOfSystemdAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		properties string
		want       ServiceStatus
	}{
		{"LoadState=not-found\nActiveState=inactive\n", ServiceStatus{State: ServiceAbsent}},
		{"LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=12\nNRestarts=3\nStatusText=OIBus 3.9.0 runs\n",
			ServiceStatus{State: ServiceRunning, AtBoot: true, PID: 12, Restarts: 3, Detail: "OIBus 3.9.0 runs"}},
		{"LoadState=loaded\nActiveState=failed\nUnitFileState=disabled\nResult=exit-code\n", ServiceStatus{State: ServiceFailed, Detail: "exit-code"}},
		{"LoadState=loaded\nActiveState=activating\n", ServiceStatus{State: ServiceStarting}},
		{"LoadState=loaded\nActiveState=deactivating\n", ServiceStatus{State: ServiceStopping}},
		{"LoadState=loaded\nActiveState=inactive\n", ServiceStatus{State: ServiceStopped}},
	} {
		if got := parseUnit(c.properties); got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.properties, got, c.want)
		}
	}
}

// It changes the user of the whole process, so that no other test may run beside it.
func TestWhatIsDoneAsTheOwnerOfAFolderCannotTouchOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can act as somebody else")
	}
	dir := t.TempDir()
	for at := dir; at != "/" && at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mine, theirs := filepath.Join(dir, "mine"), filepath.Join(dir, "theirs")
	const nobody = 65534
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(theirs, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(theirs, "file")
	err := AsOwnerOf(theirs, func() error {
		if _, err := os.ReadFile(mine); !os.IsPermission(err) {
			t.Errorf("reading a file of root: %v", err)
		}
		return os.WriteFile(made, []byte("x"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(made)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != nobody || st.Gid != nobody {
		t.Errorf("the file belongs to %d:%d", st.Uid, st.Gid)
	}
	if _, err := os.ReadFile(mine); err != nil || os.Geteuid() != 0 {
		t.Errorf("afterwards: user %d, %v", os.Geteuid(), err)
	}
}
