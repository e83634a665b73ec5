package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

// Content that is pushed over HTTP (protocol/data-plane.md, section 1.10).
const (
	uploadPath   = "/api/content/file"
	maxUpload    = 10 << 30         // of one file; the disk is full before in most places
	quietLimit   = 60 * time.Second // for the next piece of a body or of an answer, however long the whole takes
	smallUpload  = 256 << 10        // bytes of a file that is held in memory
	formOverhead = 4 << 10          // bytes of a form around a file
	maxName      = 255              // bytes of the name of a file
)

// uploadFile takes a file for Norths.
func (s *Server) uploadFile(w http.ResponseWriter, r *http.Request) error {
	norths, source, err := destination(r)
	if err != nil {
		return err
	}
	control := http.NewResponseController(w)
	r.Body = &patient{ReadCloser: r.Body, control: control}
	parts, err := r.MultipartReader()
	if err != nil {
		return entity.Invalid("Missing file")
	}
	file, err := filePart(parts)
	if err != nil {
		return err
	}
	what, drop, err := s.received(file, r.ContentLength)
	if err != nil {
		return err
	}
	defer drop()
	control.SetWriteDeadline(time.Time{}) // caching waits for the disk, not for the client
	if err := s.o.Engine.PostFile(r.Context(), norths, source, what); err != nil {
		return err
	}
	return noContent(w)
}

// received is an uploaded file: in memory when it is small, else in a file of its own until drop is called. length is
// that of the whole request, below 0 when it is not known.
func (s *Server) received(file *multipart.Part, length int64) (what content.Content, drop func(), err error) {
	var start []byte
	if length <= smallUpload+formOverhead {
		if start, err = io.ReadAll(io.LimitReader(file, smallUpload+1)); err != nil {
			return what, nil, uploadError(err)
		}
		if len(start) <= smallUpload {
			return content.FromBytes(content.Any, uploadName(file), 0, start), func() {}, nil
		}
	}
	path, err := s.uploads.store(io.MultiReader(bytes.NewReader(start), file))
	if err != nil {
		return what, nil, uploadError(err)
	}
	if what, err = content.FromFile(path, uploadName(file)); err != nil {
		s.uploads.drop(path)
		return what, nil, err
	}
	return what, func() { s.uploads.drop(path) }, nil
}

// uploadContent takes JSON for Norths. The reference documents arrays too, but refuses them.
func (s *Server) uploadContent(w http.ResponseWriter, r *http.Request) error {
	norths, source, err := destination(r)
	if err != nil {
		return err
	}
	raw, err := readBody(r)
	if err != nil {
		return err
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	var text bytes.Buffer
	if raw[0] != '{' && raw[0] != '[' || json.Compact(&text, raw) != nil {
		return shape.ErrJSON
	}
	if err := s.o.Engine.PostFile(r.Context(), norths, source, content.FromText(text.String())); err != nil {
		return err
	}
	return noContent(w)
}

// destination says for which Norths an upload is, and from which source.
func destination(r *http.Request) (norths []string, source string, err error) {
	q := queryOf(r)
	for _, name := range []string{"northId", "dataSourceId"} {
		if !r.URL.Query().Has(name) {
			q.faults[name] = shape.Fault{Message: "'" + name + "' is required"}
		}
	}
	return q.list("northId"), q.text("dataSourceId"), q.err()
}

// filePart is the first part of a form that is the file.
func filePart(parts *multipart.Reader) (*multipart.Part, error) {
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, entity.Invalid("Missing file")
		case err != nil:
			return nil, uploadError(err)
		case part.FormName() == "file" && part.FileName() != "":
			return part, nil
		}
	}
}

// uploadError tells what is wrong with the request from what is wrong here.
func uploadError(err error) error {
	var (
		tooLarge *http.MaxBytesError
		local    *os.PathError
	)
	switch {
	case errors.As(err, &tooLarge):
		return &tooLargeError{"10 GB"}
	case errors.As(err, &local):
		return fmt.Errorf("cannot store the upload: %w", local.Err)
	}
	return &faulty{shape.Faults{"file": {Message: "the upload ended too early: " + err.Error()}}}
}

// uploadName is the name under which a file goes on: its own, without folders and control characters.
func uploadName(part *multipart.Part) string {
	name := part.FileName()
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return -1
		}
		return c
	}, strings.ToValidUTF8(name, ""))
	for len(name) > maxName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	if strings.Trim(name, ". ") == "" {
		return "upload"
	}
	return name
}

// uploads is a folder for what is on its way.
type uploads struct{ dir string }

// openUploads uses dir, and empties it: nothing in it outlives the process.
func openUploads(dir string) (uploads, error) {
	if dir == "" {
		return uploads{}, nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return uploads{}, fmt.Errorf("cannot prepare the folder for uploads: %w", err)
	}
	return uploads{dir}, nil
}

// store keeps what r holds in a file of a name that nobody chose.
func (u uploads) store(r io.Reader) (path string, err error) {
	f, err := os.CreateTemp(u.dir, "upload-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		u.drop(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// drop forgets a file. What cannot be removed now is gone at the next start.
func (u uploads) drop(path string) { _ = os.Remove(filepath.Clean(path)) }

// patient is the body of a long request: each piece of it has its own deadline.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	p.control.SetReadDeadline(time.Now().Add(quietLimit))
	return p.ReadCloser.Read(b)
}

// steady is a long answer: each piece of it has its own deadline.
type steady struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (s *steady) Write(b []byte) (int, error) {
	s.control.SetWriteDeadline(time.Now().Add(quietLimit))
	return s.ResponseWriter.Write(b)
}

// slowLimit is for operations that wait for a device, or handle 100,000 items.
const slowLimit = 10 * time.Minute

// slow gives an operation, and its body, more time than others have.
func slow(h handle) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		control := http.NewResponseController(w)
		control.SetReadDeadline(time.Now().Add(slowLimit)) // a connection that knows no deadlines has none
		control.SetWriteDeadline(time.Now().Add(slowLimit))
		return h(w, r)
	}
}
