package connectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/schema"
)

// Columns of items as a table, before those of the settings (protocol/data-plane.md, section 1.4).
const (
	columnName     = "name"
	columnEnabled  = "enabled"
	columnScanMode = "scanMode"
	columnGroup    = "group"
	columnMaxRead  = "maxReadInterval"
	columnDelay    = "readDelay"
	columnStart    = "startTimeOffset"
	columnEnd      = "endTimeOffset"
	columnStrategy = "recoveryStrategy"
	columnOverlap  = "overlap" // dialect R has it in place of the three before
	columnSync     = "syncWithGroup"
	settingPrefix  = "settings_"
)

func fixedColumns(d manifest.Dialect) []string {
	if d == manifest.R {
		return []string{columnName, columnEnabled, columnScanMode, columnGroup, columnMaxRead, columnDelay, columnOverlap, columnSync}
	}
	return []string{columnName, columnEnabled, columnScanMode, columnGroup, columnMaxRead, columnDelay, columnStart, columnEnd, columnStrategy, columnSync}
}

// columns say where in the rows of a file what stands.
type columns struct {
	places   map[string]int
	settings []settingColumn
	unknown  string // a setting that the manifest does not have
	partial  bool   // the manifest has settings that the file does not
	strict   bool   // a boolean has to be one, and a row with broken JSON spoils no other
}

type settingColumn struct {
	key       string
	kind      manifest.Type
	place     int
	attribute *manifest.Attribute
}

func columnsOf(header []string, form *manifest.Attribute) columns {
	c := columns{places: map[string]int{}}
	for i, name := range header {
		name = strings.TrimSpace(name)
		if _, twice := c.places[name]; twice {
			continue
		}
		c.places[name] = i
		key, isSetting := strings.CutPrefix(name, settingPrefix)
		if !isSetting {
			continue
		}
		attribute := child(form, key)
		if attribute == nil {
			if c.unknown == "" {
				c.unknown = key
			}
			continue
		}
		c.settings = append(c.settings, settingColumn{key, attribute.Type, i, attribute})
	}
	c.partial = len(c.settings) < len(form.Attributes)
	return c
}

func child(form *manifest.Attribute, key string) *manifest.Attribute {
	for i := range form.Attributes {
		if form.Attributes[i].Key == key {
			return &form.Attributes[i]
		}
	}
	return nil
}

// cell is what stands in a row under a column, and whether the file has the column.
func (c *columns) cell(row []string, column string) (text string, has bool) {
	i, has := c.places[column]
	if has && i < len(row) {
		text = row[i]
	}
	return text, has
}

// isTrue is the rule for booleans of tables.
func isTrue(cell string) bool {
	switch cell {
	case "true", "True", "TRUE", "1":
		return true
	}
	return false
}

// truthOf reads a boolean, and says whether it is one. Nothing is false, as everywhere.
func truthOf(cell string) (value, ok bool) {
	cell = strings.TrimSpace(cell)
	if isTrue(cell) {
		return true, true
	}
	switch cell {
	case "", "false", "False", "FALSE", "0":
		return false, true
	}
	return false, false
}

// errJSON says that a cell which must hold JSON does not. It ends an import by the rules of the reference.
type errJSON struct{ text string }

func (e *errJSON) Error() string { return e.text }

// settingsOf builds the settings of a row. An empty cell is an absent setting. Texts where the manifest wants numbers
// become numbers. Settings that the file has no column for stay as in old.
// For the items of a history query an empty cell of a text is an empty text.
func (c *columns) settingsOf(row []string, name string, old json.RawMessage, free bool) (*schema.Ordered, error) {
	settings := schema.NewOrdered()
	if c.partial && len(old) > 0 {
		if tree, err := schema.Parse(old); err == nil {
			if before, ok := tree.(*schema.Ordered); ok {
				settings = before
			}
		}
	}
	for i := range c.settings {
		column := &c.settings[i]
		cell := ""
		if column.place < len(row) {
			cell = row[column.place]
		}
		if cell == "" && !(free && (column.kind == manifest.TypeString || column.kind == manifest.TypeCode)) {
			settings.Delete(column.key)
			continue
		}
		value, err := column.value(cell, c.strict)
		if err != nil {
			return nil, &errJSON{"Settings " + quoted(column.key) + " of item " + quoted(name) + ": " + err.Error()}
		}
		settings.Set(column.key, value)
	}
	return settings, nil
}

func (c *settingColumn) value(cell string, strict bool) (any, error) {
	switch c.kind {
	case manifest.TypeBoolean:
		if value, ok := truthOf(cell); strict && !ok {
			return nil, fmt.Errorf("must be true or false, not %q", cell)
		} else if strict {
			return value, nil
		}
		return isTrue(cell), nil
	case manifest.TypeObject, manifest.TypeArray:
		return schema.Parse(json.RawMessage(cell))
	case manifest.TypeNumber:
		if trimmed := strings.TrimSpace(cell); plainNumber(trimmed) {
			return json.Number(trimmed), nil
		}
	}
	return cell, nil
}

// plainNumber says whether a text can stand as a number in JSON.
func plainNumber(s string) bool {
	return s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && json.Valid([]byte(s))
}

// cellOf is a setting as a cell.
func cellOf(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	}
	raw, err := schema.Write(value)
	return string(raw), err
}

// amount is a timing value as a cell.
func amount(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// settingCells are the settings of an item as cells, in the order of the manifest.
func settingCells(item *entity.SouthItem, form *manifest.Attribute) ([]string, error) {
	cells := make([]string, len(form.Attributes))
	if len(bytes.TrimSpace(item.Settings)) == 0 {
		return cells, nil
	}
	tree, err := schema.Parse(item.Settings)
	if err != nil {
		return nil, err
	}
	settings, ok := tree.(*schema.Ordered)
	if !ok {
		return cells, nil
	}
	for i := range form.Attributes {
		value, _ := settings.Get(form.Attributes[i].Key)
		if cells[i], err = cellOf(value); err != nil {
			return nil, err
		}
	}
	return cells, nil
}
