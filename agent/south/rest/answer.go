package rest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"oibus/agent/connector/httpclient"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/south"
)

const (
	maxLast    = 64 << 10 // bytes of an answer that are shown as the last value
	nameLength = 10       // random characters of a file name
)

// answer is a body in a file of the connector's own folder.
type answer struct {
	path    string
	name    string // as it is handed on
	size    int64
	tracked time.Time // the greatest instant found, zero for none
}

func (a *answer) remove() { os.Remove(a.path) }

func (a *answer) content() (content.Content, error) {
	if a.size == 0 {
		return content.FromBytes(content.Any, a.name, 0, nil), nil
	}
	return content.FromFile(a.path, a.name)
}

// beginning is the answer as a JSON text, nil for one that is no text.
func (a *answer) beginning() json.RawMessage {
	f, err := os.Open(a.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxLast))
	if err != nil {
		return nil
	}
	for i := 0; i < utf8.UTFMax && int64(len(raw)) < a.size && !utf8.Valid(raw); i++ {
		raw = raw[:len(raw)-1] // cut inside a character
	}
	if !utf8.Valid(raw) {
		return nil
	}
	return content.AppendString(nil, string(raw))
}

// fetch makes the request of an item for a window and saves its answer, which the caller removes.
func (r *REST) fetch(ctx context.Context, i south.Item, w interval.Window) (a *answer, err error) {
	item, err := decode(i)
	if err != nil {
		return nil, err
	}
	track, err := r.tracking(item)
	if err != nil {
		return nil, err
	}
	request, err := r.request(item, w)
	if err != nil {
		return nil, err
	}
	res, err := r.do(ctx, request)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	if !res.OK() {
		return nil, fmt.Errorf("HTTP request failed with status code %d and message: %s", res.Status, res.Message())
	}
	a = &answer{path: filepath.Join(r.temp, rand.Text()), name: plainName(r.name + "-" + i.Name + "-" + entity.NewID(nameLength))}
	if err := r.save(a, item, res, track); err != nil {
		a.remove()
		return nil, err
	}
	return a, nil
}

// save writes the body of an answer and says what it is.
func (r *REST) save(a *answer, item itemSettings, res *httpclient.Response, track *tracking) error {
	contentType := strings.ToLower(res.Header.Get("Content-Type"))
	var err error
	switch {
	case item.ReturnType == "file":
		if name := attachment(res.Header); name != "" {
			a.name = name
		}
		a.size, err = writeTo(a.path, func(w io.Writer) error { return copyAll(w, res) })
	case strings.Contains(contentType, "json"):
		a.name += ".json"
		err = a.saveJSON(res, track)
	case strings.Contains(contentType, "xml"):
		a.name += ".xml"
		a.size, err = writeTo(a.path, func(w io.Writer) error { return copyAll(w, res) })
	default:
		err = a.saveUnknown(res, track)
	}
	if err == nil && a.size > 0 {
		a.tracked, err = track.greatest(a.path)
	}
	return err
}

// saveJSON writes JSON without the white space between its parts, and looks for instants in it.
func (a *answer) saveJSON(r io.Reader, track *tracking) error {
	in := bufio.NewReaderSize(r, 64<<10)
	switch _, err := in.Peek(1); {
	case errors.Is(err, io.EOF):
		return nil // an empty answer
	case err != nil:
		return err
	}
	var err error
	a.size, err = writeTo(a.path, func(w io.Writer) error { return compact(w, in, track.path(), track.found) })
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	return err
}

// saveUnknown writes an answer whose type says nothing: JSON as such, everything else as it is.
func (a *answer) saveUnknown(r io.Reader, track *tracking) error {
	var err error
	if a.size, err = writeTo(a.path, func(w io.Writer) error { return copyAll(w, r) }); err != nil || a.size == 0 {
		return err
	}
	raw, err := os.Open(a.path)
	if err != nil {
		return err
	}
	defer raw.Close()
	as := &answer{path: a.path + ".json"}
	defer as.remove()
	var syntax *syntaxError
	switch err := as.saveJSON(raw, track); {
	case errors.As(err, &syntax): // not JSON, so that nothing that was found in it counts
		track.forget()
		return nil
	case err != nil:
		return err
	}
	a.name += ".json"
	if !structured(as.path) {
		return nil
	}
	raw.Close()
	a.size = as.size
	return os.Rename(as.path, a.path)
}

// structured says whether the JSON in a file is an object or an array.
func structured(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var first [1]byte
	_, err = f.Read(first[:])
	return err == nil && (first[0] == '{' || first[0] == '[')
}

func copyAll(w io.Writer, r io.Reader) error {
	_, err := io.Copy(w, r)
	return err
}

// writeTo makes a file of what f writes, and returns its size.
func writeTo(path string, f func(w io.Writer) error) (size int64, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("cannot save the answer: %w", err)
	}
	counted := &counter{w: file}
	w := bufio.NewWriterSize(counted, 64<<10)
	err = f(w)
	if err == nil {
		err = w.Flush()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return counted.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// attachment is the file name that the source suggests, "" for none.
func attachment(h http.Header) string {
	_, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := params["filename"]
	if err != nil { // as people write it
		_, name, _ = strings.Cut(h.Get("Content-Disposition"), "filename=")
		name, _, _ = strings.Cut(name, ";")
	}
	if name = plainName(strings.TrimSpace(name)); strings.Trim(name, ".-") == "" {
		return ""
	}
	return name
}

// plainName keeps of a name what is safe in every file system.
func plainName(name string) string {
	name = strings.NewReplacer(`"`, "", "'", "").Replace(name)
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, name)
}
