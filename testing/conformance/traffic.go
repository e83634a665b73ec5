package conformance

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"oibus/testing/cloudsim"
)

// northTraffic is the recording of what the North oianalytics sends, in parts.
const northTraffic = "north-oianalytics"

// trafficNorths is the recording that has its Norths.
const trafficNorths = "flow-create-OIA-gz-e"

// table is the file that was handed over for most parts.
const table = "id,timestamp,value\nA,2024-01-01 00:00:00.000,1\nB,2024-07-01 00:00:01.000,2.5\nC,2024-01-01 00:00:02.000,text\nD,2024-01-01 00:00:03.000,true\n" +
	"E,2024-01-01 00:00:04.000,\n"

// handedOver are the files that were handed over for the parts, from a source, to Norths.
var handedOver = map[string]struct {
	source string
	norths []string
	name   string
	text   string
}{
	"time-values-plain":      {"csvsrc", []string{"OIA plain"}, "data.csv", table},
	"time-values-compressed": {"csvsrc", []string{"OIA gz&é"}, "data.csv", table},
	"file-plain":             {"raw", []string{"OIA plain"}, "raw file é.csv", table},
	"file-compressed":        {"raw", []string{"OIA gz&é"}, "raw.csv", table},
	"file-already-gz":        {"raw", []string{"OIA gz&é"}, "raw.csv.gz", "\x1f\x8b not really"},
	"two-norths":             {"csvsrc", []string{"OIA plain", "OIA gz&é"}, "data.csv", table},
}

// unplayedParts says why a part is not played.
var unplayedParts = map[string]string{
	"json-content":                  "what was handed over is not recorded, and nothing was sent",
	"csv-iso-string-bug":            "a fault of the reference",
	"time-values-error-500":         "retries are a matter of time, which the tests of agent/north have in their hands",
	"time-values-error-400":         "retries are a matter of time, which the tests of agent/north have in their hands",
	"time-values-error-401":         "retries are a matter of time, which the tests of agent/north have in their hands",
	"folder-scanner-to-oianalytics": "the files are sent as those of the other parts",
}

// traffic is a part of the recording.
type traffic struct {
	Name     string `json:"name"`
	Requests []struct {
		Exchange
		Text   *string `json:"bodyText"`
		Base64 *string `json:"bodyBase64"`
	} `json:"requests"`
}

// bringNorths makes the Norths that a recording has.
func (p *Plant) bringNorths(recording string, names ...string) error {
	r, err := LoadRecording(p.folder, recording)
	if err != nil {
		return err
	}
	blocks, _ := configurationOf(r)["northConnectors"].([]any)
	wanted := slices.DeleteFunc(slices.Clone(blocks), func(b any) bool {
		return !slices.Contains(names, textAt(b.(map[string]any)["settings"].(map[string]any), "name"))
	})
	return p.bringKind("north", map[string]any{}, map[string]any{"northConnectors": wanted})
}

// dataEndpoints are where contents are sent.
var dataEndpoints = []string{"D1", "D2", "D3"}

func endpointOf(path string) string {
	switch {
	case strings.HasSuffix(path, "/time-values"):
		return "D1"
	case strings.HasSuffix(path, "/compressed"):
		return "D2"
	}
	return "D3"
}

// playTraffic hands a file over, and compares what is sent because of it.
func (p *Plant) playTraffic(recorded traffic) comparison {
	given := handedOver[recorded.Name]
	var norths []string
	for _, name := range given.norths {
		norths = append(norths, p.find("northConnectors "+name))
	}
	before := p.lastSeq()
	if err := p.uploadTo(given.source, strings.Join(norths, ","), given.name, given.text); err != nil {
		return failed(err)
	}
	for _, r := range recorded.Requests {
		if !p.await(endpointOf(r.Path), before, 1) {
			return failed(fmt.Errorf("nothing was sent to %s", r.Path))
		}
	}
	theirs, err := recordedTraffic(recorded)
	if err != nil {
		return failed(err)
	}
	ours := map[string]any{}
	for _, r := range p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, After: before}) {
		if !slices.Contains(dataEndpoints, r.Endpoint) {
			continue
		}
		if ours[r.Path], err = sentView(exchangeOf(r)); err != nil {
			return failed(err)
		}
	}
	return func() ([]Difference, error) {
		n := &Normaliser{}
		return Compare(n.Normalise(theirs), n.Normalise(ours)), nil
	}
}

// recordedTraffic are the views of what was recorded, by path.
func recordedTraffic(recorded traffic) (views map[string]any, err error) {
	views = map[string]any{}
	for _, r := range recorded.Requests {
		switch {
		case r.Text != nil:
			r.Body = latin1(*r.Text)
		case r.Base64 != nil:
			raw, err := base64.StdEncoding.DecodeString(*r.Base64)
			if err != nil {
				return nil, err
			}
			r.Body = string(raw)
		}
		if views[r.Path], err = sentView(r.Exchange); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// latin1 are the bytes of a recorded text, whose bytes were taken for characters.
func latin1(text string) string {
	var b []byte
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}

var boundaryForm = regexp.MustCompile(`OIBusBoundary\d{13}`)

// sentView is the view of a sent content, unpacked: how well it is compressed is not compared.
func sentView(e Exchange) (map[string]any, error) {
	view := exchangeView(e)
	headers := view["headers"].(map[string]any)
	delete(headers, "transfer-encoding") // whether the length was known before
	if kind, ok := headers["content-type"].(string); ok {
		headers["content-type"] = boundaryForm.ReplaceAllString(kind, "‹boundary›")
	}
	body, ok := e.Body.(string)
	if !ok {
		view["body"] = shown(e.Body) // a text, so that instants count
		return view, nil
	}
	head, packed, found := strings.Cut(body, gzipped)
	if !found {
		view["body"] = boundaryForm.ReplaceAllString(body, "‹boundary›")
		return view, nil
	}
	text, err := unpack(gzipped + packed)
	if err != nil {
		return nil, err
	}
	if view["body"] = boundaryForm.ReplaceAllString(head, "‹boundary›") + "‹compressed›" + text; head == "" {
		view["body"] = shown(decoded([]byte(text)))
	}
	return view, nil
}

// gzipped begins what is compressed.
const gzipped = "\x1f\x8b\x08"

// unpack reads the compressed text at the start of another.
func unpack(text string) (string, error) {
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("cannot unpack what was sent: %w", err)
	}
	z.Multistream(false)
	plain, err := io.ReadAll(z)
	if err != nil {
		return "", fmt.Errorf("cannot unpack what was sent: %w", err)
	}
	return string(plain), nil
}
