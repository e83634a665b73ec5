package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/cloud"
)

const renamedText = "Engine name updated successfully"

func TestACommandIsReportedAsRetrievedAndThenAsCompleted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) { r.cloud.add(general("a")) }, func(r *rig) {
		r.expect("a RETRIEVED <null>", "a COMPLETED "+renamedText)
		if got := r.effects.list(); len(got) != 1 || got[0] != `general {"name":"a"}` {
			t.Errorf("effects %q", got)
		}
		if want := []string{"E4", "E6", "E6"}; !slices.Equal(r.cloud.requests(), want) {
			t.Errorf("requests %v", r.cloud.requests())
		}
		if r.journal.count() != 2 {
			t.Errorf("%d flushes before the cloud confirmed, want 2", r.journal.count())
		}
	})
}

func TestCommandsRunInTheOrderTheyCameAndCostOneFlushMoreEach(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		for i := range 200 {
			r.cloud.add(general(fmt.Sprintf("c%03d", i)))
		}
	}, func(r *rig) {
		r.after(time.Second)
		var retrieved, completed []string
		for _, h := range r.cloud.history() {
			id, rest, _ := strings.Cut(h, " ")
			if strings.HasPrefix(rest, "RETRIEVED") {
				retrieved = append(retrieved, id)
			} else {
				completed = append(completed, id)
			}
		}
		if len(retrieved) != 200 || retrieved[0] != "c199" || len(completed) != 200 || !slices.IsSorted(completed) {
			t.Errorf("%d retrieved, %d completed", len(retrieved), len(completed))
		}
		for i, call := range r.effects.list() {
			if want := fmt.Sprintf(`general {"name":"c%03d"}`, i); call != want {
				t.Fatalf("effect %d is %s", i, call)
			}
		}
		if r.journal.count() > 202 {
			t.Errorf("%d flushes for 200 commands", r.journal.count())
		}
		if st := r.State(); st.Waiting+st.Unconfirmed != 0 || st.LastContact == "" {
			t.Errorf("%+v", st)
		}
	})
}

func TestARepeatedCommandIsReportedAgainAndNotExecutedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) { r.cloud.add(general("a"), general("a")) }, func(r *rig) {
		other := `{"id":"a","type":"update-engine-general","targetVersion":"3.8.8","commandContent":{"name":"other"}}`
		r.cloud.add(other, general("b"))
		r.after(61 * time.Second)
		if n := len(r.effects.list()); n != 2 {
			t.Errorf("%d effects: %q", n, r.effects.list())
		}
		r.expect("a RETRIEVED <null>", "a COMPLETED "+renamedText,
			"b RETRIEVED <null>", "a COMPLETED "+renamedText, "b COMPLETED "+renamedText)
	})
}

