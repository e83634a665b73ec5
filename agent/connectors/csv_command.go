package connectors

import (
	"fmt"
	"strings"

	"oibus/agent/entity"
)

// ImportCSV puts the items of a table into a South, all or none, and returns how many there were and the name of the
// South. With replace, items that are not in the table are deleted, and those that are keep their id and whatever the
// table has no column for: how far they were read and the links to them stay (in the reference they are lost).
// Without it an item whose name is taken is refused.
func (s *Service) ImportCSV(author, southID, text, delimiter string, replace bool) (count int, name string, err error) {
	err = s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		im, err := c.newImporter(text, delimiter, next, replace)
		if err != nil {
			return err
		}
		im.unset, im.told = true, toldErrors
		items, err := im.all()
		if err != nil {
			return err
		}
		count, name = len(items), next.Name
		if !replace {
			items = append(items, next.Items...)
		}
		sortItems(items)
		next.Items, next.Groups = items, im.groups.sorted()
		return nil
	})
	return count, name, err
}

// toldErrors is how many rows that cannot be used are told: the text goes over the wire.
const toldErrors = 500

// all makes the items of all rows, or fails when one of them cannot be used.
func (im *importer) all() ([]entity.SouthItem, error) {
	items, _, err := im.items()
	if err != nil {
		return nil, err
	}
	if im.refused > 0 {
		return nil, im.rowErrors()
	}
	return items, nil
}

// rowErrors is the text of a command that failed because of rows.
func (im *importer) rowErrors() error {
	var b strings.Builder
	b.WriteString("Error when checking csv items:")
	for _, w := range im.wrong {
		if im.strict {
			fmt.Fprintf(&b, "\nline %d: %s: %s", w.Line, w.Name, w.Error)
		} else {
			fmt.Fprintf(&b, "\n%s: %s", w.Name, w.Error)
		}
	}
	if more := im.refused - len(im.wrong); more > 0 {
		fmt.Fprintf(&b, "\n%d more rows cannot be imported", more)
	}
	return &entity.InvalidError{Text: b.String()}
}
