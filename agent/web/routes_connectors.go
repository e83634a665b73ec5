package web

import "oibus/agent/web/access"

// connectorTable is the part of the table that is about Souths and Norths.
func (s *Server) connectorTable() []operation {
	const api, stream = access.API, access.Stream
	return []operation{
		{"GET", "/api/south/types", api, show(s.southTypes), false},
		{"GET", "/api/south/{id}/{part}", api, s.southPart, false}, // manifests/{type} and {id}/groups
		{"GET", "/api/south", api, show(s.listSouths), false},
		{"POST", "/api/south", api, s.createSouth, false},
		{"GET", "/api/south/{id}", api, slow(s.findSouth), false},
		{"PUT", "/api/south/{id}", api, s.updateSouth, false},
		{"DELETE", "/api/south/{id}", api, act(s.deleteSouth), false},
		{"POST", "/api/south/{id}/start", api, s.enableSouth(true), false},
		{"POST", "/api/south/{id}/stop", api, s.enableSouth(false), false},
		{"POST", "/api/south/{id}/metrics/reset", api, act(s.resetSouthMetrics), false},
		{"PUT", "/api/south/{id}/metrics/reset", api, act(s.resetSouthMetrics), false}, // as the reference's own page asks
		{"POST", "/api/south/{id}/test/connection", api, slow(show(s.testSouth)), false},
		{"POST", "/api/south/{id}/items/test", api, slow(show(s.testSouthItem)), false},
		{"GET", "/api/south/{id}/items/list", api, slow(streamed(s.listItems)), false},
		{"GET", "/api/south/{id}/items/search", api, show(s.searchItems), false},
		{"GET", "/api/south/{id}/items/ids", api, show(s.itemIDs), false}, // ours
		{"GET", "/api/south/{id}/items/{itemId}", api, show(s.findItemOfSouth), false},
		{"PUT", "/api/south/{id}/items/{itemId}", api, changeTop(itemParts, s.updateItem), false},
		{"DELETE", "/api/south/{id}/items/{itemId}", api, act(s.deleteItem), false},
		{"GET", "/api/south/{id}/items/{itemId}/last-value", api, show(s.lastValue), false},
		{"POST", "/api/south/{id}/items", api, s.createItem, false},
		{"DELETE", "/api/south/{id}/items", api, act(s.deleteAllItems), false},
		{"POST", "/api/south/{id}/items/{itemId}/enable", api, s.enableItem(true), false},
		{"POST", "/api/south/{id}/items/{itemId}/disable", api, s.enableItem(false), false},
		{"POST", "/api/south/{id}/items/enable", api, s.enableItems(true), false},
		{"POST", "/api/south/{id}/items/disable", api, s.enableItems(false), false},
		{"POST", "/api/south/{id}/items/delete", api, changeItems(itemIDsForm, s.deleteItems), false},
		{"POST", "/api/south/{id}/items/move-to-group", api, changeItems(moveForm, s.moveItems), false},
		{"POST", "/api/south/{id}/items/to-csv", api, slow(toCSV(s.o.Connectors.ItemsToCSV)), false}, // id is a type
		{"POST", "/api/south/{id}/items/export", api, slow(exporting(s.o.Connectors.ExportCSV)), false},
		{"POST", "/api/south/{id}/items/import/check", api, slow(show(s.checkImport)), false}, // id is a type
		{"POST", "/api/south/{id}/items/import", api, slow(act(s.importItems)), false},
		{"POST", "/api/south/{id}/items/import/preview", api, slow(show(s.previewImport)), false}, // ours
		{"POST", "/api/south/{id}/items/import/table", api, slow(show(s.importTable)), false},     // ours
		{"POST", "/api/south/{id}/groups", api, s.createGroup, false},
		{"GET", "/api/south/{id}/groups/{groupId}", api, show(s.findGroupOfSouth), false},
		{"PUT", "/api/south/{id}/groups/{groupId}", api, changeTop(groupParts, s.updateGroup), false},
		{"DELETE", "/api/south/{id}/groups/{groupId}", api, act(s.deleteGroup), false},

		{"GET", "/api/north/types", api, show(s.northTypes), false},
		{"GET", "/api/north/manifests/{type}", api, show(s.northManifest), false},
		{"GET", "/api/north", api, show(s.listNorths), false},
		{"POST", "/api/north", api, s.createNorth, false},
		{"GET", "/api/north/{id}", api, show(s.findNorth), false},
		{"PUT", "/api/north/{id}", api, changeTop(northParts, s.updateNorth), false},
		{"DELETE", "/api/north/{id}", api, act(s.deleteNorth), false},
		{"POST", "/api/north/{id}/start", api, s.enableNorth(true), false},
		{"POST", "/api/north/{id}/stop", api, s.enableNorth(false), false},
		{"POST", "/api/north/{id}/metrics/reset", api, act(s.resetNorthMetrics), false},
		{"POST", "/api/north/{id}/test/connection", api, slow(show(s.testNorth)), false},
		{"POST", "/api/north/{id}/transformers", api, changeTop(linkParts, s.saveLink), false},
		{"DELETE", "/api/north/{id}/transformers/{linkId}", api, act(s.deleteLink), false},
		{"GET", "/api/north/{id}/cache/search", api, slow(show(s.searchCache)), false},
		{"GET", "/api/north/{id}/cache/names", api, slow(show(s.cacheNames)), false}, // ours
		{"GET", "/api/north/{id}/cache/content/{filename}", api, show(s.cacheFile), false},
		{"GET", "/api/north/{id}/cache/content/{filename}/download", api, s.downloadCacheFile, false}, // ours
		{"POST", "/api/north/{id}/cache/update", api, slow(change(cacheUpdateForm, s.updateCache)), false},

		{"POST", uploadPath, api, s.uploadFile, false},
		{"POST", "/api/content/content", api, s.uploadContent, false},

		{"GET", "/api/page/flow", api, show(s.pastFlow), false},         // ours: what they moved in the last minutes
		{"GET", "/api/connectors", api, show(s.connectorStates), false}, // ours: both lists with their states
		{"GET", "/sse/south/{id}", stream, s.streamConnector(s.o.Engine.SouthMetrics), false},
		{"GET", "/sse/north/{id}", stream, s.streamConnector(s.o.Engine.NorthMetrics), false},
		{"GET", "/sse/connectors", stream, s.streamConnectors, false}, // ours
	}
}
