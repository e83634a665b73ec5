package registration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

const wantedURL = "https://acme.oianalytics.com"

// pinned makes the rig run with a settings file of these values.
func pinned(values map[string]any) func(*rig) {
	return func(r *rig) {
		r.o.Pinned = values
		r.o.PinError = func(path string) error {
			if _, ok := values[strings.TrimPrefix(path, "registration.")]; ok {
				return &entity.PinnedError{Key: path, File: "/etc/oibus/oibus.toml"}
			}
			return nil
		}
	}
}

func TestTheSettingsFileRegistersWithoutAPersonAndPrintsTheCode(t *testing.T) {
	t.Parallel()
	var printed []string
	with := pinned(map[string]any{"host": wantedURL, "acceptUnauthorized": true, "commandRefreshInterval": int64(7), "commandPermissions.setpoint": false})
	inBubble(t, func(r *rig) {
		with(r)
		r.o.Print = func(line string) { printed = append(printed, line) }
	}, func(r *rig) {
		r.after(5 * time.Second)
		v := r.View(asIs)
		if v.Status != entity.Pending || v.Host != wantedURL || !v.AcceptUnauthorized || v.CommandRefreshInterval != 7 || r.Allowed("setpoint") || v.UpdatedBy != entity.System {
			t.Fatalf("%+v", v)
		}
		if len(printed) != 1 || !strings.Contains(printed[0], *v.ActivationCode) || !r.logs.contains(*v.ActivationCode) {
			t.Errorf("printed %q", printed)
		}
		r.restart()
		r.after(time.Second)
		if len(printed) != 2 || printed[0] != printed[1] {
			t.Errorf("after a restart printed %q", printed)
		}
		r.cloud.approve("tok")
		r.after(10 * time.Second)
		r.restart()
		r.after(time.Hour)
		if n, _ := r.cloud.count(); n != 1 || r.token() != "tok" {
			t.Errorf("%d registrations", n)
		}
	})
}

func TestUnattendedRegistrationRetriesWithBackoffWhileTheCloudIsUnreachable(t *testing.T) {
	t.Parallel()
	with := pinned(map[string]any{"host": wantedURL})
	inBubble(t, func(r *rig) {
		with(r)
		r.cloud.register = func(context.Context, cloud.Connection, cloud.RegisterRequest) (cloud.RegisterAnswer, error) {
			return cloud.RegisterAnswer{}, errors.New("connect ECONNREFUSED")
		}
	}, func(r *rig) {
		r.after(time.Hour)
		n, _ := r.cloud.count()
		if n < 10 || n > 25 {
			t.Errorf("%d tries in an hour", n)
		}
		r.cloud.mu.Lock()
		r.cloud.register = nil
		r.cloud.mu.Unlock()
		r.after(7 * time.Minute)
		if r.View(asIs).Status != entity.Pending {
			t.Error("not asked again")
		}
	})
}

func TestUnattendedRegistrationReplacesAnExpiredCodeAtOnceAndADeclinedOneLater(t *testing.T) {
	t.Parallel()
	with := pinned(map[string]any{"host": wantedURL})
	inBubble(t, func(r *rig) { with(r); r.cloud.lifetimes = time.Hour }, func(r *rig) {
		r.after(time.Hour + time.Minute)
		if n, _ := r.cloud.count(); n != 2 || r.View(asIs).Status != entity.Pending {
			t.Fatalf("%d registrations after the first code expired", n)
		}
		r.cloud.answerChecks(cloud.CheckAnswer{Status: "DECLINED"}, nil)
		r.after(5 * time.Minute)
		if n, _ := r.cloud.count(); n != 2 {
			t.Errorf("asked again %d times right after a person declined", n-2)
		}
		r.after(24 * time.Hour)
		if n, _ := r.cloud.count(); n < 4 || n > 12 {
			t.Errorf("%d registrations after a day of declining", n)
		}
	})
}

func TestAPersonWhoUnregistersStopsUnattendedRegistrationUntilTheNextStart(t *testing.T) {
	t.Parallel()
	inBubble(t, pinned(map[string]any{"host": wantedURL}), func(r *rig) {
		r.after(5 * time.Second)
		if err := r.Unregister(); err != nil {
			t.Fatal(err)
		}
		r.after(time.Hour)
		if n, _ := r.cloud.count(); n != 1 || !r.State().UnattendedSuspended {
			t.Errorf("%d registrations", n)
		}
		r.restart()
		r.after(5 * time.Second)
		if n, _ := r.cloud.count(); n != 2 {
			t.Errorf("%d registrations after the restart", n)
		}
	})
}

func TestAnotherHostInTheSettingsFileKeepsTheOldOneInUseUntilApproved(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.registered("old")
		pinned(map[string]any{"host": "https://new", "acceptUnauthorized": true})(r)
		r.restart()
		r.after(5 * time.Second)
		conn, err := r.Connection()
		if err != nil || conn.Host != wantedURL || conn.AcceptUnauthorized || conn.Token != "old" || r.View(asIs).Host != "https://new" {
			t.Fatalf("%v %v", conn, err)
		}
		r.cloud.approve("new")
		r.after(11 * time.Second)
		if conn, _ := r.Connection(); conn.Host != "https://new" || !conn.AcceptUnauthorized || conn.Token != "new" {
			t.Errorf("%v", conn)
		}
	})
}

