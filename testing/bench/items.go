package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

// The goals of a South with very many items: somebody waits for the table, and the machine has other things to do with its
// memory. The table has 25 MB.
const (
	previewBudget   = 10 // s
	importBudget    = 20 // s
	duplicateBudget = 10 // s
	itemsPeak       = 600
	itemsKept       = 300 // MB, when all of it is over
	itemsSettle     = 20 * time.Second
	itemsLimit      = 5 * time.Minute
)

// itemTables measures what a person does with a South of very many items, and what memory that takes.
func itemTables(s *stage, _ size) []measure.Row {
	a := harness.Start(s, harness.Options{})
	ctx, cancel := s.within(itemsLimit)
	defer cancel()
	group := fmt.Sprintf("A South with %s items, from a table", measure.Number(pageItems))
	var south struct{ ID string }
	settings := map[string]any{"host": "h", "port": 502, "connectTimeout": 10000, "networkTimeout": 15000, "retryInterval": 10000, "slaveId": 1, "addressOffset": "modbus",
		"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false, "batchQuery": false}
	body := map[string]any{"name": "Many", "type": "modbus", "description": "", "enabled": false, "items": []any{}, "groups": []any{}, "settings": settings}
	s.must(a.JSON(ctx, http.MethodPost, "/api/south", body, &south))
	form, kind := s.tableForm()
	var rows []measure.Row
	timed := func(name string, budget float64, do func()) {
		start := time.Now()
		do()
		row := measure.Row{Group: group, Name: name, Value: time.Since(start).Seconds(), Unit: "s"}.AtMost(budget)
		if memory, err := measure.MemoryOf(a.PID()); err == nil {
			row.Detail = fmt.Sprintf("resident %s MB afterwards, most %s MB until then", measure.Number(float64(memory.Resident)/mebibyte), measure.Number(float64(memory.Peak)/mebibyte))
		}
		rows = append(rows, row)
	}
	timed("preview of the table", previewBudget, func() { s.post(ctx, a, "/api/south/"+south.ID+"/items/import/preview", kind, form) })
	timed("import of the table", importBudget, func() { s.post(ctx, a, "/api/south/"+south.ID+"/items/import/table", kind, form) })
	timed("the South with its items", importBudget, func() { s.get(ctx, a, "/api/south/"+south.ID, "identity") })
	timed("list of its items", importBudget, func() { s.get(ctx, a, "/api/south/"+south.ID+"/items/list", "identity") })
	timed("a duplicate", duplicateBudget, func() {
		body["name"] = "Copy"
		s.must(a.JSON(ctx, http.MethodPost, "/api/south?items=copy&duplicate="+south.ID, body, &struct{}{}))
	})
	memory, err := measure.MemoryOf(a.PID())
	peak := measure.Row{Group: group, Name: "most memory", Unit: "MB"}.AtMost(itemsPeak)
	kept := measure.Row{Group: group, Name: "memory when it is over", Unit: "MB", Detail: "two such Souths are stored"}.AtMost(itemsKept)
	if err != nil {
		return append(rows, peak.Absent(err.Error()), kept.Absent(err.Error()))
	}
	peak.Value = float64(memory.Peak) / mebibyte
	s.pause(itemsSettle)
	memory, err = measure.MemoryOf(a.PID())
	s.must(err)
	kept.Value = float64(memory.Resident) / mebibyte
	return append(rows, peak, kept)
}

// tableForm is a form with a table of items, and its media type.
func (s *stage) tableForm() (form []byte, kind string) {
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	s.must(errors.Join(parts.WriteField("delimiter", ","), parts.WriteField("deleteItemsNotPresent", "false")))
	table, err := parts.CreateFormFile("itemsToImport", "items.csv")
	s.must(err)
	fmt.Fprintln(table, "name,enabled,scanMode,group,maxReadInterval,readDelay,startTimeOffset,endTimeOffset,recoveryStrategy,syncWithGroup,settings_address,settings_modbusType,settings_data")
	for i := range pageItems {
		fmt.Fprintf(table, "%s %06d,true,Every minute,,3600,200,0,0,oldest,false,0x%04x,holding-register,\"{\"\"dataType\"\":\"\"uint16\"\",\"\"bitIndex\"\":1,\"\"multiplierCoefficient\"\":1}\"\n",
			strings.Repeat("A line of the plant / ", 6), i, i%65536)
	}
	s.must(parts.Close())
	return body.Bytes(), parts.FormDataContentType()
}

func (s *stage) post(ctx context.Context, a *harness.Agent, path, kind string, body []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path, bytes.NewReader(body))
	s.must(err)
	request.Header.Set("Content-Type", kind)
	request.SetBasicAuth(a.Login, a.Password)
	_, err = s.read(a, request)
	s.must(err)
}
