package opcua

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector"
	"oibus/agent/connector/opcua"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// archive is a server with a value each second, whose answers a test can change.
type archive struct {
	page     int
	status   func(node uint32) ua.StatusCode
	fail     func(request *ua.HistoryReadRequest) error
	requests []*ua.HistoryReadRequest
	released int
}

func (a *archive) Limit(context.Context, opcua.Operation) (int, error) { return 10, nil }
func (a *archive) Reduce(opcua.Operation, int)                         {}

func (a *archive) Do(_ context.Context, r ua.Request) (ua.Response, error) {
	request, ok := r.(*ua.HistoryReadRequest)
	if !ok {
		return nil, fmt.Errorf("asked with %T", r)
	}
	if request.ReleaseContinuationPoints {
		a.released += len(request.NodesToRead)
		return &ua.HistoryReadResponse{}, nil
	}
	a.requests = append(a.requests, request)
	if a.fail != nil {
		if err := a.fail(request); err != nil {
			return nil, err
		}
	}
	response := &ua.HistoryReadResponse{}
	for _, n := range request.NodesToRead {
		response.Results = append(response.Results, a.result(request, n))
	}
	return response, nil
}

func (a *archive) result(request *ua.HistoryReadRequest, n *ua.HistoryReadValueID) *ua.HistoryReadResult {
	node := n.NodeID.IntID()
	if a.status != nil {
		if code := a.status(node); code != ua.StatusOK {
			return &ua.HistoryReadResult{StatusCode: code}
		}
	}
	d := request.HistoryReadDetails.Value.(*ua.ReadRawModifiedDetails)
	from := d.StartTime
	if len(n.ContinuationPoint) > 0 {
		if err := from.UnmarshalBinary(n.ContinuationPoint); err != nil {
			panic(err)
		}
	}
	var values []*ua.DataValue
	for ; from.Before(d.EndTime) && len(values) < a.page; from = from.Add(time.Second) {
		values = append(values, &ua.DataValue{Value: ua.MustVariant(int32(from.Sub(start) / time.Second)), SourceTimestamp: from})
	}
	r := &ua.HistoryReadResult{HistoryData: ua.NewExtensionObject(&ua.HistoryData{DataValues: values})}
	if from.Before(d.EndTime) {
		r.ContinuationPoint, _ = from.MarshalBinary()
	}
	return r
}