func TestWhatCannotBeExecutedIsAnsweredAndHoldsUpNothing(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxCommand)
	for name, c := range map[string]struct{ command, want string }{
		"unknown type":              {`{"id":"x","type":"make-coffee","targetVersion":"3.8.8","commandContent":{"sugar":true}}`, `Unknown command type "make-coffee": OIBus 3.8.8 cannot execute it`},
		"unknown type and version":  {`{"id":"x","type":"make-coffee","targetVersion":"9.0.0"}`, "Wrong target version: 9.0.0 for OIBus version 3.8.8"},
		"wrong version":             {`{"id":"x","type":"delete-south","targetVersion":"3.8.7","southConnectorId":"k"}`, "Wrong target version: 3.8.7 for OIBus version 3.8.8"},
		"no version":                {`{"id":"x","type":"restart-engine"}`, `"targetVersion" is required`},
		"version is no text":        {`{"id":"x","type":"restart-engine","targetVersion":3}`, `"targetVersion" must be a string`},
		"no type":                   {`{"id":"x","targetVersion":"3.8.8"}`, `"type" is required`},
		"nothing but an id":         {`{"id":"x"}`, `"type" is required. "targetVersion" is required`},
		"type is no text":           {`{"id":"x","type":["a"],"targetVersion":""}`, `"type" must be a string. "targetVersion" is not allowed to be empty`},
		"too long":                  {`{"id":"x","type":"update-engine-general","targetVersion":"3.8.8","commandContent":"` + long + `"}`, "The command is too long: 20000085 bytes, at most 20000000 are accepted"},
		"no content":                {`{"id":"x","type":"create-scan-mode","targetVersion":"3.8.8"}`, `"commandContent" is required`},
		"content is null":           {`{"id":"x","type":"create-scan-mode","targetVersion":"3.8.8","commandContent":null}`, `"commandContent" is required`},
		"no identifier":             {`{"id":"x","type":"delete-scan-mode","targetVersion":"3.8.8"}`, `"scanModeId" is required`},
		"identifier is no text":     {`{"id":"x","type":"delete-scan-mode","targetVersion":"3.8.8","scanModeId":5}`, `"scanModeId" must be a string`},
		"keys of another letter":    {`{"id":"x","TYPE":"restart-engine","targetVersion":"3.8.8"}`, `"type" is required`},
		"nothing in logParameters":  {`{"id":"x","type":"update-engine-settings","targetVersion":"3.8.8","commandContent":{"general":{}}}`, `"logParameters" is required`},
		"no loki in logParameters":  {`{"id":"x","type":"update-engine-settings","targetVersion":"3.8.8","commandContent":{"logParameters":{"oia":{}}}}`, `"logParameters.loki" is required`},
		"a secret not for us":       {`{"id":"x","type":"update-engine-logger","targetVersion":"3.8.8","commandContent":{"loki":{"password":"not-encrypted"}}}`, "oaep decoding error"},
		"a secret not for us, in R": {`{"id":"x","type":"update-engine-settings","targetVersion":"3.8.8","commandContent":{"logParameters":{"loki":{"password":"x"}}}}`, "oaep decoding error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(r *rig) {
				r.cloud.add(`null`, `7`, `"x"`, `[]`, `{}`, `{"id":5,"type":"restart-engine","targetVersion":"3.8.8"}`, `{"id":""}`, c.command, general("good"))
			}, func(r *rig) {
				r.expect("good RETRIEVED <null>", "x RETRIEVED <null>", "x ERRORED "+c.want, "good COMPLETED "+renamedText)
				if !r.logs.contains("a command is not an object: ") || !r.logs.contains("a command has no id that is a text: ") {
					t.Errorf("what cannot be answered was not logged: %v", r.logs.text)
				}
			})
		})
	}
}

func TestAnIdThatIsTooLongForAURLIsAnswered(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("i", maxID+1)
	inBubble(t, func(r *rig) { r.cloud.add(general(id)) }, func(r *rig) {
		r.expect(id+" RETRIEVED <null>", id+" ERRORED The id of the command is too long: 513 bytes, at most 512 are accepted")
	})
}

func TestEveryTypeIsRefusedWithoutItsPermission(t *testing.T) {
	t.Parallel()
	for _, row := range table {
		inBubble(t, func(r *rig) {
			r.reg.denied[row.permission] = true
			r.cloud.add(fmt.Sprintf(`{"id":"x","type":%q,"targetVersion":"3.8.8"}`, row.name))
		}, func(r *rig) {
			r.expect("x RETRIEVED <null>", "x ERRORED Command x of type "+row.name+" is not authorized")
			if len(r.effects.list()) != 0 {
				t.Errorf("%s had an effect", row.name)
			}
		})
	}
}

func TestPermissionsAreThoseOfTheMomentOfExecution(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.effects.fail = func(method, _ string) error {
			if method == "registration" {
				r.reg.set(func() { r.reg.denied["updateEngineSettings"] = true })
			}
			return nil
		}
		r.cloud.add(`{"id":"n","type":"update-registration-settings","targetVersion":"3.8.8","commandContent":{"x":1}}`, general("late"))
	}, func(r *rig) {
		r.expect("late RETRIEVED <null>", "n RETRIEVED <null>", "n COMPLETED Registration settings updated successfully",
			"late ERRORED Command late of type update-engine-general is not authorized")
	})
}

func TestUpdateVersionIsRefusedByTheStartOption(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.o.Deps.IgnoreRemoteUpdate = true
		r.cloud.add(`{"id":"u","type":"update-version","targetVersion":"3.8.8","version":"v3.9.0"}`)
	}, func(r *rig) {
		r.expect("u RETRIEVED <null>", "u ERRORED OIBus is not set up to execute remote update")
	})
}

