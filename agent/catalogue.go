package agent

import (
	"oibus/agent/north"
	"oibus/agent/north/awss3"
	"oibus/agent/north/azureblob"
	"oibus/agent/north/console"
	"oibus/agent/north/filewriter"
	northmodbus "oibus/agent/north/modbus"
	northmqtt "oibus/agent/north/mqtt"
	northoianalytics "oibus/agent/north/oianalytics"
	northopcua "oibus/agent/north/opcua"
	northrest "oibus/agent/north/rest"
	northsftp "oibus/agent/north/sftp"
	"oibus/agent/south"
	"oibus/agent/south/folderscanner"
	"oibus/agent/south/ftp"
	"oibus/agent/south/influxdb"
	southmodbus "oibus/agent/south/modbus"
	southmqtt "oibus/agent/south/mqtt"
	"oibus/agent/south/mssql"
	"oibus/agent/south/mysql"
	"oibus/agent/south/odbc"
	southoianalytics "oibus/agent/south/oianalytics"
	"oibus/agent/south/oledb"
	"oibus/agent/south/opc"
	southopcua "oibus/agent/south/opcua"
	"oibus/agent/south/osisoftpi"
	"oibus/agent/south/postgresql"
	southrest "oibus/agent/south/rest"
	southsftp "oibus/agent/south/sftp"
	"oibus/agent/south/sqlite"
)

// southTypes are the South connectors of this agent: a row each, and those that only releases have.
var southTypes = append([]south.Type{
	folderscanner.Type,
	ftp.Type,
	influxdb.Type,
	mssql.Type,
	mysql.Type,
	odbc.Type,
	oledb.Type,
	opc.Type,
	osisoftpi.Type,
	postgresql.Type,
	southmodbus.Type,
	southmqtt.Type,
	southoianalytics.Type,
	southopcua.Type,
	southrest.Type,
	southsftp.Type,
	sqlite.Type,
}, released...)

// northTypes are the North connectors of this agent: a row each.
var northTypes = []north.Type{
	awss3.Type,
	azureblob.Type,
	console.Type,
	filewriter.Type,
	northmodbus.Type,
	northmqtt.Type,
	northoianalytics.Type,
	northopcua.Type,
	northrest.Type,
	northsftp.Type,
}
