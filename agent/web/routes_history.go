package web

import "oibus/agent/web/access"

// historyTable is the part of the table that is about history queries. What stops a query that runs takes as long as its
// connectors do.
func (s *Server) historyTable() []operation {
	const api, stream = access.API, access.Stream
	const one = "/api/history/{id}"
	return []operation{
		{"GET", "/api/history", api, show(s.listHistories), false},
		{"POST", "/api/history", api, s.createHistory, false},
		{"GET", one, api, show(s.findHistory), false},
		{"PUT", one, api, slow(s.updateHistory), false},
		{"DELETE", one, api, slow(act(s.deleteHistory)), false},
		{"POST", one + "/start", api, slow(act(s.startHistory)), false},
		{"POST", one + "/pause", api, slow(act(s.pauseHistory)), false},
		{"POST", one + "/test/north", api, slow(show(s.testHistoryNorth)), false},
		{"POST", one + "/test/south", api, slow(show(s.testHistorySouth)), false},
		{"POST", one + "/test/items", api, slow(show(s.testHistoryItem)), false},
		{"GET", one + "/items/list", api, slow(show(s.listHistoryItems)), false},
		{"GET", one + "/items/search", api, show(s.searchHistoryItems), false},
		{"GET", one + "/items/ids", api, slow(show(s.historyItemIDs)), false}, // ours
		{"GET", one + "/items/{itemId}", api, show(s.findHistoryItem), false},
		{"PUT", one + "/items/{itemId}", api, slow(changeTop(historyItemParts, s.updateHistoryItem)), false},
		{"DELETE", one + "/items/{itemId}", api, slow(act(s.deleteHistoryItem)), false},
		{"POST", one + "/items", api, slow(s.createHistoryItem), false},
		{"DELETE", one + "/items", api, slow(act(s.deleteAllHistoryItems)), false},
		{"POST", one + "/items/{itemId}/enable", api, slow(s.enableHistoryItem(true)), false},
		{"POST", one + "/items/{itemId}/disable", api, slow(s.enableHistoryItem(false)), false},
		{"POST", one + "/items/enable", api, slow(s.enableHistoryItems(true)), false},
		{"POST", one + "/items/disable", api, slow(s.enableHistoryItems(false)), false},
		{"POST", one + "/items/delete", api, slow(change(massDeleteForm, s.deleteHistoryItems)), false},
		{"POST", one + "/items/to-csv", api, slow(toCSV(s.o.Connectors.HistoryItemsToCSV)), false}, // id is a type
		{"POST", one + "/items/export", api, slow(exporting(s.o.Histories.ExportCSV)), false},
		{"POST", one + "/items/import/check", api, slow(show(s.checkHistoryImport)), false}, // id is a type
		{"POST", one + "/items/import", api, slow(act(s.importHistoryItems)), false},
		{"POST", one + "/items/import/preview", api, slow(show(s.previewHistoryImport)), false}, // ours
		{"POST", one + "/items/import/table", api, slow(show(s.importHistoryTable)), false},     // ours
		{"POST", one + "/transformers", api, slow(changeTop(historyLinkParts, s.saveHistoryLink)), false},
		{"DELETE", one + "/transformers/{linkId}", api, slow(act(s.deleteHistoryLink)), false},
		{"GET", one + "/cache/search", api, slow(show(s.searchHistoryCache)), false},
		{"GET", one + "/cache/names", api, slow(show(s.historyCacheNames)), false}, // ours
		{"GET", one + "/cache/content/{filename}", api, show(s.historyCacheFile), false},
		{"GET", one + "/cache/content/{filename}/download", api, s.downloadHistoryCacheFile, false}, // ours
		{"DELETE", one + "/cache/update", api, slow(change(cacheUpdateForm, s.updateHistoryCache)), false},
		{"POST", one + "/cache/update", api, slow(change(cacheUpdateForm, s.updateHistoryCache)), false}, // ours: a body on DELETE may get lost

		{"GET", one + "/state", api, show(s.historyState), false},        // ours
		{"GET", "/api/history-states", api, show(s.historyRows), false},  // ours: the list with states and metrics
		{"GET", "/sse/history-states", stream, s.streamHistories, false}, // ours
		{"GET", "/sse/history-queries/{id}", stream, s.streamConnector(s.o.Histories.Metrics), false},
	}
}
