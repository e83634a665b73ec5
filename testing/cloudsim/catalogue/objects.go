package catalogue

const (
	scanModeContent    = `"commandContent":{"name":"Every 5 seconds","description":"","cron":"*/5 * * * * *"}`
	ipFilterContent    = `"commandContent":{"address":"192.168.1.*","description":"Plant network"}`
	certificateContent = `"commandContent":{"name":"Plant certificate","description":"","regenerateCertificate":true,"options":{"commonName":"oibus.plant.example",` +
		`"countryName":"FR","stateOrProvinceName":"Savoie","localityName":"Chambery","organizationName":"Plant","keySize":2048,"daysBeforeExpiry":3650}}`
)

// objectTemplates are the forms about scan modes, IP filters and certificates.
func objectTemplates() []Template {
	var out []Template
	for _, o := range []struct{ group, kind, idKey, id, content, help string }{
		{"Scan modes", "scan-mode", "scanModeId", "{scanMode}", scanModeContent, "Six cron fields, seconds first. Times are those of the agent's machine."},
		{"IP filters", "ip-filter", "ipFilterId", "{ipFilter}", ipFilterContent, "A * stands for any run of characters. The local machine is always allowed."},
		{"Certificates", "certificate", "certificateId", "{certificate}", certificateContent, "The options are used when the certificate is made or made again."},
	} {
		out = append(out, objectForms(o.group, o.kind, o.idKey, o.id, o.content, o.help)...)
	}
	return out
}

func objectForms(group, kind, idKey, id, content, help string) []Template {
	target := `"` + idKey + `":"` + id + `"`
	names := map[string]string{"scan-mode": "scan mode", "ip-filter": "IP filter", "certificate": "certificate"}
	articles := map[string]string{"scan-mode": "a ", "ip-filter": "an ", "certificate": "a "}
	what := articles[kind] + names[kind]
	return []Template{
		{Type: "create-" + kind, Group: group, Title: "Create " + what, Dialects: "NR", Help: help, Variants: literal(`{"type":"create-` + kind + `",` + content + `}`)},
		{Type: "update-" + kind, Group: group, Title: "Update " + what, Dialects: "NR", Help: help, Variants: literal(`{"type":"update-` + kind + `",` + target + `,` + content + `}`)},
		{Type: "delete-" + kind, Group: group, Title: "Delete " + what, Dialects: "NR", Variants: literal(`{"type":"delete-` + kind + `",` + target + `}`)},
	}
}