func TestWhatTheSettingsFileDecidesCannotBeChangedElsewhere(t *testing.T) {
	t.Parallel()
	values := map[string]any{"host": wantedURL + "/", "proxyUrl": "http://p:3128", "useProxy": true, "commandRetryInterval": int64(9), "commandPermissions.setpoint": true}
	inBubble(t, pinned(values), func(r *rig) {
		r.after(5 * time.Second)
		same := map[string]any{"proxyUrl": "http://p:3128", "useProxy": true, "commandRetryInterval": 9}
		if err := r.Edit("u", body(same)); err != nil {
			t.Errorf("the same values: %v", err)
		}
		if err := r.Register(r.t.Context(), "u", body(same)); err != nil {
			t.Errorf("registering with the same values: %v", err)
		}
		for key, value := range map[string]any{"proxyUrl": "http://other", "useProxy": false, "commandRetryInterval": 8} {
			change := map[string]any{"proxyUrl": "http://p:3128", "useProxy": true, "commandRetryInterval": 9}
			change[key] = value
			want := `"registration.` + key + `" is set in /etc/oibus/oibus.toml and cannot be changed from here`
			if err := r.Edit("u", body(change)); !strings.HasPrefix(textOf(err), want) {
				t.Errorf("%s: %v", key, err)
			}
		}
		same["host"] = "https://other"
		if err := r.Register(r.t.Context(), "u", body(same)); !strings.Contains(textOf(err), `"registration.host" is set in`) {
			t.Errorf("another host: %v", err)
		}
		content := `{"commandRefreshInterval":60,"commandRetryInterval":9,"messageRetryInterval":5,"commandPermissions":{"setpoint":false}}`
		if err := r.UpdateFromCloud([]byte(content)); err == nil {
			t.Error("the cloud changed a pinned permission or left others out without an error")
		}
		content = `{"commandRefreshInterval":60,"commandRetryInterval":5,"messageRetryInterval":5}`
		if err := r.UpdateFromCloud([]byte(content)); !strings.Contains(textOf(err), `"registration.commandRetryInterval" is set in`) {
			t.Errorf("the cloud: %v", err)
		}
	})
}

func TestJudgingACheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *string { return ptr(entity.Milli(now.Add(d))) }
	failed := errors.New("500 - oops")
	for name, c := range map[string]struct {
		expires *string
		asked   time.Duration // before now
		blind   bool
		answer  cloud.CheckAnswer
		err     error
		want    decision
		text    string
	}{
		"approved":                     {expires: at(time.Hour), answer: cloud.CheckAnswer{Status: "COMPLETED", AccessToken: "t"}, want: approved, text: "OIBus registered on h"},
		"approved after the date":      {expires: at(-time.Hour), answer: cloud.CheckAnswer{Status: "COMPLETED", AccessToken: "t"}, want: approved, text: "OIBus registered on h"},
		"approved without a token":     {expires: at(time.Hour), answer: cloud.CheckAnswer{Status: "COMPLETED"}, want: keepWaiting, text: "Error while checking registration: OIAnalytics answered COMPLETED without an access token"},
		"pending":                      {expires: at(time.Hour), answer: cloud.CheckAnswer{Status: "PENDING"}, want: keepWaiting, text: "Registration not completed. Status: PENDING"},
		"a status of the future":       {expires: at(time.Hour), answer: cloud.CheckAnswer{Status: "REVIEW"}, want: keepWaiting, text: "Registration not completed. Status: REVIEW"},
		"refused":                      {expires: at(time.Hour), answer: cloud.CheckAnswer{Status: "declined"}, want: giveUp},
		"pending after the date":       {expires: at(-time.Second), answer: cloud.CheckAnswer{Status: "PENDING"}, want: giveUp},
		"failed":                       {expires: at(time.Hour), err: failed, want: keepWaiting, text: "Error while checking registration: 500 - oops"},
		"failed after the date":        {expires: at(-time.Second), err: failed, want: giveUp},
		"clocks disagree":              {expires: at(-time.Hour), blind: true, asked: time.Hour, err: failed, want: keepWaiting},
		"clocks disagree for a day":    {expires: at(-time.Hour), blind: true, asked: 25 * time.Hour, err: failed, want: giveUp},
		"no date":                      {expires: ptr(""), asked: time.Hour, err: failed, want: keepWaiting},
		"no date for a day":            {expires: ptr("soon"), asked: 25 * time.Hour, err: failed, want: giveUp},
		"no date and nothing to count": {expires: nil, err: failed, want: keepWaiting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Record{BlindExpiration: c.blind}
			r.Host, r.ActivationExpirationDate = "h", c.expires
			if c.asked != 0 {
				r.RequestedAt = entity.Milli(now.Add(-c.asked))
			}
			v := judge(r, c.answer, c.err, now)
			if v.decision != c.want || c.text != "" && v.text != c.text {
				t.Errorf("got %+v", v)
			}
		})
	}
}
