package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// disturbed names, for a process that is disturbed, the file to write at its end.
const disturbed = "OIBUS_TEST_DISTURBED"

func TestMain(m *testing.M) {
	at := os.Getenv(disturbed)
	if at == "" {
		os.Exit(m.Run())
	}
	undisturbed()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		panic(err)
	}
	child := exec.Command("sh", "-c", "kill -HUP $$; echo and so has its child")
	said, err := child.Output()
	time.Sleep(100 * time.Millisecond) // a signal that is not ignored ends it in this time, and if not the test has not failed wrongly
	_, printed := fmt.Println("nobody reads this")
	if err := os.WriteFile(at, fmt.Appendf(nil, "it has gone on, %s%v, %v", said, err, printed), 0o600); err != nil {
		panic(err)
	}
	os.Exit(0)
}

func TestALostConnectionAndAPipeThatNobodyReadsDoNotEndIt(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "end")
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout = append(os.Environ(), disturbed+"="+at), w
	err = cmd.Run()
	_ = w.Close() // only this process had it still
	text, reading := os.ReadFile(at)
	if err != nil || reading != nil || !strings.Contains(string(text), "gone on, and so has its child") || !strings.Contains(string(text), "broken pipe") {
		t.Errorf("%q, %v, %v", text, err, reading)
	}
}
