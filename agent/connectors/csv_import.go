package connectors

import (
	"errors"
	"fmt"
	"strconv"
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
	settings, err := im.settingsOf(row, name, item.Settings)
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
	case !sameItem(item, old):
		item.Audit = item.Touched(im.author, im.now)
	}
}

// schedule finds the scan mode of a row. An item needs one unless it has a group.
func (im *importer) schedule(item *entity.SouthItem, row []string, name string) error {
	mode, has := im.cell(row, columnScanMode)
	group, _ := im.cell(row, columnGroup)
	if has {
		item.ScanModeID = ""
	}
	if mode != "" {
		known, ok := im.modes.names[mode]
		if !ok {
			return entity.Invalid("Scan mode %s not found for item %s", quoted(mode), quoted(name))
		}
		item.ScanModeID = known.ID
	}
	if item.ScanModeID == "" && group == "" && item.GroupID == "" {
		return im.noScanMode(name)
	}
	return nil
}

func (im *importer) noScanMode(name string) error {
	return entity.Invalid("Scan mode not specified for item %s", quoted(name))
}

// joinGroup puts an item into the group of its row, which is made like its first item when there is none of that name.
func (im *importer) joinGroup(item *entity.SouthItem, row []string, name string) error {
	if cell, has := im.cell(row, columnSync); has || item.ID == "" {
		item.SyncWithGroup = isTrue(cell)
	}
	group, has := im.cell(row, columnGroup)
	switch {
	case !has && item.GroupID != "": // stays where it is
	case group == "":
		item.GroupID, item.SyncWithGroup = "", false
		if item.ScanModeID == "" {
			return im.noScanMode(name)
		}
	default:
		at, ok := im.groups.names[group]
		if !ok {
			if item.ScanModeID == "" {
				return im.noScanMode(name)
			}
			im.groups.put(group, entity.SouthGroup{Audit: im.fresh(group), Name: group, ScanModeID: item.ScanModeID, History: item.History})
			at = im.groups.names[group]
		}
		item.GroupID = im.groups.list[at].ID
	}
	if item.SyncWithGroup {
		item.History = entity.History{}
	}
	return nil
}

// history reads the timing of a row.
func (im *importer) history(item *entity.SouthItem, row []string) error {
	overlap, err := im.timing(row, columnOverlap, nil, true)
	if err != nil {
		return err
	}
	_, hasOverlap := im.places[columnOverlap]
	_, hasStart := im.places[columnStart]
	keep := im.unset || item.ID != ""
	h := &item.History
	if h.MaxReadInterval, err = im.timing(row, columnMaxRead, h.MaxReadInterval, keep); err != nil {
		return err
	}
	if h.ReadDelay, err = im.timing(row, columnDelay, h.ReadDelay, keep); err != nil {
		return err
	}
	switch {
	case hasOverlap && (!hasStart || im.service.released()):
		*h = im.overlap(*h, overlap)
		return nil
	case im.service.released() && keep:
		return nil
	case im.service.released():
		*h = im.overlap(*h, new(float64))
		return nil
	}
	if h.StartTimeOffset, err = im.timing(row, columnStart, h.StartTimeOffset, keep); err != nil {
		return err
	}
	if h.EndTimeOffset, err = im.timing(row, columnEnd, h.EndTimeOffset, keep); err != nil {
		return err
	}
	return im.strategy(h, row, keep)
}

func (im *importer) strategy(h *entity.History, row []string, keep bool) error {
	cell, has := im.cell(row, columnStrategy)
	if !has && keep {
		return nil
	}
	if cell == "" {
		cell = entity.Oldest
	}
	if cell != entity.Oldest && cell != entity.Newest {
		return entity.Invalid("%q must be one of [%s, %s]", columnStrategy, entity.Oldest, entity.Newest)
	}
	h.RecoveryStrategy = &cell
	return nil
}

// timing reads one timing value. An empty cell is 0, and so is a missing column unless before is to be kept.
func (im *importer) timing(row []string, column string, before *float64, keep bool) (*float64, error) {
	cell, has := im.cell(row, column)
	if !has && keep {
		return before, nil
	}
	if cell = strings.TrimSpace(cell); cell == "" {
		return new(float64), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	switch {
	case err != nil || v != v:
		return nil, entity.Invalid("%q must be a number", column)
	case v < minTiming:
		return nil, entity.Invalid("%q must be greater than or equal to %d", column, minTiming)
	case v > maxTiming:
		return nil, entity.Invalid("%q must be less than or equal to %d", column, maxTiming)
	}
	return &v, nil
}

// ImportCSV puts the items of a table into a South, all or none, and returns how many there were and the name of the
// South. With replace, items that are not in the table are deleted, and those that are keep their id and whatever the
// table has no column for: how far they were read and the links to them stay (in the reference they are lost).
// Without it an item whose name is taken is refused.
func (s *Service) ImportCSV(author, southID, text, delimiter string, replace bool) (count int, name string, err error) {
	err = s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		im, rows, err := c.newImporter(text, delimiter, next, replace)
		if err != nil {
			return err
		}
		im.unset = true
		items, wrong, err := im.items(rows)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			return rowErrors(wrong)
		}
		count, name = len(items), next.Name
		if !replace {
			items = append(append(make([]entity.SouthItem, 0, len(items)+len(next.Items)), next.Items...), items...)
		}
		sortItems(items)
		next.Items, next.Groups = items, im.groups.sorted()
		return nil
	})
	return count, name, err
}

// rowErrors is the text of a command that failed because of rows.
func rowErrors(wrong []RowError) error {
	const enough = 500 // the text goes over the wire
	var b strings.Builder
	b.WriteString("Error when checking csv items:")
	for i, w := range wrong {
		if i == enough {
			fmt.Fprintf(&b, "\n%d more rows cannot be imported", len(wrong)-enough)
			break
		}
		fmt.Fprintf(&b, "\n%s: %s", w.Name, w.Error)
	}
	return &entity.InvalidError{Text: b.String()}
}
