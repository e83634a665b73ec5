package takeover

import (
	"encoding/json"
	"fmt"
	"time"

	"oibus/agent/command"
)

// Tracked is how far a unit of a south, or of a history query, was read.
type Tracked struct {
	Owner, Item, Group string // Item or Group; both of a row of before 3.9 that a group shared
	QueryTime          string
	Instant            time.Time // zero when nothing is tracked
	Value              json.RawMessage
}

// ofCommand are the columns of a command that go back to the cloud as they came, by their names there.
var ofCommand = map[string]string{
	"south_connector_id": "southConnectorId", "north_connector_id": "northConnectorId", "scan_mode_id": "scanModeId", "certificate_id": "certificateId", "ip_filter_id": "ipFilterId",
	"history_id": "historyQueryId", "item_id": "itemId", "transformer_id": "transformerId",
}

// commands brings over those that the cloud does not know the end of. One that runs was interrupted.
func (r *reader) commands() {
	r.each("commands", func(e row) {
		if e.flag("ack") {
			return
		}
		c := command.Stored{
			ID: e.text("id"), Type: e.text("type"), TargetVersion: e.optional("target_version"), Status: e.text("status"), CreatedAt: e.text("created_at"), RetrievedDate: e.text("retrieved_date"),
			CompletedDate: e.optional("completed_date"), Result: e.optional("result"), Fields: map[string]json.RawMessage{},
		}
		for column, name := range ofCommand {
			if id := e.text(column); id != "" {
				c.Fields[name], _ = json.Marshal(id) // a string
			}
		}
		if e.text("command_content") != "" {
			content, err := e.document("command_content")
			r.fail(err)
			c.Sealed, err = r.seal(string(content)) // it may hold secrets in clear
			r.fail(err)
		}
		c.Seq = uint64(len(r.site.Commands) + 1)
		r.site.Commands = append(r.site.Commands, c)
	})
}

// tracked reads the table of what was read. Before 3.9 there was one for each connector.
func (r *reader) tracked() {
	db := r.source.track
	if db == nil {
		return
	}
	tables, err := r.source.rows(r.ctx, db, "sqlite_master", "")
	r.fail(err)
	for _, t := range tables {
		name := t.text("name")
		owner := ""
		switch {
		case t.text("type") != "table" || len(name) < len(trackTable) || name[:len(trackTable)] != trackTable:
			continue
		case name != trackTable:
			owner = name[len(trackTable)+1:]
		}
		r.eachOf(db, name, func(e row) { r.track(e, owner) })
	}
}

const trackTable = "south_item_cache"

func (r *reader) track(e row, owner string) {
	t := Tracked{Owner: e.text("south_id"), Item: e.text("item_id"), Group: e.text("group_id"), QueryTime: e.text("query_time")}
	if owner != "" {
		t.Owner = owner
	}
	if text := e.text("tracked_instant"); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			r.site.change(fmt.Sprintf("%q is no instant", text), "what was tracked of the item %q is forgotten", t.Item)
		}
		t.Instant = at
	}
	if text := e.text("value"); json.Valid([]byte(text)) {
		t.Value = json.RawMessage(text)
	}
	if t.Owner != "" && (t.Item != "" || t.Group != "") {
		r.site.Tracked = append(r.site.Tracked, t)
	}
}

// sentFiles are the files that an item has sent and left where they are, with their times; nil when the value is not such
// a list.
func sentFiles(value json.RawMessage) map[string]json.RawMessage {
	var list []struct {
		Filename string          `json:"filename"`
		Modified json.RawMessage `json:"modifiedTime"`
	}
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	files := map[string]json.RawMessage{}
	for _, f := range list {
		if f.Filename != "" && len(f.Modified) > 0 {
			files[f.Filename] = f.Modified
		}
	}
	return files
}

// scanners are the types of souths that remember files.
var scanners = map[string]bool{"folder-scanner": true, "ftp": true, "sftp": true}

// typeOf is the type of the south, or of the south of the history query, with that id.
func (s *Site) typeOf(owner string) string {
	for i := range s.Souths {
		if s.Souths[i].ID == owner {
			return s.Souths[i].Type
		}
	}
	for i := range s.Histories {
		if s.Histories[i].ID == owner {
			return s.Histories[i].South.Type
		}
	}
	return ""
}

func (s *Site) isHistory(owner string) bool {
	for i := range s.Histories {
		if s.Histories[i].ID == owner {
			return true
		}
	}
	return false
}