func made(t *testing.T, log *bytes.Buffer) *OPCUA {
	t.Helper()
	o, err := build(south.Env{Env: connector.Env{ID: "s", Name: "opc", Settings: json.RawMessage(`{"url":"opc.tcp://h:1","readTimeout":1000}`),
		Log: slog.New(slog.NewTextHandler(log, nil))}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func items(t *testing.T, n int) []item {
	t.Helper()
	var all []item
	for i := range n {
		d, err := decode(south.Item{ID: fmt.Sprint(i), Name: fmt.Sprint("n", i), Settings: json.RawMessage(fmt.Sprintf(`{"nodeId":"ns=1;i=%d","mode":"ha","haMode":{"aggregate":"raw"}}`, i))})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// readWindow reads a window, and returns what came of each item.
func readWindow(ctx context.Context, o *OPCUA, a *archive, list []item, from, to int, emit func() error) (map[string][]string, time.Time, error) {
	got := map[string][]string{}
	r := &reading{o: o, l: a, window: interval.Window{Start: start.Add(time.Duration(from) * time.Second), End: start.Add(time.Duration(to) * time.Second)},
		emit: func(_ context.Context, values []content.TimeValue, _ []item) error {
			if emit != nil {
				if err := emit(); err != nil {
					return err
				}
			}
			for _, v := range values {
				text, _ := content.Text(content.Member(v.Data, "value"))
				got[v.PointID] = append(got[v.PointID], string(text))
			}
			return nil
		}}
	err := r.all(ctx, list)
	return got, r.tracked, err
}

func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestANodeThatFailsForNowFailsTheWindowAndTheOthersAreNotReadAgain(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o, list := made(t, &log), items(t, 3)
	a := &archive{page: 4, status: func(node uint32) ua.StatusCode {
		if node == 1 {
			return ua.StatusBadCommunicationError
		}
		return ua.StatusOK
	}}
	got, _, err := readWindow(t.Context(), o, a, list, 0, 10, nil)
	if err == nil || !opcua.KeepsSession(err) || !slices.Equal(got["n0"], numbers(0, 10)) || got["n1"] != nil {
		t.Fatalf("%v, %v", got, err)
	}
	a.status = nil
	got, tracked, err := readWindow(t.Context(), o, a, list, 0, 12, nil)
	if err != nil || !slices.Equal(got["n0"], numbers(10, 12)) || !slices.Equal(got["n1"], numbers(0, 12)) || !slices.Equal(got["n2"], numbers(10, 12)) {
		t.Errorf("%v, %v", got, err)
	}
	if !tracked.Equal(start.Add(11 * time.Second)) {
		t.Errorf("tracked %s", tracked)
	}
	// The next window begins where this one was tracked to, and nothing comes twice.
	got, _, err = readWindow(t.Context(), o, a, list, 11, 13, nil)
	if err != nil || !slices.Equal(got["n0"], numbers(12, 13)) || !slices.Equal(got["n1"], numbers(12, 13)) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestANodeThatFailsForGoodIsToldOnceAndLeftOut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o, list := made(t, &log), items(t, 2)
	a := &archive{page: 100, status: func(node uint32) ua.StatusCode {
		if node == 1 {
			return ua.StatusBadNodeIDUnknown
		}
		return ua.StatusOK
	}}
	for range 3 {
		if got, _, err := readWindow(t.Context(), o, a, list, 0, 5, nil); err != nil || len(got["n1"]) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
	if n := bytes.Count(log.Bytes(), []byte("BadNodeIdUnknown")); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
}

func TestWhatWasHandedOnOfAWindowThatFailedIsNotHandedOnAgain(t *testing.T) {
	t.Parallel()
	o, list := made(t, &bytes.Buffer{}), items(t, 2)
	lost := errors.New("the line is gone")
	a := &archive{page: 3}
	a.fail = func(*ua.HistoryReadRequest) error {
		if len(a.requests) == 3 {
			return lost
		}
		return nil
	}
	first, _, err := readWindow(t.Context(), o, a, list, 0, 10, nil)
	if !errors.Is(err, lost) || a.released != 2 {
		t.Fatalf("%v, %d points were released", err, a.released)
	}
	a.fail = nil
	second, tracked, err := readWindow(t.Context(), o, a, list, 0, 10, nil)
	if err != nil || !tracked.Equal(start.Add(9*time.Second)) {
		t.Fatalf("%v, tracked %s", err, tracked)
	}
	for _, name := range []string{"n0", "n1"} {
		if all := append(first[name], second[name]...); !slices.Equal(all, numbers(0, 10)) {
			t.Errorf("%s: %v", name, all)
		}
	}
}

func TestWhatIsNotTakenIsReadAgainAndKeepsTheSession(t *testing.T) {
	t.Parallel()
	o, list := made(t, &bytes.Buffer{}), items(t, 1)
	a := &archive{page: 100}
	full := &south.HeldError{Err: errors.New("full")}
	_, _, err := readWindow(t.Context(), o, a, list, 0, 10, func() error { return full })
	var held *south.HeldError
	if !errors.As(err, &held) || !opcua.KeepsSession(err) {
		t.Errorf("got %v", err)
	}
	if got, _, err := readWindow(t.Context(), o, a, list, 0, 10, nil); err != nil || len(got["n0"]) != 10 {
		t.Errorf("%v, %v", got, err)
	}
}

// endless gives the same page for ever.
type endless struct{ archive }

func (e *endless) Do(ctx context.Context, r ua.Request) (ua.Response, error) {
	request := r.(*ua.HistoryReadRequest)
	if !request.ReleaseContinuationPoints {
		for _, n := range request.NodesToRead {
			n.ContinuationPoint = nil
		}
	}
	response, err := e.archive.Do(ctx, r)
	for _, result := range response.(*ua.HistoryReadResponse).Results {
		result.ContinuationPoint = []byte("again")
	}
	return response, err
}

func TestAServerThatRepeatsItsPageForEverIsNotReadForEver(t *testing.T) {
	t.Parallel()
	o, list := made(t, &bytes.Buffer{}), items(t, 1)
	e := &endless{archive{page: 5}}
	r := &reading{o: o, l: e, window: interval.Window{Start: start, End: start.Add(time.Minute)}, emit: func(context.Context, []content.TimeValue, []item) error { return nil }}
	if err := r.all(t.Context(), list); !errors.Is(err, errRepeats) {
		t.Errorf("got %v", err)
	}
	if len(e.requests) > 3 {
		t.Errorf("%d requests", len(e.requests))
	}
}

func TestSettingsOfItemsMeanWhatTheFormSays(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"nodeId":"ns=1;s=a","mode":"da","timestampOrigin":"point"}`:                                   "da  0s",
		`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"raw","resampling":"raw"}}`:             "ha raw 0s",
		`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"average","resampling":"1min"}}`:        "ha average 1m0s",
		`{"nodeId":"ns=1;s=a","haMode":{"aggregate":"count","resampling":"1d"}}`:                        "ha count 24h0m0s",
		`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"maximum","resampling":"none"}}`:        "ha maximum 0s",
		`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"maximum","resampling":"10Seconds"}}`:   "ha maximum 10s",
		`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"median","resampling":"none"}}`:         "!",
		`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"average","resampling":"1 fortnight"}}`: "!",
		`{"nodeId":"","mode":"da"}`: "!",
		`{"nodeId":5}`:              "!",
	} {
		i, err := decode(south.Item{Name: "n", Settings: json.RawMessage(raw)})
		got := "!"
		if err == nil {
			if got = fmt.Sprintf("%s %s %s", i.mode, i.aggregate, i.interval); i.mode == modeCurrent {
				got = fmt.Sprintf("%s  %s", i.mode, i.interval)
			}
		}
		if got != want {
			t.Errorf("%s: got %s (%v), want %s", raw, got, err, want)
		}
	}
}

func TestAsManyUnitsAreReadAtOnceAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int{`{}`: 1, `{"maxParallelRun":0}`: 1, `{"maxParallelRun":"5"}`: 5, `{"maxParallelRun":100}`: 32, `nonsense`: 1} {
		if got := Type.Parallel(json.RawMessage(raw)); got != want {
			t.Errorf("%s: got %d, want %d", raw, got, want)
		}
	}
}

func FuzzItemSettings(f *testing.F) {
	f.Add(`{"nodeId":"ns=1;s=a","mode":"ha","haMode":{"aggregate":"average","resampling":"1min"}}`)
	f.Add(`{"nodeId":1}`)
	f.Fuzz(func(_ *testing.T, raw string) {
		_, _ = decode(south.Item{Name: "n", Settings: json.RawMessage(raw)})
	})
}

// plant is a server whose node 1 has the status that a test says.
type plant struct{ status ua.StatusCode }

func (*plant) Limit(context.Context, opcua.Operation) (int, error) { return 10, nil }
func (*plant) Reduce(opcua.Operation, int)                         {}

func (p *plant) Do(_ context.Context, r ua.Request) (ua.Response, error) {
	request, ok := r.(*ua.ReadRequest)
	if !ok {
		return nil, fmt.Errorf("asked with %T", r)
	}
	response := &ua.ReadResponse{}
	for _, n := range request.NodesToRead {
		v := &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(int32(5))}
		if n.NodeID.IntID() == 1 && p.status != ua.StatusOK {
			v = &ua.DataValue{EncodingMask: ua.DataValueStatusCode, Status: p.status}
		}
		response.Results = append(response.Results, v)
	}
	return response, nil
}

func TestANodeThatHasNoValueIsToldOnceUntilItHasOne(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o, list, p := made(t, &log), items(t, 2), &plant{}
	tell := func(i *item, refusal error) {
		o.complain(i.ID, refused(refusal))
	}
	for n, status := range []ua.StatusCode{ua.StatusBadNodeIDUnknown, ua.StatusBadNodeIDUnknown, ua.StatusOK, ua.StatusBadNotConnected} {
		p.status = status
		values, err := o.current(t.Context(), p, list, tell)
		if want := map[bool]int{true: 2, false: 1}[status == ua.StatusOK]; err != nil || len(values) != want {
			t.Errorf("reading %d: %v, %v", n, values, err)
		}
	}
	said := log.String()
	if strings.Count(said, "BadNodeIdUnknown") != 1 || strings.Count(said, "BadNotConnected") != 1 || !strings.Contains(said, list[1].Name) {
		t.Error(said)
	}
}
