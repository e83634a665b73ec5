package installer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// The items of a South, and of a history query, can be many: they are in a file of their own, of which the document of
// their owner names the generation (agent/connectors/file_south.go, agent/history/file.go). Generations that no document
// names are left by a change, and belong to nothing.
const (
	southFolder   = stateFolder + "/souths"
	historyFolder = stateFolder + "/history"
	itemsFolder   = historyFolder + "/items"
	logSuffix     = ".log"
)

// itemsOf is the file with the items of a document, "" when it has none.
func itemsOf(name string, document []byte) (string, error) {
	folder := path.Dir(name)
	id, ok := strings.CutSuffix(path.Base(name), ".json")
	if !ok || folder != southFolder && folder != historyFolder {
		return "", nil
	}
	var d struct {
		Data struct {
			Generation int `json:"generation"`
		} `json:"data"`
	}
	switch err := json.Unmarshal(document, &d); {
	case err != nil:
		return "", fmt.Errorf("%q: %w", name, err)
	case d.Data.Generation < 1:
		return "", nil
	case folder == southFolder:
		return fmt.Sprintf("%s/%s.%d%s", southFolder, id, d.Data.Generation, logSuffix), nil
	}
	return fmt.Sprintf("%s/%s-%d.json", itemsFolder, id, d.Data.Generation), nil
}

// holdsItems says whether a file belongs to a configuration only when a document names it.
func holdsItems(name string) bool { return isItemLog(name) || path.Dir(name) == itemsFolder }

func isItemLog(name string) bool {
	return path.Dir(name) == southFolder && strings.HasSuffix(name, logSuffix)
}

// owned is a document with the file of items that it names.
type owned struct {
	document, items []byte
	itemsName       string // "" when there are none
}

// maxReads is how often a document is read that changes meanwhile.
const maxReads = 20

// readOwned reads both as they belong together, also while the agent writes: it makes a new generation of items before
// the document that names it, and keeps the one before. A document that is gone is fs.ErrNotExist.
func readOwned(read func(name string) ([]byte, error), name string) (o owned, err error) {
	if o.document, err = read(name); err != nil {
		return o, err
	}
	for range maxReads {
		var missing error
		if o.itemsName, err = itemsOf(name, o.document); err == nil && o.itemsName != "" {
			o.items, missing = read(o.itemsName)
		}
		if err != nil {
			return o, err
		}
		again, err := read(name)
		switch {
		case err != nil:
			return o, err
		case bytes.Equal(again, o.document) && errors.Is(missing, fs.ErrNotExist):
			return o, fmt.Errorf("the items of %q are missing, they were in %q", name, o.itemsName)
		case bytes.Equal(again, o.document):
			return o, missing
		}
		o.document = again
	}
	return o, fmt.Errorf("%q is changed all the time: stop OIBus for the moment", name)
}

// readEntire reads a file of which a log lacks the line that is being written.
func readEntire(root *os.Root, name string) ([]byte, error) {
	in, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImportFile+1))
	if err == nil && len(text) > maxImportFile {
		err = fmt.Errorf("%q has more than the limit of %d bytes", name, maxImportFile)
	}
	if strings.HasSuffix(name, logSuffix) {
		text = withoutTear(text)
	}
	return text, errors.Join(err, in.Close())
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// logLine returns the record of a line whose checksum is right (agent/store/log.go).
func logLine(line []byte) ([]byte, bool) {
	sum, record, ok := bytes.Cut(line, []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	return record, ok && len(sum) == 8 && err == nil && crc32.Checksum(record, castagnoli) == uint32(want)
}

// withoutTear cuts off what is behind the last good line.
func withoutTear(text []byte) []byte {
	for end := len(text); end > 0; {
		end = bytes.LastIndexByte(text[:end], '\n') + 1
		if end == 0 {
			break
		}
		start := bytes.LastIndexByte(text[:end-1], '\n') + 1
		if _, ok := logLine(text[start : end-1]); ok {
			return text[:end]
		}
		end = start
	}
	return nil
}

// checkLog says what is wrong with a log of the agent, one of items when items is true.
func checkLog(text []byte, items bool) error {
	if len(text) == 0 {
		return errors.New("it is not a log of OIBus")
	}
	for n := 1; len(text) > 0; n++ {
		line, rest, ended := bytes.Cut(text, []byte{'\n'})
		record, ok := logLine(line)
		if !ok || !ended {
			return fmt.Errorf("its line %d is damaged", n)
		}
		if text = rest; !goodRecord(record, n == 1, items) {
			return fmt.Errorf("its line %d is none of such a log", n)
		}
	}
	return nil
}

func goodRecord(record []byte, first, items bool) bool {
	var r struct {
		Schema int `json:"schema"`
		Put    []struct {
			ID string `json:"id"`
		} `json:"put"`
		Drop []string `json:"drop"`
	}
	switch {
	case first:
		return json.Unmarshal(record, &r) == nil && r.Schema > 0
	case !items:
		return json.Valid(record)
	case json.Unmarshal(record, &r) != nil:
		return false
	}
	for _, item := range r.Put {
		if item.ID == "" {
			return false
		}
	}
	return true
}

// checkContent says what is wrong with a file of the state.
func checkContent(name string, text []byte) error {
	switch {
	case !strings.HasPrefix(name, stateFolder+"/"):
		return nil
	case strings.HasSuffix(name, logSuffix):
		return checkLog(text, isItemLog(name))
	case !isDocument(text):
		return errors.New("it is not a document of OIBus")
	}
	return nil
}
