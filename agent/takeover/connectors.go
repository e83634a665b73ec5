package takeover

import (
	"errors"
	"fmt"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

func (r *reader) souths() {
	groups, memberOf := map[string][]entity.SouthGroup{}, map[string]string{}
	r.each("south_item_groups", func(e row) {
		groups[e.text("south_id")] = append(groups[e.text("south_id")], entity.SouthGroup{Audit: e.audit(), Name: e.text("name"), ScanModeID: e.text("scan_mode_id"), History: pastOf(e)})
	})
	r.each("group_items", func(e row) { memberOf[e.text("item_id")] = e.text("group_id") })
	at, forms := map[string]int{}, map[string]manifest.South{}
	r.each("south_connectors", func(e row) {
		south := entity.South{Connector: connector(e), Groups: groups[e.text("id")]}
		form, known := manifest.FindSouth(manifest.N, south.Type)
		south.Settings = r.settings(e, "settings", form.Settings, known, fmt.Sprintf("the south %q", south.Name))
		if err := r.runs.south(south.Type, south.Settings); err != nil && south.Enabled {
			south.Enabled = false
			r.site.change(err.Error(), "the south %q is kept, but disabled", south.Name)
		}
		at[south.ID] = len(r.site.Souths)
		forms[south.ID] = form
		r.site.Souths = append(r.site.Souths, south)
	})
	r.each("south_items", func(e row) {
		i, ok := at[e.text("connector_id")]
		if !ok {
			r.site.change(errGone.Error(), "the item %q is left out", e.text("name"))
			return
		}
		south := &r.site.Souths[i]
		form, known := forms[south.ID], forms[south.ID].ID != ""
		item := entity.SouthItem{Audit: e.audit(), Name: e.text("name"), Enabled: e.flag("enabled"), ScanModeID: e.text("scan_mode_id"), GroupID: memberOf[e.text("id")],
			SyncWithGroup: e.flag("sync_with_group"), History: pastOf(e)}
		item.Settings = r.settings(e, "settings", itemForm(form), known, fmt.Sprintf("the item %q of the south %q", item.Name, south.Name))
		south.Items = append(south.Items, item)
	})
}

// itemForm is the form of the items of a south, an empty one when its type is not known here.
func itemForm(form manifest.South) manifest.Attribute {
	if form.ID == "" {
		return manifest.Attribute{}
	}
	return form.ItemSettings()
}

// pastOf is the history settings of an item or a group. Before 3.9 there was an overlap in place of the offset of the start.
func pastOf(e row) entity.History {
	h := entity.History{MaxReadInterval: e.maybe("max_read_interval"), ReadDelay: e.maybe("read_delay"), StartTimeOffset: e.maybe("start_time_offset"), EndTimeOffset: e.maybe("end_time_offset"),
		RecoveryStrategy: e.optional("recovery_strategy")}
	if overlap := e.maybe("overlap"); h.StartTimeOffset == nil && overlap != nil {
		offset, end, strategy := -*overlap, 0.0, entity.Oldest
		h.StartTimeOffset, h.EndTimeOffset, h.RecoveryStrategy = &offset, &end, &strategy
	}
	return h
}

func caching(e row) entity.Caching {
	return entity.Caching{
		Trigger: entity.CachingTrigger{ScanModeID: e.text("caching_trigger_schedule"), NumberOfElements: e.number("caching_trigger_number_of_elements"), NumberOfFiles: e.number("caching_trigger_number_of_files")},
		Throttling: entity.CachingThrottling{RunMinDelay: e.number("caching_throttling_run_min_delay"), MaxSize: e.number("caching_throttling_cache_max_size"),
			MaxNumberOfElements: e.number("caching_throttling_max_number_of_elements")},
		Error: entity.CachingError{RetryInterval: e.number("caching_error_retry_interval"), RetryCount: e.number("caching_error_retry_count"),
			RetentionDuration: e.number("caching_error_retention_duration")},
		Archive: entity.CachingArchive{Enabled: e.flag("caching_archive_enabled"), RetentionDuration: e.number("caching_archive_retention_duration")},
	}
}

func (r *reader) norths() {
	items := map[string][]string{}
	r.each("north_transformers_items", func(e row) {
		if id := e.text("item_id"); id != "" {
			items[e.text("id")] = append(items[e.text("id")], id)
		}
	})
	links := map[string][]entity.TransformerLink{}
	r.each("north_transformers", func(e row) {
		options, err := e.document("options")
		r.fail(err)
		links[e.text("north_id")] = append(links[e.text("north_id")], entity.TransformerLink{ID: e.text("id"), TransformerID: e.text("transformer_id"), Options: options,
			Source: entity.LinkSource{Type: e.text("source_type"), SouthID: e.text("source_south_south_id"), GroupID: e.text("source_south_group_id"), ItemIDs: items[e.text("id")],
				DataSourceID: e.text("source_api_data_source_id")}})
	})
	r.each("north_connectors", func(e row) {
		north := entity.North{Connector: connector(e), Caching: caching(e), Transformers: links[e.text("id")]}
		form, known := manifest.FindNorth(manifest.N, north.Type)
		north.Settings = r.settings(e, "settings", form.Settings, known, fmt.Sprintf("the north %q", north.Name))
		if err := r.runs.north(north.Type, north.Settings); err != nil && north.Enabled {
			north.Enabled = false
			r.site.change(err.Error(), "the north %q is kept, but disabled", north.Name)
		}
		r.site.Norths = append(r.site.Norths, north)
	})
}

func (r *reader) histories() {
	items, links, linked := map[string][]entity.SouthItem{}, map[string][]entity.TransformerLink{}, map[string][]string{}
	forms := map[string]manifest.South{}
	r.each("history_queries", func(e row) { forms[e.text("id")], _ = manifest.FindSouth(manifest.N, e.text("south_type")) })
	r.each("history_items", func(e row) {
		form := forms[e.text("history_id")]
		item := entity.SouthItem{Audit: e.audit(), Name: e.text("name"), Enabled: e.flag("enabled")}
		item.Settings = r.settings(e, "settings", itemForm(form), form.ID != "", fmt.Sprintf("the item %q of a history query", item.Name))
		items[e.text("history_id")] = append(items[e.text("history_id")], item)
	})
	r.each("history_query_transformers_items", func(e row) { linked[e.text("id")] = append(linked[e.text("id")], e.text("item_id")) })
	r.each("history_query_transformers", func(e row) {
		options, err := e.document("options")
		r.fail(err)
		links[e.text("history_id")] = append(links[e.text("history_id")], entity.TransformerLink{ID: e.text("id"), TransformerID: e.text("transformer_id"), Options: options,
			Source: entity.LinkSource{Type: entity.SourceSouth, ItemIDs: linked[e.text("id")]}})
	})
	r.each("history_queries", func(e row) {
		id, name := e.text("id"), e.text("name")
		q := entity.HistoryQuery{Audit: e.audit(), Name: name, Description: e.text("description"), Status: e.text("status"),
			Range: entity.HistoryRange{Start: e.text("start_time"), End: e.text("end_time"), MaxReadInterval: e.number("throttling_max_read_interval"), ReadDelay: e.number("throttling_read_delay")}}
		q.South.Type, q.South.Items = e.text("south_type"), items[id]
		q.North.Type, q.North.Caching, q.North.Transformers = e.text("north_type"), caching(e), links[id]
		south, southKnown := manifest.FindSouth(manifest.N, q.South.Type)
		north, northKnown := manifest.FindNorth(manifest.N, q.North.Type)
		q.South.Settings = r.settings(e, "south_settings", south.Settings, southKnown, fmt.Sprintf("the history query %q", name))
		q.North.Settings = r.settings(e, "north_settings", north.Settings, northKnown, fmt.Sprintf("the history query %q", name))
		if err := errors.Join(r.runs.south(q.South.Type, q.South.Settings), r.runs.north(q.North.Type, q.North.Settings)); err != nil && q.Status == entity.HistoryRunning {
			q.Status = entity.HistoryPaused
			r.site.change(strings.ReplaceAll(err.Error(), "\n", "; "), "the history query %q is kept, but paused", name)
		}
		q.Compose()
		r.site.Histories = append(r.site.Histories, q)
	})
}
