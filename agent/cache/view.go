package cache

import (
	"errors"
	"io"
	"path/filepath"
	"strings"

	"oibus/agent/entity"
)

// viewLimit is how many bytes of a content are shown.
const viewLimit = 512_000

// View is the beginning of a content, as the viewer of the reference shows it.
type View struct {
	Content         string `json:"content"`
	ContentFilename string `json:"contentFilename"`
	TotalSize       int64  `json:"totalSize"`
	Truncated       bool   `json:"truncated"`
	ContentType     string `json:"contentType"` // csv, json, xml or raw
}

// View reads the beginning of the content with the id filename, which is in folder. When there is none the error is an
// *entity.NotFoundError. Of a content whose first elements were sent the others are shown. What is damaged is shown as
// far as it can be read.
func (c *Cache) View(folder Folder, filename string) (View, error) {
	file, r, err := c.Read(folder, filename)
	if err != nil {
		return View{}, err
	}
	data, err := io.ReadAll(io.LimitReader(r, viewLimit))
	if err = errors.Join(err, r.Close()); err != nil && len(data) == 0 {
		return View{}, c.noFile(folder, filename, err.Error())
	}
	m := file.Metadata
	return View{Content: strings.ToValidUTF8(string(data), "\ufffd"), ContentFilename: m.ContentFile, TotalSize: m.ContentSize,
		Truncated: m.ContentSize > int64(len(data)), ContentType: viewType(m.ContentFile)}, nil
}

// Read reads a content without checking its bytes, as View does.
func (c *Cache) Read(folder Folder, filename string) (File, io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, pos, err := c.lookUp(folder, filename)
	if err != nil {
		return File{}, nil, err
	}
	s := g.index.at(pos)
	seq := g.first + uint64(s.ordinal)
	var f file
	from := s.bytesAt()
	if s.flags&flagOwnFile != 0 {
		f, err = c.openOwn(seq, &s, g.data)
		from = 0
	} else {
		f, err = c.disk.Open(g.data.path)
	}
	if err != nil {
		return File{}, nil, c.noFile(folder, filename, err.Error())
	}
	c.pin(g.data)
	v := &viewReader{c: c, data: g.data, file: f}
	size := int64(s.size)
	if e := g.state.extra(pos, s.ordinal); e.Consumed > 0 && e.Bytes <= s.size {
		v.Reader = io.MultiReader(strings.NewReader("["), io.NewSectionReader(f, from+int64(e.Bytes), size-int64(e.Bytes)))
	} else {
		v.Reader = io.NewSectionReader(f, from, size)
	}
	return c.file(g, pos), v, nil
}

type viewReader struct {
	io.Reader
	c    *Cache
	data *dataFile
	file file
}

// Close ends reading.
func (v *viewReader) Close() error {
	if v.file == nil {
		return nil
	}
	err := v.file.Close()
	v.file, v.Reader = nil, strings.NewReader("")
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	v.c.unpin(v.data)
	return err
}

// lookUp finds the content with an id in a folder. mu is held.
func (c *Cache) lookUp(folder Folder, id string) (*segment, int, error) {
	if seq, ok := parseID(id, c.key); ok {
		g, pos, ok, err := c.find(seq)
		if err != nil {
			return nil, 0, c.noFile(folder, id, err.Error())
		}
		if ok && g.state.words[pos].place().folder() == folder {
			return g, pos, nil
		}
	}
	return nil, 0, c.missing(folder, id)
}

// missing is the reference's text for a file that is not there.
func (c *Cache) missing(folder Folder, id string) error {
	return c.noFile(folder, id, "ENOENT: no such file or directory, open '"+c.shownPath(folder, "metadata", id)+"'")
}

// noFile is the reference's text for a file that cannot be read.
func (c *Cache) noFile(folder Folder, id, reason string) error {
	return entity.NotFound("Error while reading file \"%s\": %s", c.shownPath(folder, "content", id), reason)
}

// shownPath is where the reference would have a file; it is never opened.
func (c *Cache) shownPath(folder Folder, part, id string) string {
	if placeOf(folder) == gone {
		folder = "unknown folder"
	}
	if len(id) > 200 {
		id = id[:200] + "…"
	}
	return filepath.Join(c.root, string(folder), filepath.FromSlash(c.id), part) + string(filepath.Separator) + id
}
