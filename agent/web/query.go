package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

// pageSize is how many entries a page of a search has.
const pageSize = 50

// query reads the query parameters of a search; all may be missing or empty. Wrong ones gather in faults.
type query struct {
	r      *http.Request
	faults shape.Faults
}

func queryOf(r *http.Request) query { return query{r: r, faults: shape.Faults{}} }

// err is not nil when a parameter was wrong.
func (q query) err() error {
	if len(q.faults) > 0 {
		return &faulty{q.faults}
	}
	return nil
}

func (q query) text(name string) string { return q.r.URL.Query().Get(name) }

// list is a comma-separated parameter; it may also be repeated.
func (q query) list(name string) []string {
	var list []string
	for _, value := range q.r.URL.Query()[name] {
		for entry := range strings.SplitSeq(value, ",") {
			if entry = strings.TrimSpace(entry); entry != "" {
				list = append(list, entry)
			}
		}
	}
	return list
}

// page is the asked page, counted from 0.
func (q query) page() int {
	text := q.text("page")
	if text == "" {
		return 0
	}
	page, err := strconv.ParseFloat(text, 64)
	if err != nil || page < 0 || page > 1e6 || page != float64(int(page)) {
		q.faults["page"] = shape.Fault{Message: "invalid float number"}
		return 0
	}
	return int(page)
}

// truth is nil when the parameter is missing.
func (q query) truth(name string) *bool {
	switch value := q.text(name); value {
	case "":
		return nil
	case "true", "false":
		v := value == "true"
		return &v
	default:
		q.faults[name] = shape.Fault{Message: "invalid boolean value"}
		return nil
	}
}

// instant is the zero Time when the parameter is missing. A date without a time is its first moment, in UTC.
func (q query) instant(name string) time.Time {
	text := q.text(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	q.faults[name] = shape.Fault{Message: "invalid ISO 8601 datetime format, i.e. " + entity.Milli(time.Unix(0, 0))}
	return time.Time{}
}

// page is the answer of a search.
type page struct {
	Content       any `json:"content"`
	TotalElements int `json:"totalElements"`
	Size          int `json:"size"`
	Number        int `json:"number"`
	TotalPages    int `json:"totalPages"`
}

// pageOf is one page of all, each entry as show makes it.
func pageOf[T any](all []T, number int, show func(T) any) page {
	from := min(number*pageSize, len(all))
	content := each(all[from:min(from+pageSize, len(all))], show)
	return page{content, len(all), pageSize, number, (len(all) + pageSize - 1) / pageSize}
}
