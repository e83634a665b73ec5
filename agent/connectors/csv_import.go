package connectors

import (
	"errors"
	"slices"
	"strings"

	"oibus/agent/connectors/sheet"
	"oibus/agent/entity"
	"oibus/agent/schema"
)

// RowError says why a row of a table cannot be imported.
type RowError struct {
	Name  string // of the item, "undefined" when the file has no such column
	Error string
	Row   map[string]string // the cells by column
	Line  int               // of the text, where the row begins
}

// Counts says what becomes of items.
type Counts struct {
	New, Replaced, Unchanged int // of the table
	Deleted                  int // that are not in it
}

// importer turns rows into items of a South.
type importer struct {
	*southChange
	columns
	table   *sheet.Reader
	groups  *groups
	old     map[string]*entity.SouthItem // the items of the South by name
	replace bool                         // items with the name of an old one replace it, instead of being refused
	unset   bool                         // timing without a column is not set, instead of 0 and oldest
	// asBefore says that the row is of an item that is there, so that an empty cell stands for the nothing that it was
	// written for.
	asBefore bool
	told     int // how many rows that cannot be used are told, 0 for all
	fresh    func(name string) entity.Audit
	used     map[string]bool // names of rows so far
	counts   Counts
	wrong    []RowError // the first of them, when told says so
	refused  int        // rows that cannot be used
}

// newImporter reads the header of a table.
func (c *southChange) newImporter(text, delimiter string, south *entity.South, replace bool) (*importer, error) {
	if !sheet.Usable(delimiter) {
		return nil, entity.Invalid("The entered delimiter %s does not correspond to the file delimiter %s", quoted(delimiter), quoted(sheet.Guess(text)))
	}
	table := sheet.NewReader(text, delimiter)
	im := &importer{
		southChange: c, columns: columnsOf(table.Header, &c.itemForm), table: table, groups: existing(south.Groups), replace: replace,
		old: make(map[string]*entity.SouthItem, len(south.Items)), used: map[string]bool{},
	}
	for i := range south.Items {
		im.old[south.Items[i].Name] = &south.Items[i]
	}
	made := entity.NewAudit("", c.author, c.now) // whose texts all items share
	im.fresh = func(string) entity.Audit {
		audit := made
		audit.ID = c.ids.draw()
		return audit
	}
	return im, nil
}

// each passes the items of all rows on. Rows that cannot be used are noted, the others go on; an error ends it all.
func (im *importer) each(take func(entity.SouthItem)) error {
	for row, ok := im.table.Next(); ok; row, ok = im.table.Next() {
		name, has := im.cell(row, columnName)
		if !has {
			name = "undefined"
		}
		item, err := im.item(row, name, has)
		var broken *errJSON
		switch {
		case errors.As(err, &broken) && !im.strict:
			return entity.Invalid("%s", broken.text)
		case err != nil:
			im.refuse(row, name, err)
		default:
			take(item)
		}
	}
	return nil
}

func (im *importer) refuse(row []string, name string, err error) {
	im.refused++
	if im.told == 0 || len(im.wrong) < im.told {
		im.wrong = append(im.wrong, RowError{strings.Clone(name), err.Error(), im.byColumn(row), im.table.Line()})
	}
}

// items makes the items of all rows, in the order of the rows.
func (im *importer) items() ([]entity.SouthItem, []RowError, error) {
	const sample = 1000 // rows that say how long the others are
	var items []entity.SouthItem
	whole := len(im.table.Rest())
	err := im.each(func(item entity.SouthItem) {
		items = append(items, item)
		if len(items) == sample {
			left := len(im.table.Rest())
			items = slices.Grow(items, left*sample/max(1, whole-left)+sample)
		}
	})
	if items == nil {
		items = []entity.SouthItem{}
	}
	return items, im.wrong, err
}

// remaining are the items of the South that no row has.
func (im *importer) remaining(items []entity.SouthItem) []entity.SouthItem {
	left := make([]entity.SouthItem, 0, len(items))
	for i := range items {
		if !im.used[items[i].Name] {
			left = append(left, items[i])
		}
	}
	return left
}

func (im *importer) byColumn(row []string) map[string]string {
	cells := make(map[string]string, len(im.places))
	for column := range im.places {
		cell, _ := im.cell(row, column)
		cells[column] = cell
	}
	return cells
}

// item makes the item of one row. Errors come in the order of the reference: scan mode, name, settings.
func (im *importer) item(row []string, name string, named bool) (item entity.SouthItem, err error) {
	old := im.old[name]
	if old != nil && im.replace {
		item = *old // what the file has no column for stays
	}
	im.asBefore = im.strict && item.ID != ""
	if err := im.schedule(&item, row, name); err != nil {
		return item, err
	}
	switch {
	case !named || name == "":
		return item, entity.Invalid("%q is required", columnName)
	case im.used[name] || old != nil && !im.replace:
		return item, im.taken(name)
	case im.unknown != "":
		return item, entity.Invalid("Settings %s not accepted in manifest", quoted(im.unknown))
	}
	settings, err := im.settingsOf(row, name, item.Settings, im.free)
	if err != nil {
		return item, err
	}
	if err := im.itemForm.Validate(settings); err != nil {
		return item, err
	}
	previous := item.Settings
	if item.Settings, err = schema.Write(settings); err != nil {
		return item, err
	}
	if im.secrets {
		if item.Settings, err = im.service.seal(im.itemForm, item.Settings, previous); err != nil {
			return item, err
		}
	}
	if err := im.history(&item, row); err != nil {
		return item, err
	}
	if err := im.joinGroup(&item, row, name); err != nil {
		return item, err
	}
	if cell, has := im.cell(row, columnEnabled); has || item.ID == "" {
		if item.Enabled, err = im.truth(columnEnabled, cell); err != nil {
			return item, err
		}
	}
	item.Name = strings.Clone(name) // which would keep the whole table
	im.used[item.Name] = true
	im.audit(&item, old)
	return item, nil
}

// taken is the error of a name that an item or a row before has.
func (im *importer) taken(name string) error {
	text := "Item name " + quoted(name) + " already used"
	switch {
	case im.strict && im.used[name]:
		text += " by a line before"
	case im.strict:
		text += " by an item that exists: such items are replaced only if that is asked for"
	}
	return &entity.InvalidError{Text: text}
}

func (im *importer) audit(item, old *entity.SouthItem) {
	switch {
	case item.ID == "":
		im.counts.New++
		item.Audit = im.fresh(item.Name)
	case sameItem(item, old):
		im.counts.Unchanged++
		*item = *old
	default:
		im.counts.Replaced++
		item.Audit = item.Touched(im.author, im.now)
	}
}
