package web

import (
	"os"
	"strings"
	"testing"
)

func TestUploadsOfAllSizesArriveWholeAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s, _, north := with(t)
	for _, c := range []struct{ before, size int }{
		{0, 0}, {0, smallUpload}, {0, smallUpload + 1}, {0, smallUpload + 2*formOverhead}, {0, 3 * smallUpload},
		{smallUpload, 10}, {smallUpload, smallUpload}, // a field before the file makes the request long
	} {
		text := strings.Repeat("é", c.size/2) + strings.Repeat("x", c.size%2)
		before := len(s.engine.uploaded())
		r := s.asForm("POST", "/api/content/file?northId="+north+"&dataSourceId=lab", form("note", strings.Repeat("n", c.before), "@file", text))
		posted := s.engine.uploaded()[before:]
		if r.status != 204 || len(posted) != 1 || !strings.HasSuffix(posted[0], "|"+text) {
			t.Errorf("%d bytes: %d %s, posted %d contents", c.size, r.status, r.body, len(posted))
		}
	}
	if left, err := os.ReadDir(s.uploads); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
