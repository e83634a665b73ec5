package web

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/launcher/diagnostics"
)

// shownItems is how many items of a connector the diagnostics show.
const shownItems = 1000

// diagnostics answers with the archive for who helps: everything that is known here without secrets.
func (s *Server) diagnostics(w http.ResponseWriter, r *http.Request) error {
	now := s.o.Now()
	name := "oibus-diagnostics-" + plainName(s.o.Settings.Engine().Settings.General.Name) + "-" + now.UTC().Format("20060102-150405") + ".zip"
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	parts := append(s.settingsParts(), s.stateParts()...)
	if s.o.Diagnostics != nil {
		parts = append(parts, s.o.Diagnostics(r.Context())...)
	}
	s.log.Info("the diagnostics were downloaded", "user", author(r))
	err := diagnostics.Write(&steady{ResponseWriter: w, control: http.NewResponseController(w)}, now, parts)
	if err != nil {
		panic(http.ErrAbortHandler) // half an archive must not look like a whole one
	}
	return nil
}

// plainName is what of a name can stand in the name of a file anywhere.
func plainName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '-'
	}, name)
	return name[:min(len(name), 40)]
}

// shown is a part whose value cannot fail.
func shown(name string, value func() any) diagnostics.Part {
	return diagnostics.JSON(name, func() (any, error) { return value(), nil })
}

// settingsParts are the settings as the REST API shows them, which is without secrets; of people only the login, and of
// custom code only its size: both may hold what is nobody else's business.
func (s *Server) settingsParts() []diagnostics.Part {
	o := s.o.Settings
	parts := []diagnostics.Part{
		shown("settings/engine.json", func() any { return s.engineDTO(o.Engine()) }),
		shown("settings/scan-modes.json", func() any { return each(o.ScanModes(), s.scanModeDTO) }),
		shown("settings/ip-filters.json", func() any { return each(o.IPFilters(), s.ipFilterDTO) }),
		shown("settings/certificates.json", func() any { return each(o.Certificates(), s.certificateDTO) }),
		shown("settings/registration.json", func() any { return s.o.Registered(func(id string) any { return s.who(id) }) }),
		shown("settings/users.json", func() any { return each(o.Users(), userSummary) }),
	}
	if s.o.Connectors == nil {
		return parts
	}
	if s.o.Transformers != nil {
		parts = append(parts, shown("settings/transformers.json", func() any { return each(s.o.Transformers.All(), transformerSummary) }))
	}
	for _, c := range s.views.LightSouths() {
		parts = append(parts, diagnostics.JSON("settings/souths/"+c.ID+".json", func() (any, error) { return s.southSummary(c.ID) }))
	}
	for _, c := range s.views.LightNorths() {
		parts = append(parts, diagnostics.JSON("settings/norths/"+c.ID+".json", func() (any, error) { return s.views.NorthView(c.ID) }))
	}
	if s.o.Histories != nil {
		for _, q := range s.o.Histories.Queries() {
			parts = append(parts, diagnostics.JSON("settings/history-queries/"+q.ID+".json", func() (any, error) {
				items := len(q.South.Items)
				q.South.Items = q.South.Items[:min(items, shownItems)]
				view, err := s.views.HistoryView(q)
				return map[string]any{"historyQuery": view, "numberOfItems": items}, err
			}))
		}
	}
	return parts
}

func userSummary(u entity.User) any {
	return map[string]any{"id": u.ID, "login": u.Login, "language": u.Language, "timezone": u.Timezone}
}

// southSummary is a South with its first items.
func (s *Server) southSummary(id string) (any, error) {
	head, err := s.views.SouthHead(id)
	if err != nil {
		return nil, err
	}
	items, total, err := s.o.Connectors.SearchItems(id, connectors.ItemFilter{}, 0, shownItems)
	if err != nil {
		return nil, err
	}
	head.Items, err = s.views.ItemViews(id, items)
	return map[string]any{"south": head, "numberOfItems": total}, err
}

// stateParts are how everything does at the moment.
func (s *Server) stateParts() []diagnostics.Part {
	parts := []diagnostics.Part{
		shown("state/info.json", func() any { return s.o.Info() }),
		shown("state/engine-metrics.json", s.engineMetrics),
		shown("state/commands.json", func() any { return commandsSummary(s.o.Commands.Search(CommandQuery{})) }),
	}
	if s.o.Health != nil {
		parts = append(parts, shown("state/health.json", func() any { return fmt.Sprint(s.o.Health()) }))
	}
	if s.o.Prometheus != nil {
		parts = append(parts, diagnostics.Part{Name: "state/metrics.txt", Write: s.o.Prometheus})
	}
	if s.o.Connectors != nil {
		parts = append(parts, shown("state/connectors.json", func() any { return s.connectorRows() }))
	}
	if s.o.Histories != nil {
		parts = append(parts, diagnostics.JSON("state/history-queries.json", func() (any, error) { return s.historyRows(nil) }))
	}
	return parts
}

// Diagnostics are further parts of the archive, about the machine and the process.
type Diagnostics func(ctx context.Context) []diagnostics.Part

// keysOf are some keys of a value that is shown as an object.
func keysOf(v any, keys ...string) map[string]any {
	var all map[string]any
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	some := map[string]any{}
	for _, key := range keys {
		if value, ok := all[key]; ok {
			some[key] = value
		}
	}
	return some
}

// commandsSummary tells of the newest commands, without what they were to do: that is full of settings. Of the results
// only what went wrong is told, for others are contents.
func commandsSummary(page any) any {
	list, _ := keysOf(page, "content")["content"].([]any)
	return each(list, func(c any) any {
		some := keysOf(c, "id", "type", "status", "ack", "targetVersion", "retrievedDate", "completedDate", "result")
		if some["status"] != "ERRORED" {
			delete(some, "result")
		}
		return some
	})
}

func transformerSummary(t any) any {
	some := keysOf(t, "id", "type", "functionName", "name", "description", "inputType", "outputType", "language", "timeout", "createdAt", "updatedAt")
	if code, ok := keysOf(t, "customCode")["customCode"].(string); ok {
		some["customCodeBytes"] = len(code)
	}
	return some
}
