package agent

import (
	"oibus/agent/north"
	"oibus/agent/north/console"
	"oibus/agent/north/filewriter"
	northmodbus "oibus/agent/north/modbus"
	northoianalytics "oibus/agent/north/oianalytics"
	northrest "oibus/agent/north/rest"
	"oibus/agent/south"
	"oibus/agent/south/folderscanner"
	southmodbus "oibus/agent/south/modbus"
	"oibus/agent/south/odbc"
	southoianalytics "oibus/agent/south/oianalytics"
	"oibus/agent/south/oledb"
	"oibus/agent/south/opc"
	"oibus/agent/south/osisoftpi"
	southrest "oibus/agent/south/rest"
)

// southTypes are the South connectors of this agent: a row each.
var southTypes = []south.Type{
	folderscanner.Type,
	odbc.Type,
	oledb.Type,
	opc.Type,
	osisoftpi.Type,
	southmodbus.Type,
	southoianalytics.Type,
	southrest.Type,
}

// northTypes are the North connectors of this agent: a row each.
var northTypes = []north.Type{
	console.Type,
	filewriter.Type,
	northmodbus.Type,
	northoianalytics.Type,
	northrest.Type,
}
