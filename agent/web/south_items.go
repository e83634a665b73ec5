package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

var (
	timingParts = slices.Concat(
		shape.May(shape.KindNumber, "maxReadInterval", "readDelay", "startTimeOffset", "endTimeOffset", "overlap"), shape.May(shape.KindText, "recoveryStrategy"))
	// itemParts are the keys of a SouthConnectorItemCommandDTO, of both dialects.
	itemParts = slices.Concat(
		shape.Must(shape.KindText, "name"), shape.Must(shape.KindBool, "enabled"), shape.Must(shape.KindObject, "settings"),
		shape.May(shape.KindText, "id", "scanModeId", "scanModeName", "groupId", "groupName"), shape.May(shape.KindBool, "syncWithGroup"), timingParts)
	itemIDsForm = shape.Object(shape.Key("itemIds", shape.List(shape.Text)))
	moveForm    = shape.Object(shape.Key("groupId", shape.OrNull(shape.Text)), shape.Key("itemIds", shape.List(shape.Text)))
)

func (s *Server) listItems(r *http.Request) (connectors.Stream, error) {
	return s.views.ItemsStream(r.PathValue("id"))
}

func (s *Server) findItemOfSouth(r *http.Request) (connectors.ItemView, error) {
	item, err := s.views.Item(r.PathValue("id"), r.PathValue("itemId"))
	if err != nil {
		return connectors.ItemView{}, err
	}
	return s.itemView(r.PathValue("id"), item)
}

func (s *Server) itemView(southID string, item entity.SouthItem) (connectors.ItemView, error) {
	views, err := s.views.ItemViews(southID, []entity.SouthItem{item})
	if err != nil {
		return connectors.ItemView{}, err
	}
	return views[0], nil
}

// searchItems finds a page of items. The page of the product also sorts them by a column ("-" before it turns the order
// round) and narrows them to a group ("none" for those without).
func (s *Server) searchItems(r *http.Request) (page, error) {
	q := queryOf(r)
	filter := connectors.ItemFilter{Name: q.text("name"), ScanModeID: q.text("scanModeId"), Enabled: q.truth("enabled")}
	number := q.page()
	if err := q.err(); err != nil {
		return page{}, err
	}
	id := r.PathValue("id")
	items, total, err := s.foundItems(id, filter, q.text("groupId"), q.text("sort"), number)
	if err != nil {
		return page{}, err
	}
	views, err := s.views.ItemViews(id, items)
	return page{views, total, pageSize, number, (total + pageSize - 1) / pageSize}, err
}

func (s *Server) foundItems(southID string, filter connectors.ItemFilter, group, order string, number int) (items []entity.SouthItem, total int, err error) {
	if group == "" && (order == "" || order == "name") { // items are kept in the order of their names
		return s.views.SearchItems(southID, filter, number, pageSize)
	}
	south, chosen, err := s.chosenItems(southID, filter, group)
	if err != nil {
		return nil, 0, err
	}
	column, backwards := strings.CutPrefix(order, "-")
	if key := s.sortKey(&south, column); key != nil {
		chosen = byKey(chosen, backwards, func(i int) string { return key(&south.Items[i]) })
	}
	from := min(number*pageSize, len(chosen))
	for _, i := range chosen[from:min(from+pageSize, len(chosen))] {
		items = append(items, south.Items[i])
	}
	return items, len(chosen), nil
}

// byKey orders what is chosen by key, backwards if wanted; what is alike stays in its order. Of 100,000 items very many are
// alike, whatever the column: only the keys are sorted.
func byKey(chosen []int, backwards bool, key func(int) string) []int {
	alike := map[string][]int{}
	for _, i := range chosen {
		k := key(i)
		alike[k] = append(alike[k], i)
	}
	keys := slices.Sorted(maps.Keys(alike))
	if backwards {
		slices.Reverse(keys)
	}
	ordered := make([]int, 0, len(chosen))
	for _, k := range keys {
		ordered = append(ordered, alike[k]...)
	}
	return ordered
}

// chosenItems are all items that a filter and a group choose, as places in their South.
func (s *Server) chosenItems(southID string, filter connectors.ItemFilter, group string) (entity.South, []int, error) {
	south, chosen, err := s.views.ChooseItems(southID, filter)
	if err != nil || group == "" {
		return south, chosen, err
	}
	if group == "none" {
		group = ""
	}
	return south, slices.DeleteFunc(chosen, func(i int) bool { return south.Items[i].GroupID != group }), nil
}

