package contract

import "strings"

// FormEdge is what separates the parts of the forms made by Form.
const FormEdge = "--edge"

// Form is a multipart body; names and values alternate, a name that begins with @ is that of a file.
func Form(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		name, isFile := strings.CutPrefix(pairs[i], "@")
		b.WriteString(FormEdge + "\r\nContent-Disposition: form-data; name=\"" + name + `"`)
		if isFile {
			b.WriteString("; filename=\"" + name + ".csv\"\r\nContent-Type: text/csv")
		}
		b.WriteString("\r\n\r\n" + pairs[i+1] + "\r\n")
	}
	return b.String() + FormEdge + "--\r\n"
}

// Bodies of the engine and what belongs to it.
const (
	ScanModeBody = `{"name":"Every 5 seconds","description":"","cron":"*/5 * * * * *"}`
	UserBody     = `{"login":"jane.doe","firstName":"Jane","lastName":"Doe","email":null,"language":"en","timezone":"Europe/Paris"}`
	LoggerBody   = `{"console":{"level":"silent"},"file":{"level":"info","maxFileSize":50,"numberOfFiles":5},"database":{"level":"info","maxNumberOfLogs":100000},
		"loki":{"level":"silent","interval":60,"address":"","username":"","password":""},"oia":{"level":"silent","interval":10},
		"syslog":{"level":"silent","host":"","port":514,"protocol":"udp4"}}`
	ProxyBody       = `{"enabled":false,"port":9000,"username":null,"password":null,"forward":{"enabled":false,"url":null,"username":null,"password":null}}`
	CertificateBody = `{"name":"Page","description":"","regenerateCertificate":true,"options":{"commonName":"box","countryName":"FR",
		"stateOrProvinceName":"Savoie","localityName":"Chambery","organizationName":"Plant","keySize":1024,"daysBeforeExpiry":30}}`
	KeepCertificate = `{"name":"Page 2","description":"of the page","regenerateCertificate":false,"options":null}`
)

// Bodies of Souths, Norths and transformers.
const (
	ScannerSettings = `{"inputFolder":"/in","compression":false,"username":null,"password":"s3cret","domain":null}`
	ItemSettings    = `{"regex":".*","minAge":1000,"preserveFiles":true,"ignoreModifiedDate":false,"maxFiles":0,"maxSize":0,"recursive":false}`
	ItemBody        = `{"id":null,"name":"a","enabled":true,"settings":` + ItemSettings + `,"scanModeId":"{mode}","scanModeName":null,"groupId":null,"groupName":null,
		"syncWithGroup":false,"maxReadInterval":3600,"readDelay":200,"startTimeOffset":0,"endTimeOffset":0,"recoveryStrategy":"oldest"}`
	SouthBody = `{"name":"Files","type":"folder-scanner","description":"","enabled":true,"settings":` + ScannerSettings + `,"items":[` + ItemBody + `],"groups":[]}`
	GroupBody = `{"id":null,"standardSettings":{"name":"Fast","scanModeId":"{mode}"},
		"historySettings":{"startTimeOffset":0,"endTimeOffset":0,"maxReadInterval":3600,"readDelay":200,"recoveryStrategy":"oldest"}}`
	TransformerBody = `{"type":"custom","name":"Louder","description":"","inputType":"any","outputType":"any","language":"javascript","customCode":"function transform(text) { return { data: text } }",
		"timeout":2000,"customManifest":{"type":"object","key":"options","translationKey":"x","attributes":[],"enablingConditions":[],"validators":[],"displayProperties":{"visible":true,"wrapInBox":false}}}`
	NorthBody = `{"name":"To the console","type":"console","description":"","enabled":true,"settings":{"verbose":false},
		"caching":{"trigger":{"scanModeId":"{mode}","scanModeName":null,"numberOfElements":1000,"numberOfFiles":1},"throttling":{"runMinDelay":200,"maxSize":0,"maxNumberOfElements":10000},
		"error":{"retryInterval":5000,"retryCount":3,"retentionDuration":0},"archive":{"enabled":false,"retentionDuration":72}},"transformers":[]}`
	CacheUpdate = `{"cache":{"remove":["a"],"move":[]},"error":{"remove":[],"move":[{"filename":"b","to":"cache"}]},"archive":{"remove":[],"move":[]}}`
	CSVTable    = "name,enabled,scanMode,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive\n" +
		"new,true,Every minute,.*,1000,true,false,0,0,false\nbad,true,Never,.*,1000,true,false,0,0,false\n"
)

// Bodies of history queries.
const (
	HistoryItem = `{"id":null,"name":"a","enabled":true,"settings":` + ItemSettings + `}`
	HistoryBody = `{"name":"Backfill","description":"","queryTimeRange":{"startTime":"2024-01-01T00:00:00.000Z","endTime":"2024-02-01T00:00:00.000Z","maxReadInterval":3600,"readDelay":200},
		"southType":"folder-scanner","southSettings":` + ScannerSettings + `,"northType":"console","northSettings":{"verbose":true},
		"caching":{"trigger":{"scanModeId":"{mode}","scanModeName":null,"numberOfElements":0,"numberOfFiles":0},"throttling":{"runMinDelay":200,"maxSize":0,"maxNumberOfElements":10000},
			"error":{"retryInterval":5000,"retryCount":1,"retentionDuration":24},"archive":{"enabled":true,"retentionDuration":72}},
		"items":[` + HistoryItem + `],"northTransformers":[{"id":"","transformerId":"{ignore}","options":{},"items":[]}]}`
	HistoryCSV = "name,enabled,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive\n"
)