func TestNothingRunsWhileNotRegisteredAndEverythingAfter(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.reg.set(func() { r.reg.off = true })
		polls := len(r.cloud.polled())
		r.cloud.add(general("a"))
		r.Wake()
		r.after(time.Hour)
		if len(r.cloud.polled()) != polls || len(r.effects.list()) != 0 {
			t.Errorf("polled %d times", len(r.cloud.polled())-polls)
		}
		r.reg.set(func() { r.reg.off = false })
		r.after(time.Hour)
		if len(r.cloud.polled()) != polls {
			t.Error("polled without being told that the registration changed")
		}
		r.Wake()
		r.after(0)
		r.expect("a RETRIEVED <null>", "a COMPLETED "+renamedText)
	})
}

func TestTheFirstCycleEndsEvenWithoutRegistrationOrCloud(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rig){
		"not registered": func(r *rig) { r.reg.off = true },
		"no cloud":       func(r *rig) { r.cloud.pending = func() error { return errors.New("connect ECONNREFUSED") } },
		"fine":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, change, func(r *rig) {
				select {
				case <-r.FirstCycle():
				default:
					t.Error("still in the first cycle")
				}
			})
		})
	}
}

func TestThereIsOnePollPerRefreshIntervalHoweverManyEvents(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		for range 20 {
			r.Wake()
		}
		r.after(time.Second)
		events := len(r.cloud.polled())
		if events > 3 {
			t.Errorf("%d polls for a burst of events", events)
		}
		r.after(10 * time.Minute)
		if n := len(r.cloud.polled()) - events; n != 10 {
			t.Errorf("%d polls in ten minutes", n)
		}
	})
}

func TestAFailedPollIsRepeatedWithGrowingDelaysAndRetryAfter(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.pending = func() error { return &cloud.Error{Kind: cloud.Status, Status: 503, Body: "busy"} }
	}, func(r *rig) {
		r.after(10 * time.Minute)
		first := r.cloud.polled()[1].Sub(r.cloud.polled()[0])
		if n := len(r.cloud.polled()); first < 3*time.Second || first > 7*time.Second || n < 6 || n > 20 {
			t.Errorf("%d polls, the second after %s", n, first)
		}
		if !r.logs.contains("ERROR Error while retrieving commands: 503 - busy") || r.State().LastError == "" {
			t.Errorf("logs %v", r.logs.text)
		}
		r.cloud.set(func() {
			r.cloud.pending = func() error {
				return &cloud.Error{Kind: cloud.Status, Status: 429, RetryAfter: 20 * time.Minute}
			}
		})
		r.after(3 * time.Minute)
		asked := len(r.cloud.polled())
		r.after(16 * time.Minute)
		if len(r.cloud.polled()) != asked {
			t.Error("polled although the cloud asked to wait")
		}
	})
}

func TestTheTokenBeingRefusedIsSaidAloud(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.pending = func() error { return &cloud.Error{Kind: cloud.Status, Status: 401, Body: "no"} }
	}, func(r *rig) {
		r.after(10 * time.Minute)
		if !r.State().Unauthorized || !r.logs.contains("keeps refusing the access token") {
			t.Errorf("%+v", r.State())
		}
		r.cloud.set(func() {
			r.cloud.pending = nil
		})
		r.after(3 * time.Minute)
		if st := r.State(); st.Unauthorized || st.LastError != "" {
			t.Errorf("%+v", st)
		}
	})
}

func TestCancelledCommandsAreNotExecuted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.reg.refresh = 10 * time.Second
		r.effects.fail = func(string, string) error { time.Sleep(25 * time.Second); return nil }
		r.cloud.add(general("slow"), general("b"), general("c"))
	}, func(r *rig) {
		r.cloud.set(func() {
			r.cloud.cancelled = []string{"slow", "c", "never heard of"}
		})
		r.after(2 * time.Minute)
		if want := []string{"c", "b"}; !slices.Equal(r.cloud.askedFirst(), want) {
			t.Errorf("asked for %v, want those that wait, newest first", r.cloud.askedFirst())
		}
		last := r.cloud.last()
		if last["c"].status() != Cancelled || last["c"]["result"] != nil || last["slow"].status() != Completed || last["b"].status() != Completed {
			t.Errorf("%v", r.cloud.history())
		}
		if !slices.Contains(r.cloud.history(), "slow RUNNING <null>") {
			t.Error("a slow command was not told to be RUNNING")
		}
	})
}

