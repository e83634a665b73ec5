package cache

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"oibus/agent/content"
)

// mounted is a folder on a file system of its own, made and mounted with the commands given, in which MNT is the folder
// and IMG a file; it skips the test where that is not allowed.
func mounted(t *testing.T, commands ...string) (dir string, remount func()) {
	t.Helper()
	if os.Getuid() != 0 || testing.Short() {
		t.Skip("mounting takes root, and a second")
	}
	base := t.TempDir()
	dir = filepath.Join(base, "mnt")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(command string) error {
		args := strings.Fields(strings.NewReplacer("MNT", dir, "IMG", filepath.Join(base, "img")).Replace(command))
		return exec.CommandContext(t.Context(), args[0], args[1:]...).Run()
	}
	for _, c := range commands {
		if err := run(c); err != nil {
			t.Skipf("cannot %s: %v", c, err)
		}
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, func() {
		if err := errors.Join(syscall.Unmount(dir, 0), run(commands[len(commands)-1])); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAcknowledgedContentsSurviveAPowerCut(t *testing.T) {
	t.Parallel()
	dir, remount := mounted(t, "truncate -s 400M IMG", "mkfs.ext4 -q IMG", "mount -o loop IMG MNT")
	l := ledger{}
	for round := range 4 {
		var late atomic.Bool
		l.run(t, dir, time.Duration(400+150*round)*time.Millisecond, &late, func(p *os.Process) {
			late.Store(true)
			cutPower(t, dir)
			p.Kill()
		})
		remount()
		l.check(t, dir)
	}
}

// cutPower makes the file system of dir forget what was not flushed.
func cutPower(t *testing.T, dir string) {
	f, err := os.Open(dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	const shutdown, withoutLog = 0x8004587d, 2
	how := uint32(withoutLog)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		t.Errorf("cannot shut the file system down: %v", errno)
	}
}

func TestADiskThatIsReallyFullLosesNothing(t *testing.T) {
	t.Parallel()
	dir, _ := mounted(t, "mount -t tmpfs -o size=6m tmpfs MNT")
	c := openCache(t, dir, Options{Limits: Limits{Reserve: 1}, tune: tune{inline: 4096}})
	want := map[string]string{}
	refused := 0
	for i := range 4000 {
		data := strings.Repeat(string(rune('a'+i%26)), 1000+i%3000)
		if i%50 == 0 {
			data = strings.Repeat(data, 20)
		}
		id, err := c.PutBytes(t.Context(), Meta{Kind: content.Any}, []byte(data))
		if err != nil {
			var space *SpaceError
			if !errors.As(err, &space) && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			refused++
			if refused%100 != 0 {
				continue
			}
			b := next(t, c, 0) // the north goes on, which makes room
			if got := read(t, b); got != want[b.File.Filename] {
				t.Fatalf("%s is %.100q", b.File.Filename, got)
			}
			if err := b.Done(false); err == nil {
				delete(want, b.File.Filename)
			}
			continue
		}
		want[id] = data
	}
	if refused == 0 {
		t.Fatal("the disk was never full")
	}
	for range 3 {
		if err := c.Close(); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		c = openCache(t, dir, c.o)
		verify(t, c)
		if s := c.Stats(); s.Cached != len(want) {
			t.Fatalf("%d of %d are there: %+v", s.Cached, len(want), s)
		}
	}
	for b := next(t, c, 0); b != nil; b = next(t, c, 0) {
		if got := read(t, b); got != want[b.File.Filename] {
			t.Fatalf("%s is %.100q", b.File.Filename, got)
		}
		delete(want, b.File.Filename)
		if err := b.Done(false); err != nil && !errors.Is(err, syscall.ENOSPC) { // it is not sent again all the same
			t.Fatal(err)
		}
	}
	if len(want) != 0 {
		t.Errorf("%d are missing", len(want))
	}
	c.clean(t.Context())
	if putFile(t, c, "there is room again", "x"); len(drain(t, c, 0)) != 1 {
		t.Error("it does not work again")
	}
}
