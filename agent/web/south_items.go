package web

import (
	"cmp"
	"encoding/json"
	"math"
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

func (s *Server) listItems(r *http.Request) ([]connectors.ItemView, error) {
	south, err := s.views.South(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.views.ItemViews(south.ID, south.Items)
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
	if group == "" && order == "" {
		return s.views.SearchItems(southID, filter, number, pageSize)
	}
	all, err := s.chosenItems(southID, filter, group)
	if err != nil {
		return nil, 0, err
	}
	column, backwards := strings.CutPrefix(order, "-")
	if key := s.sortKey(southID, column); key != nil {
		slices.SortStableFunc(all, func(a, b entity.SouthItem) int {
			if backwards {
				a, b = b, a
			}
			return cmp.Compare(key(&a), key(&b))
		})
	}
	from := min(number*pageSize, len(all))
	return all[from:min(from+pageSize, len(all))], len(all), nil
}

// chosenItems are all items that a filter and a group choose, in a slice of their own.
func (s *Server) chosenItems(southID string, filter connectors.ItemFilter, group string) ([]entity.SouthItem, error) {
	found, _, err := s.views.SearchItems(southID, filter, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(found), func(i entity.SouthItem) bool {
		return group == "none" && i.GroupID != "" || group != "none" && group != "" && i.GroupID != group
	}), nil
}

// sortKey is what items are sorted by in a column, nil for the order of names.
func (s *Server) sortKey(southID, column string) func(*entity.SouthItem) string {
	south, err := s.views.South(southID)
	if err != nil {
		return nil
	}
	groups := map[string]string{}
	for _, g := range south.Groups {
		groups[g.ID] = g.Name
	}
	modes := map[string]string{}
	for _, m := range s.o.Settings.ScanModes() {
		modes[m.ID] = m.Name
	}
	switch column {
	case "name":
		return func(i *entity.SouthItem) string { return i.Name }
	case "enabled":
		return func(i *entity.SouthItem) string { return map[bool]string{true: "0", false: "1"}[i.Enabled] }
	case "group":
		return func(i *entity.SouthItem) string { return groups[i.GroupID] }
	case "scanMode":
		return func(i *entity.SouthItem) string { return modes[south.EffectiveScanMode(i)] }
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
	items, err := s.chosenItems(r.PathValue("id"), filter, q.text("groupId"))
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].ID
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
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, view)
	return nil
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
