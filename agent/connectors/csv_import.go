package connectors

import (
	"errors"

	"oibus/agent/connectors/sheet"
	"oibus/agent/entity"
	"oibus/agent/schema"
)

// RowError says why a row of a table cannot be imported.
type RowError struct {
	Name  string // of the item, "undefined" when the file has no such column
	Error string
	Row   map[string]string // the cells by column
}

// importer turns rows into items of a South.
type importer struct {
	*southChange
	columns
	groups  *groups
	old     map[string]*entity.SouthItem // the items of the South by name
	replace bool                         // items with the name of an old one replace it, instead of being refused
	unset   bool                         // timing without a column is not set, instead of 0 and oldest
	fresh   func(name string) entity.Audit
	used    map[string]bool // names of rows so far
}

// newImporter reads the header of a table.
func (c *southChange) newImporter(text, delimiter string, south *entity.South, replace bool) (*importer, [][]string, error) {
	if !sheet.Usable(delimiter) {
		return nil, nil, entity.Invalid("The entered delimiter %s does not correspond to the file delimiter %s", quoted(delimiter), quoted(sheet.Guess(text)))
	}
	header, rows := sheet.Read(text, delimiter)
	im := &importer{
		southChange: c, columns: columnsOf(header, &c.itemForm), groups: existing(south.Groups), replace: replace,
		old: make(map[string]*entity.SouthItem, len(south.Items)), used: make(map[string]bool, len(rows)),
	}
	for i := range south.Items {
		im.old[south.Items[i].Name] = &south.Items[i]
	}
	im.fresh = func(string) entity.Audit { return entity.NewAudit(c.ids.draw(), c.author, c.now) }
	return im, rows, nil
}

// items makes the items of all rows. Rows that cannot be used are told, the others go on; an error ends it all.
func (im *importer) items(rows [][]string) ([]entity.SouthItem, []RowError, error) {
	items := make([]entity.SouthItem, 0, len(rows))
	var wrong []RowError
	for _, row := range rows {
		name, has := im.cell(row, columnName)
		if !has {
			name = "undefined"
		}
		item, err := im.item(row, name, has)
		var broken *errJSON
		switch {
		case errors.As(err, &broken):
			return nil, nil, entity.Invalid("%s", broken.text)
		case err != nil:
			wrong = append(wrong, RowError{name, err.Error(), im.byColumn(row)})
		default:
			items = append(items, item)
		}
	}
	return items, wrong, nil
}

func (im *importer) byColumn(row []string) map[string]string {
	cells := make(map[string]string, len(im.places))
	for column := range im.places {
		cells[column], _ = im.cell(row, column)
	}
	return cells
}

// item makes the item of one row. Errors come in the order of the reference: scan mode, name, settings.
func (im *importer) item(row []string, name string, named bool) (item entity.SouthItem, err error) {
	old := im.old[name]
	if old != nil && im.replace {
		item = *old // what the file has no column for stays
	}
	if err := im.schedule(&item, row, name); err != nil {
		return item, err
	}
	switch {
	case !named || name == "":
		return item, entity.Invalid("%q is required", columnName)
	case im.used[name] || old != nil && !im.replace:
		return item, entity.Invalid("Item name %s already used", quoted(name))
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
	item.Name = name
	if cell, has := im.cell(row, columnEnabled); has || item.ID == "" {
		item.Enabled = isTrue(cell)
	}
	im.used[name] = true
	im.audit(&item, old)
	return item, nil
}

func (im *importer) audit(item, old *entity.SouthItem) {
	switch {
	case item.ID == "":
		item.Audit = im.fresh(item.Name)
	case sameItem(item, old):
		*item = *old
	default:
		item.Audit = item.Touched(im.author, im.now)
	}
}