func TestATestCommandEndsAtItsDeadlineAndItsLateResultIsIgnored(t *testing.T) {
	t.Parallel()
	for name, heeds := range map[string]bool{"heeds its context": true, "is deaf": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(r *rig) {
				r.o.table = append(slices.Clone(table), row{name: "slow-test", permission: "testSouthItem", test: true,
					run: func(ctx context.Context, _ *Deps, _ Command) (string, error) {
						if heeds {
							<-ctx.Done()
							return "", ctx.Err()
						}
						time.Sleep(310 * time.Second)
						return "late", nil
					}})
				r.cloud.add(`{"id":"t","type":"slow-test","targetVersion":"3.8.8"}`, general("next"))
			}, func(r *rig) {
				r.after(299 * time.Second)
				if r.State().Running != "slow-test" {
					t.Error("ended before its deadline")
				}
				r.after(3 * time.Second)
				if got := r.cloud.last(); got["t"].result() != "slow-test timed out after 300s" || got["t"].status() != Errored || got["next"].status() != Completed {
					t.Errorf("%v", r.cloud.history())
				}
				heard := len(r.cloud.history())
				r.after(time.Minute)
				if len(r.cloud.history()) != heard {
					t.Error("the late result was reported")
				}
			})
		})
	}
}

func TestAnyOtherCommandThatHangsDoesNotHoldUpTheNextForEver(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.o.table = append(slices.Clone(table), row{name: "hang", permission: "setpoint",
			run: func(ctx context.Context, _ *Deps, _ Command) (string, error) { <-ctx.Done(); return "", ctx.Err() }})
		r.cloud.add(`{"id":"h","type":"hang","targetVersion":"3.8.8"}`, general("next"))
	}, func(r *rig) {
		r.after(31 * time.Minute)
		if got := r.cloud.last(); got["h"].result() != "hang timed out after 1800s" || got["next"].status() != Completed {
			t.Errorf("%v", r.cloud.history())
		}
	})
}

func TestAPanicIsAnErrorOfTheCommand(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.effects.fail = func(_, body string) error {
			if strings.Contains(body, "bad") {
				panic("index out of range")
			}
			return nil
		}
		r.cloud.add(general("bad"), general("next"))
	}, func(r *rig) {
		got := r.cloud.last()
		if got["bad"].result() != "internal error of OIBus while executing the command: index out of range" || got["next"].status() != Completed {
			t.Errorf("%v", r.cloud.history())
		}
	})
}

func TestResultsAreBounded(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.o.table = append(slices.Clone(table),
			row{name: "long", permission: "setpoint", run: func(context.Context, *Deps, Command) (string, error) {
				return strings.Repeat("x", maxResult+1), nil
			}},
			row{name: "wordy", permission: "setpoint", run: func(context.Context, *Deps, Command) (string, error) {
				return "", errors.New(strings.Repeat("é", maxReason))
			}})
		r.cloud.add(`{"id":"l","type":"long","targetVersion":"3.8.8"}`, `{"id":"w","type":"wordy","targetVersion":"3.8.8"}`)
	}, func(r *rig) {
		got := r.cloud.last()
		if got["l"].result() != "the result is too long: 4194305 bytes, at most 4194304 can be sent" || len(got["w"].result()) > maxReason+3 {
			t.Errorf("%s, %d bytes", got["l"].result(), len(got["w"].result()))
		}
	})
}

func TestRestartEngineIsReportedBeforeTheProcessEndsAndNothingRunsAfterIt(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.add(`{"id":"r","type":"restart-engine","targetVersion":"3.8.8"}`, general("after"))
	}, func(r *rig) {
		if r.effects.restarted() != 1 || len(r.effects.list()) != 0 {
			t.Fatalf("%d restarts, effects %q", r.effects.restarted(), r.effects.list())
		}
		r.expect("after RETRIEVED <null>", "r RETRIEVED <null>", "r COMPLETED OIBus restarted")
		r.stop()
		r.revive()
		if got := r.cloud.last(); got["after"].status() != Completed || r.effects.restarted() != 1 {
			t.Errorf("after the restart: %v", r.cloud.history())
		}
	})
}

func TestRestartEngineDoesNotWaitLongForACloudThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.add(`{"id":"r","type":"restart-engine","targetVersion":"3.8.8"}`)
		r.cloud.delay = time.Hour
	}, func(r *rig) {
		r.after(lastWordsLimit + time.Second)
		if r.effects.restarted() != 1 {
			t.Fatal("not restarted")
		}
		r.cloud.set(func() { r.cloud.delay = 0 })
		r.stop()
		r.revive()
		if got := r.cloud.last()["r"]; got == nil || got.result() != "OIBus restarted" || r.effects.restarted() != 1 {
			t.Errorf("%v", r.cloud.history())
		}
	})
}

func TestStoppingLetsTheCommandThatRunsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.effects.fail = func(string, string) error { time.Sleep(20 * time.Second); return nil }
		r.cloud.add(general("a"), general("b"))
	}, func(r *rig) {
		r.stop()
		r.expect("b RETRIEVED <null>", "a RETRIEVED <null>", "a COMPLETED "+renamedText)
		r.revive()
		r.after(time.Minute)
		if n := len(r.effects.list()); n != 2 || r.cloud.last()["b"].status() != Completed {
			t.Errorf("%d effects, %v", n, r.cloud.history())
		}
	})
}

func TestStoppingDoesNotWaitForEverForACommand(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.o.table = append(slices.Clone(table), row{name: "hang", permission: "setpoint",
			run: func(ctx context.Context, _ *Deps, _ Command) (string, error) { <-ctx.Done(); return "", ctx.Err() }})
		r.cloud.add(`{"id":"h","type":"hang","targetVersion":"3.8.8"}`)
	}, func(r *rig) {
		began := time.Now()
		_ = r.Stop(10 * time.Second) // says which command did not end in time
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("took %s", took)
		}
		if got := r.cloud.last()["h"]; got.status() != Errored || got.result() != errStopped.Error() {
			t.Errorf("%v", r.cloud.history())
		}
		r.revive()
	})
}

func TestAFullDiskDelaysACommandAndLosesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.journal.setFull(true)
		r.cloud.add(general("a"))
		r.Wake()
		r.after(0)
		r.cloud.set(func() {
			r.cloud.queue = nil // a cloud that hands out each command once
		})
		r.after(time.Minute)
		if len(r.effects.list()) != 0 || len(r.cloud.history()) != 0 || !r.logs.contains("cannot journal 1 command(s): no space left on device") {
			t.Fatalf("effects %q, reports %v", r.effects.list(), r.cloud.history())
		}
		r.journal.setFull(false)
		r.after(5 * time.Minute)
		r.expect("a RETRIEVED <null>", "a COMPLETED "+renamedText)
	})
}

func TestAResultThatCannotBeStoredIsNotReportedUntilItIs(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.effects.fail = func(string, string) error { r.journal.setFull(true); return nil }
		r.cloud.add(general("a"), general("b"))
	}, func(r *rig) {
		r.after(20 * time.Second)
		if slices.Contains(r.cloud.history(), "a COMPLETED "+renamedText) {
			t.Fatal("reported before it was durable")
		}
		r.effects.set(func() { r.effects.fail = nil })
		r.journal.setFull(false)
		r.after(20 * time.Second)
		if got := r.cloud.last(); got["a"].status() != Completed || got["b"].status() != Completed || len(r.effects.list()) != 2 {
			t.Errorf("%v", r.cloud.history())
		}
	})
}

func TestSecretsInClearAreSealedAtRestAndEchoedAsReceived(t *testing.T) {
	t.Parallel()
	command := `{"id":"p","type":"update-engine-proxy","targetVersion":"3.8.8","commandContent":{"enabled":true,"password":"S3CRET-1","forward":{"password":"S3CRET-2"}}}`
	inBubble(t, func(r *rig) { r.cloud.add(command) }, func(r *rig) {
		r.after(2 * time.Second)
		if disk := string(slices.Concat(*r.disk...)); strings.Contains(disk, "S3CRET") || !strings.Contains(disk, "1-TERC3S") {
			t.Errorf("on disk: %s", disk)
		}
		sent, _ := json.Marshal(r.cloud.last()["p"]["commandContent"])
		if string(sent) != `{"enabled":true,"forward":{"password":"S3CRET-2"},"password":"S3CRET-1"}` {
			t.Errorf("echoed %s", sent)
		}
		shown, err := json.Marshal(r.Search(Query{}))
		if err != nil || strings.Contains(string(shown), "S3CRET") || !strings.Contains(string(shown), `"enabled":true`) {
			t.Errorf("the REST API shows %s %v", shown, err)
		}
		if got := r.effects.list(); len(got) != 1 || !strings.Contains(got[0], "S3CRET-1") {
			t.Errorf("executed with %q", got)
		}
		if strings.Contains(strings.Join(r.logs.text, " "), "S3CRET") {
			t.Error("logged")
		}
	})
}
