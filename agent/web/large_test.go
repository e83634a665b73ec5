package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"oibus/agent/connectors"
)

func TestMemoryIsGivenBackOnceAfterSomethingLarge(t *testing.T) {
	t.Parallel()
	var waiting []func()
	freed := 0
	tidy := &tidier{free: func() { freed++ }, after: func(_ time.Duration, f func()) { waiting = append(waiting, f) }}
	tidy.handled(largeSize - 1)
	if len(waiting) != 0 {
		t.Error("something small is worth a collection")
	}
	tidy.handled(largeSize)
	tidy.handled(3 * largeSize)
	if len(waiting) != 1 || freed != 0 {
		t.Fatalf("%d are planned, %d done", len(waiting), freed)
	}
	waiting[0]()
	tidy.handled(largeSize)
	if len(waiting) != 2 || freed != 1 {
		t.Errorf("%d were planned, %d done", len(waiting), freed)
	}
}

func TestWhatIsRefusedOnlySaysHowLongItIs(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/api/south", strings.NewReader("{}"))
	r.ContentLength = largeSize
	for status, want := range map[int]int64{http.StatusOK: largeSize + 2, http.StatusUnauthorized: 2, http.StatusRequestEntityTooLarge: 2} {
		a := &answer{ResponseWriter: httptest.NewRecorder()}
		a.WriteHeader(status)
		if _, err := a.Write([]byte("{}")); err != nil {
			t.Fatal(err)
		}
		if got := a.moved(r); got != want {
			t.Errorf("%d: %d bytes", status, got)
		}
	}
}

func TestWhatIsWrittenPieceByPieceIsWhatWouldBeWrittenAtOnce(t *testing.T) {
	t.Parallel()
	s, south, _ := with(t, "a", "b & <c>")
	for id, made := range map[string]string{"some": south, "none": s.emptySouth()} {
		view, err := s.server.views.SouthView(made)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := json.Marshal(view)
		if err != nil {
			t.Fatal(err)
		}
		s.as("GET", "/api/south/"+made, "").want(t, id, 200, string(whole))
		items, err := json.Marshal(view.Items)
		if err != nil {
			t.Fatal(err)
		}
		s.as("GET", "/api/south/"+made+"/items/list", "").want(t, id, 200, string(items))
	}
	s.as("GET", "/api/south/nothing", "").want(t, "nothing", 404, `{"error":"South \"nothing\" not found"}`)
	s.as("GET", "/api/south/nothing/items/list", "").want(t, "nothing", 404, `{"error":"South \"nothing\" not found"}`)
}

// emptySouth makes a South without items.
func (s *site) emptySouth() string {
	s.t.Helper()
	made := s.as("POST", "/api/south", strings.NewReplacer(itemBody, "", `"Scanner"`, `"Empty"`, "{mode}", s.settings.ScanModes()[0].ID).Replace(strings.Replace(southBody, `"name":"`, `"name":"Empty `, 1)))
	var south struct{ ID string }
	if err := json.Unmarshal([]byte(made.body), &south); err != nil || made.status != 201 {
		s.t.Fatalf("%d %s", made.status, made.body)
	}
	return south.ID
}

func TestAnAnswerThatFailsHalfwayIsNotTakenForAWholeOne(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for size, cut := range map[int]bool{10: false, 1 << 20: true} {
		h := streamed(func(*http.Request) (connectors.Stream, error) {
			return func(w io.Writer) error {
				io.WriteString(w, strings.Repeat("x", size))
				return broken
			}, nil
		})
		func() {
			defer func() {
				if v := recover(); (v == http.ErrAbortHandler) != cut {
					t.Errorf("%d bytes end with %v", size, v)
				}
			}()
			w := httptest.NewRecorder()
			if err := h(w, httptest.NewRequest("GET", "/", nil)); !errors.Is(err, broken) || w.Body.Len() > 0 {
				t.Errorf("%d bytes: %v, %d sent", size, err, w.Body.Len())
			}
		}()
	}
}
