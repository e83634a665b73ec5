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
