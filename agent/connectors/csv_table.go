package connectors

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"oibus/agent/connectors/sheet"
	"oibus/agent/entity"
)

// Table is a text whose rows are items. It is read more strictly than the reference reads one: a boolean has to be one, and
// every row that cannot be used is told with its line.
type Table struct {
	Text, Delimiter string
	Update          bool // items whose name the table has are replaced, and keep their id; else such a row is refused
	Delete          bool // items that the table does not have are deleted, the others replaced
}

// Preview is what would become of a table.
type Preview struct {
	Counts
	First   entity.South // with the first items as they would be; those that are new have no id
	Gone    []string     // the names of the first items that would be deleted
	Errors  []RowError   // of the first rows that cannot be used
	Refused int          // how many cannot be used
}

// check refuses what is no table of items at all, for which the errors of its rows would say nothing.
func (t Table) check() error {
	switch {
	case strings.TrimSpace(strings.TrimPrefix(t.Text, "\ufeff")) == "":
		return entity.Invalid("The file is empty")
	case strings.IndexByte(t.Text, 0) >= 0 || !utf8.ValidString(t.Text):
		return entity.Invalid("The file is not a table of text in UTF-8: save it as %q", "CSV UTF-8")
	}
	return nil
}

// checkHeader refuses a table without names or without rows.
func (t Table) checkHeader(im *importer) error {
	if _, has := im.places[columnName]; !has {
		text := fmt.Sprintf("The table has no column %s: is the delimiter %s right?", quoted(columnName), quoted(shownDelimiter(t.Delimiter)))
		if guess := sheet.Guess(t.Text); guess != t.Delimiter {
			text += fmt.Sprintf(" Its first line rather looks like %s", quoted(shownDelimiter(guess)))
		}
		return &entity.InvalidError{Text: text}
	}
	if strings.TrimSpace(im.table.Rest()) == "" {
		return entity.Invalid("The table has no items: there is nothing below its column names")
	}
	return nil
}

func shownDelimiter(delimiter string) string {
	if delimiter == "\t" {
		return "tab"
	}
	return delimiter
}

// tableImporter reads the header of a table for a South, or the items of a history query.
func (c *southChange) tableImporter(t Table, south *entity.South, told int) (*importer, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	im, err := c.newImporter(t.Text, t.Delimiter, south, t.Update || t.Delete)
	if err != nil {
		return nil, err
	}
	im.unset, im.strict, im.told = true, true, told
	return im, t.checkHeader(im)
}

// importTable puts the items of a table into a South, all or none.
func (c *southChange) importTable(t Table, next *entity.South) (Counts, error) {
	im, err := c.tableImporter(t, next, toldErrors)
	if err != nil {
		return Counts{}, err
	}
	items, err := im.all()
	if err != nil {
		return Counts{}, err
	}
	left := im.remaining(next.Items)
	if t.Delete {
		im.counts.Deleted = len(left)
	} else {
		items = append(items, left...)
	}
	sortItems(items)
	next.Items, next.Groups = items, im.groups.sorted()
	return im.counts, nil
}

// preview says what importTable would do, and shows the first few of each.
func (c *southChange) preview(t Table, south entity.South, items, told int) (Preview, error) {
	im, err := c.tableImporter(t, &south, told)
	if err != nil {
		return Preview{}, err
	}
	made := 0
	im.fresh = func(string) entity.Audit {
		made++
		return entity.Audit{ID: fmt.Sprintf("temp_%d", made)}
	}
	var first []entity.SouthItem
	if err := im.each(func(item entity.SouthItem) {
		if len(first) < items {
			if im.old[item.Name] == nil {
				item.ID = ""
			}
			first = append(first, item)
		}
	}); err != nil {
		return Preview{}, err
	}
	p := Preview{First: south, Errors: im.wrong, Refused: im.refused}
	if t.Delete {
		left := im.remaining(south.Items)
		im.counts.Deleted = len(left)
		for _, item := range left[:min(items, len(left))] {
			p.Gone = append(p.Gone, item.Name)
		}
	}
	p.Counts, p.First.Items, p.First.Groups = im.counts, first, im.groups.sorted()
	return p, nil
}

// PreviewTable says what ImportTable would do with a table, and shows at most that many items and errors.
func (s *Service) PreviewTable(southID string, t Table, items, errors int) (Preview, error) {
	south, err := s.South(southID)
	if err != nil {
		return Preview{}, err
	}
	c, err := s.southChange("", south.Type, south)
	if err != nil {
		return Preview{}, err
	}
	return c.preview(t, south, items, errors)
}

// ImportTable puts the items of a table into a South, all or none.
func (s *Service) ImportTable(author, southID string, t Table) (counts Counts, err error) {
	err = s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		counts, err = c.importTable(t, next)
		return err
	})
	return counts, err
}

// ImportTable puts the items of a table among those of a history query, all or none.
func (h *HistoryItems) ImportTable(t Table) ([]entity.SouthItem, Counts, error) {
	south := entity.South{Items: h.items}
	counts, err := h.c.importTable(t, &south)
	return south.Items, counts, err
}

// PreviewHistoryTable says what ImportTable would do to the items of a history query.
func (s *Service) PreviewHistoryTable(q entity.HistoryQuery, t Table, items, errors int) (Preview, error) {
	h, err := s.HistoryItems("", q.South.Type, q.South.Items)
	if err != nil {
		return Preview{}, err
	}
	return h.c.preview(t, entity.South{Connector: entity.Connector{Type: q.South.Type}, Items: q.South.Items}, items, errors)
}