// sortKey is what items are sorted by in a column, nil for the order of names.
func (s *Server) sortKey(south *entity.South, column string) func(*entity.SouthItem) string {
	switch column {
	case "name":
		return func(i *entity.SouthItem) string { return i.Name }
	case "enabled":
		return func(i *entity.SouthItem) string {
			if i.Enabled {
				return "0"
			}
			return "1"
		}
	case "group":
		names := map[string]string{}
		for _, g := range south.Groups {
			names[g.ID] = g.Name
		}
		return func(i *entity.SouthItem) string { return names[i.GroupID] }
	case "scanMode":
		names := map[string]string{}
		for _, m := range s.o.Settings.ScanModes() {
			names[m.ID] = m.Name
		}
		return func(i *entity.SouthItem) string { return names[south.EffectiveScanMode(i)] }
	case "updatedAt":
		return func(i *entity.SouthItem) string { return i.UpdatedAt }
	}
	return nil
}

// itemIDs are the ids of all items that a search chooses: what the page needs to change all of them at once.
func (s *Server) itemIDs(r *http.Request) ([]string, error) {
	q := queryOf(r)
	filter := connectors.ItemFilter{Name: q.text("name"), ScanModeID: q.text("scanModeId"), Enabled: q.truth("enabled")}
	if err := q.err(); err != nil {
		return nil, err
	}
	south, chosen, err := s.chosenItems(r.PathValue("id"), filter, q.text("groupId"))
	ids := make([]string, len(chosen))
	for n, i := range chosen {
		ids[n] = south.Items[i].ID
	}
	return ids, err
}

func (s *Server) createItem(w http.ResponseWriter, r *http.Request) error {
	content, err := top(r, itemParts)
	if err != nil {
		return err
	}
	item, err := s.o.Connectors.CreateItem(author(r), r.PathValue("id"), content)
	if err != nil {
		return err
	}
	view, err := s.itemView(r.PathValue("id"), item)
	return created(w, view, err)
}

func (s *Server) updateItem(r *http.Request, content json.RawMessage) error {
	return s.o.Connectors.UpdateItem(author(r), r.PathValue("id"), r.PathValue("itemId"), content)
}

func (s *Server) deleteItem(r *http.Request) error {
	return s.o.Connectors.DeleteItems(author(r), r.PathValue("id"), []string{r.PathValue("itemId")})
}

func (s *Server) deleteAllItems(r *http.Request) error {
	return s.o.Connectors.DeleteAllItems(author(r), r.PathValue("id"))
}

func (s *Server) enableItem(enabled bool) handle {
	return act(func(r *http.Request) error {
		return s.o.Connectors.EnableItems(author(r), r.PathValue("id"), []string{r.PathValue("itemId")}, enabled)
	})
}

// chosen is a body that names items.
type chosen struct {
	ItemIDs []string `json:"itemIds"`
	GroupID *string  `json:"groupId"`
}

// changeItems serves an operation on the items that its body names.
func changeItems(form shape.Shape, f func(r *http.Request, c chosen) error) handle {
	return change(form, func(r *http.Request, content json.RawMessage) error {
		var c chosen
		if err := json.Unmarshal(content, &c); err != nil {
			return err
		}
		return f(r, c)
	})
}

func (s *Server) enableItems(enabled bool) handle {
	return changeItems(itemIDsForm, func(r *http.Request, c chosen) error {
		return s.o.Connectors.EnableItems(author(r), r.PathValue("id"), c.ItemIDs, enabled)
	})
}

func (s *Server) deleteItems(r *http.Request, c chosen) error {
	return s.o.Connectors.DeleteItems(author(r), r.PathValue("id"), c.ItemIDs)
}

func (s *Server) moveItems(r *http.Request, c chosen) error {
	return s.o.Connectors.MoveItems(author(r), r.PathValue("id"), c.ItemIDs, c.GroupID)
}

func (s *Server) lastValue(r *http.Request) (any, error) {
	return s.o.Engine.LastValue(r.PathValue("id"), r.PathValue("itemId"))
}
