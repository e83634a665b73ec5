package sftp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"oibus/agent/connector/folder"
	"oibus/agent/north"
	"oibus/platform/task"
)

// temporaryKey is the key in the Memory under which the name of the temporary file is.
const temporaryKey = "temporaryFile"

// overlap is how much of what was written is written again when an upload goes on.
const overlap = 64 << 10

// temporaryName is the name of the one file that is not whole yet. It differs from those of other agents that have a
// connector with the same id. old says that an earlier start may have left it.
func (n *North) temporaryName() (name string, old bool, err error) {
	if n.temporary != "" {
		return path.Base(n.temporary), true, nil
	}
	if m := n.trust.Memory; m != nil {
		if raw, ok := m.Get(temporaryKey); ok && json.Unmarshal(raw, &name) == nil && name == folder.Plain(name) && name != "" {
			return name, true, nil
		}
	}
	name = ".oibus-" + n.id + "-" + strings.ToLower(rand.Text()) + ".tmp"
	if m := n.trust.Memory; m != nil {
		raw, err := json.Marshal(name)
		if err == nil {
			err = m.Set(map[string]json.RawMessage{temporaryKey: raw})
		}
		if err != nil {
			return "", false, fmt.Errorf("cannot remember the name of the temporary file: %w", err)
		}
	}
	return name, false, nil
}

// upload is one content on its way.
type upload struct {
	content string // says everything that would be different if it was another one
	target  string
	written int64 // bytes that are in the temporary file for certain
}

// Send writes a content.
func (n *North) Send(ctx context.Context, d north.Delivery) error {
	if err := n.connected(ctx); err != nil {
		return north.Again(err)
	}
	identity := fmt.Sprintf("%s\n%d\n%d", d.Name, d.Size, d.Created.UnixNano())
	if n.begun.content != identity {
		target, err := n.target(d.Name)
		if err != nil {
			return err
		}
		n.begun = upload{content: identity, target: target}
	}
	err := n.write(ctx, d)
	if err == nil {
		n.begun = upload{}
		return nil
	}
	return n.again(ctx, fmt.Errorf("cannot write %s: %w", n.begun.target, err))
}

// connected connects again when the server has ended the connection.
func (n *North) connected(ctx context.Context) error {
	if n.client != nil && n.client.Alive() {
		return nil
	}
	return n.Connect(ctx)
}

// target is where a content is to appear.
func (n *North) target(name string) (string, error) {
	dir, last := path.Split(strings.ReplaceAll(n.names.Name(name), "\x00", "_"))
	if last == "" || last == "." || last == ".." {
		last = "content"
	}
	if slices.Contains(strings.Split(dir, "/"), "..") {
		return "", errors.New("the file name leads out of the folder")
	}
	return path.Join(n.settings.RemoteFolder, dir, last), nil
}

// write makes the target hold the content at once.
func (n *North) write(ctx context.Context, d north.Delivery) error {
	offset, err := n.resume(ctx)
	if err != nil {
		return err
	}
	source := d.Open()
	defer source.Close()
	reader := &counter{Reader: task.Reader(ctx, source)}
	if _, err := io.CopyN(io.Discard, reader, offset); err != nil {
		return fmt.Errorf("cannot read the content: %w", err)
	}
	if n.begun.written, err = n.client.Put(ctx, n.temporary, offset, reader); err != nil {
		return err
	}
	info, err := n.client.Lstat(ctx, n.temporary)
	if err != nil {
		return err
	}
	if info.Size() != reader.n {
		n.begun.written = 0
		return fmt.Errorf("%d of %d bytes have arrived", info.Size(), reader.n)
	}
	return n.client.Move(ctx, n.temporary, n.begun.target)
}

// resume is where an upload goes on.
func (n *North) resume(ctx context.Context) (int64, error) {
	if n.begun.written == 0 {
		return 0, nil
	}
	info, err := n.client.Lstat(ctx, n.temporary)
	switch {
	case err != nil && n.client.Lost(err):
		return 0, err
	case err != nil || !info.Mode().IsRegular() || info.Size() < n.begun.written:
		return 0, nil
	}
	return max(0, n.begun.written-overlap), nil
}

// counter counts what was read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}
