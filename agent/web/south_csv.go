package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"oibus/agent/connectors"
	"oibus/agent/web/shape"
)

// maxTable is how long a form with tables of items may be: several times 100,000 items.
const maxTable = 256 << 20

var csvForm = shape.Object(shape.Key("delimiter", shape.Text))

// exporting answers with a table of the items of a South or a history query.
func exporting(export func(id, delimiter string) (table string, err error)) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		content, err := body(r, csvForm)
		if err != nil {
			return err
		}
		var asked struct{ Delimiter string }
		if err := json.Unmarshal(content, &asked); err != nil {
			return err
		}
		table, err := export(r.PathValue("id"), asked.Delimiter)
		if err != nil {
			return err
		}
		return answerTable(w, table)
	}
}

// toCSV answers with the items that a request holds, of a type of connector, as a table.
func toCSV(convert func(kind string, items json.RawMessage, delimiter string) (table string, err error)) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, err := tables(r, "delimiter", "items")
		if err != nil {
			return err
		}
		table, err := convert(r.PathValue("id"), json.RawMessage(form["items"]), form["delimiter"])
		if err != nil {
			return err
		}
		return answerTable(w, table)
	}
}

func answerTable(w http.ResponseWriter, table string) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="items.csv"`)
	io.WriteString(w, table) // a client that went away is no one to tell
	return nil
}

// checkImport shows what would become of a table of items: the page shows it before it imports.
func (s *Server) checkImport(r *http.Request) (connectors.CheckedView, error) {
	form, err := tables(r, "itemsToImport", "delimiter", "currentItems", "deleteItemsNotPresent")
	if err != nil {
		return connectors.CheckedView{}, err
	}
	checked, err := s.o.Connectors.CheckCSV(r.PathValue("id"), form["itemsToImport"], form["delimiter"], json.RawMessage(form["currentItems"]), form["deleteItemsNotPresent"] == "true")
	if err != nil {
		return connectors.CheckedView{}, err
	}
	return s.views.CheckedView(checked)
}

// importItems takes the items that the check returned.
func (s *Server) importItems(r *http.Request) error {
	form, err := tables(r, "items", "deleteItemsNotPresent")
	if err != nil {
		return err
	}
	return s.o.Connectors.ImportItems(author(r), r.PathValue("id"), json.RawMessage(form["items"]), form["deleteItemsNotPresent"] == "true")
}

// tables reads a multipart form whose fields and files are texts. All of names must be there; others are passed over.
func tables(r *http.Request, names ...string) (map[string]string, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, &faulty{shape.Faults{shape.Whole: {Message: "multipart/form-data expected"}}}
	}
	form := map[string]string{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, cutForm(err)
		}
		if form[part.FormName()], err = partText(part, r.ContentLength); err != nil {
			return nil, cutForm(err)
		}
	}
	faults := shape.Faults{}
	for _, name := range names {
		if _, ok := form[name]; !ok {
			faults[name] = shape.Fault{Message: "'" + name + "' is required"}
		}
	}
	if len(faults) > 0 {
		return nil, &faulty{faults}
	}
	return form, nil
}

// partText reads a part. whole is how long the body says to be, -1 when it does not: what is long is then read into one piece.
func partText(part *multipart.Part, whole int64) (string, error) {
	const first = 1 << 20 // which has come before the rest is believed in
	var b strings.Builder
	n, err := io.CopyN(&b, part, first)
	if err == nil && whole > n {
		b.Grow(int(min(whole, maxTable) - n))
	}
	if err == nil {
		_, err = io.Copy(&b, part)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimPrefix(b.String(), "\ufeff"), err
}

// cutForm is the error of a form that could not be read to its end.
func cutForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &tooLargeError{"256 MB"}
	}
	return &faulty{shape.Faults{shape.Whole: {Message: "invalid multipart/form-data"}}}
}
