package agent

import (
	"oibus/agent/north"
	"oibus/agent/north/console"
	"oibus/agent/north/filewriter"
	northoianalytics "oibus/agent/north/oianalytics"
	northrest "oibus/agent/north/rest"
	"oibus/agent/south"
	"oibus/agent/south/folderscanner"
	southoianalytics "oibus/agent/south/oianalytics"
	southrest "oibus/agent/south/rest"
)

// southTypes are the South connectors of this agent: a row each.
var southTypes = []south.Type{
	folderscanner.Type,
	southoianalytics.Type,
	southrest.Type,
}

// northTypes are the North connectors of this agent: a row each.
var northTypes = []north.Type{
	console.Type,
	filewriter.Type,
	northoianalytics.Type,
	northrest.Type,
}
