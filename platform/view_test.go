package platform

import (
	"slices"
	"testing"
)

func TestWhatAServiceSeesIsWhatItsUnitSays(t *testing.T) {
	t.Parallel()
	const hardened = "ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nStateDirectory=oibus\nReadWritePaths=-/srv/out /data\nInaccessiblePaths=/data/closed\n"
	const opened = "ProtectSystem=strict\nProtectHome=tmpfs\nPrivateTmp=no\nBindPaths=/home/anna/in:/home/anna/in:rbind\nBindReadOnlyPaths=/home/anna/certs:/home/anna/certs:rbind\n"
	for _, c := range []struct {
		unit, path string
		want       Sight
	}{
		{"", "/home/anna", SightFull},
		{hardened, "/", SightRead},
		{hardened, "/srv/in", SightRead},
		{hardened, "/srv/out", SightFull},
		{hardened, "/srv/out/a/../b", SightFull},
		{hardened, "/srv/output", SightRead},
		{hardened, "/data/x", SightFull},
		{hardened, "/data/closed/x", SightNone},
		{hardened, "/var/lib/oibus/state", SightFull},
		{hardened, "/var/lib/oibus-instances", SightRead},
		{hardened, "/home/anna/in", SightNone},
		{hardened, "/root", SightNone},
		{hardened, "/homework", SightRead},
		{hardened, "/tmp/in", SightOwn},
		{hardened, "/dev/shm/x", SightFull},
		{hardened + "ReadWritePaths=/home/anna\n", "/home/anna", SightNone}, // nothing can be opened below
		{opened, "/home/anna/in/a", SightFull},
		{opened, "/home/anna/certs/a.pem", SightRead},
		{opened, "/home/anna/out", SightEmpty},
		{opened, "/tmp/in", SightRead},
		{"ProtectSystem=full\nProtectHome=read-only\n", "/etc/x", SightRead},
		{"ProtectSystem=full\nProtectHome=read-only\n", "/srv/x", SightFull},
		{"ProtectSystem=full\nProtectHome=read-only\n", "/home/x", SightRead},
		{"ProtectSystem=yes\n", "/etc/x", SightFull},
		{"ProtectSystem=strict\nProtectHome=no\n", "/home/x", SightFull},
		{"TemporaryFileSystem=/srv:ro /var:size=1M\n", "/srv/x", SightEmpty},
	} {
		if got := ParseView(c.unit).At(c.path); got != c.want {
			t.Errorf("%q of %q: got %v, want %v", c.path, c.unit, got, c.want)
		}
	}
}

func TestAFolderIsOpenedByLinesOfADropIn(t *testing.T) {
	t.Parallel()
	const hardened = "ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nInaccessiblePaths=/srv/closed\n"
	for _, c := range []struct {
		unit, folder string
		write        bool
		want         []string
	}{
		{hardened, "/srv/out", true, []string{"ReadWritePaths=-/srv/out"}},
		{hardened, "/srv/out", false, nil}, // nothing is in the way
		{hardened, "/home/anna/out", true, []string{"ProtectHome=tmpfs", "BindPaths=-/home/anna/out"}},
		{hardened, "/root/in", false, []string{"ProtectHome=tmpfs", "BindReadOnlyPaths=-/root/in"}},
		{hardened, "/srv/closed/x", true, nil},
		{hardened, "/tmp/x", true, nil},
		{hardened, "/srv/my files", true, nil},
		{hardened, "/srv/out\nUser=root", true, nil},
		{"ProtectHome=tmpfs\n", "/home/anna/in", false, []string{"BindReadOnlyPaths=-/home/anna/in"}},
		{"ProtectHome=read-only\n", "/home/anna/out", true, []string{"ReadWritePaths=-/home/anna/out"}},
		{"", "/srv/out", true, nil},
	} {
		v := ParseView(c.unit)
		got := v.Opening(c.folder, c.write)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q of %q: got %q, want %q", c.folder, c.unit, got, c.want)
		}
	}
}
