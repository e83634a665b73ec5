package launcher

import (
	"errors"
	"log/slog"
	"testing"
	"time"
)

func TestAnUpgradePausesForAsLongAsTroubleLastsNotForHowOftenItShows(t *testing.T) {
	t.Parallel()
	u := &upgrader{log: slog.New(slog.DiscardHandler)}
	for range 10 { // agents that end one after the other on a disk that fails
		u.wait(errors.New("the disk fails"))
	}
	if u.again != againFirst || time.Until(u.pause) > againFirst {
		t.Errorf("after ten failures at one moment the pause is %v", u.again)
	}
	u.pause = time.Now().Add(-time.Second)
	u.wait(errors.New("the disk fails"))
	if u.again != 2*againFirst {
		t.Errorf("after a pause the next one is %v", u.again)
	}
	u.wentOn()
	if u.paused() || u.again != 0 {
		t.Errorf("there is a pause of %v after all went well", u.again)
	}
}
