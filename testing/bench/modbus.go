package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"oibus/agent/connector/modbus"
	"oibus/testing/bench/measure"
	"oibus/testing/harness"
	"oibus/testing/peers/modbus/device"
)

const (
	// registerBudget is how many registers a second one South must read and deliver, or one North write.
	registerBudget = 2_000
	manyRegisters  = 20_000
	// lateTicks is the part of the ticks of a scan mode that may come late, because clocks and machines do.
	lateTicks = 0.05
	aloneFor  = time.Second
)

// modbusFlow measures how registers come from a device and go to one.
func modbusFlow(s *stage, n size) []measure.Row {
	ticks := max(5, n.values/100_000)
	rows := modbusAlone(s)
	rows = append(rows, fromDevice(s, registerBudget, ticks)...)
	rows = append(rows, fromDevice(s, manyRegisters, ticks)...)
	return append(rows, toDevice(s, registerBudget, ticks)...)
}

// modbusAlone measures the client without an agent, against a device in this process.
func modbusAlone(s *stage) []measure.Row {
	d := device.New(s)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	c, err := modbus.Dial(ctx, modbus.Options{Host: d.Host, Port: d.Port, Unit: 1, ConnectTimeout: 10 * time.Second})
	s.must(err)
	defer c.Close()
	reads := perSecond(func() {
		_, err := c.ReadRegisters(ctx, modbus.HoldingRegisters, 0, modbus.MaxRegisters)
		s.must(err)
	})
	writes := perSecond(func() { s.must(c.WriteRegister(ctx, 1, 1)) })
	const group = "the Modbus client alone, one request after the other"
	return []measure.Row{
		{Group: group, Name: "reads of 125 registers", Value: reads, Unit: "requests/s", Detail: measure.Number(reads*modbus.MaxRegisters) + " registers/s"},
		{Group: group, Name: "writes of one register", Value: writes, Unit: "requests/s"},
	}
}

func perSecond(f func()) float64 {
	n, start := 0, time.Now()
	for ; time.Since(start) < aloneFor; n++ {
		f()
	}
	return float64(n) / time.Since(start).Seconds()
}

// makeRegisters makes a South that reads registers of a device as one group every second.
func (p *plant) makeRegisters(d *device.Device, registers int) (id string) {
	const group = "temp_registers"
	items := make([]any, registers)
	for i := range items {
		items[i] = map[string]any{"id": nil, "name": fmt.Sprintf("register%d", i), "enabled": true, "scanModeId": nil, "scanModeName": "Every second", "groupId": group, "syncWithGroup": true,
			"settings": map[string]any{"address": fmt.Sprint(i), "modbusType": "holding-register", "data": map[string]any{"dataType": "uint16", "bitIndex": 1, "multiplierCoefficient": 1}}}
	}
	var made struct{ ID string }
	p.s.must(p.a.JSON(p.s.context, http.MethodPost, "/api/south", map[string]any{"name": "device", "type": "modbus", "description": "", "enabled": true, "items": items,
		"groups": []any{map[string]any{"id": group, "standardSettings": map[string]any{"name": "all", "scanModeId": p.find("/api/scan-modes", "name", "Every second")},
			"historySettings": map[string]any{"maxReadInterval": nil, "readDelay": nil, "overlap": nil, "startTimeOffset": nil, "endTimeOffset": nil, "recoveryStrategy": nil}}},
		"settings": map[string]any{"host": d.Host, "port": d.Port, "connectTimeout": 10000, "networkTimeout": 15000, "retryInterval": 10000, "slaveId": 1, "addressOffset": "modbus",
			"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false, "batchQuery": true, "groupingGap": 0}}, &made))
	return made.ID
}

// fromDevice measures a South and what delivers its values.
func fromDevice(s *stage, registers, ticks int) []measure.Row {
	p, d := newPlant(s), device.New(s)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	p.makeRegisters(d, registers)
	group := fmt.Sprintf("%s Modbus registers, read every second, delivered", measure.Number(float64(registers)))
	rows := p.steady(ctx, group, "values", registers, ticks, func(values int) bool { return p.t.values.Load() >= int64(values) })
	p.a.Stop()
	return rows
}

// toDevice measures a North that writes what a South reads.
func toDevice(s *stage, registers, ticks int) []measure.Row {
	p, from, to := newPlant(s), device.New(s), device.New(s)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	south := p.makeRegisters(from, registers)
	mapping := make([]any, registers)
	for i := range mapping {
		mapping[i] = map[string]any{"pointId": fmt.Sprintf("register%d", i), "address": fmt.Sprint(i), "modbusType": "register"}
	}
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/north", map[string]any{"name": "device", "type": "modbus", "description": "", "enabled": true,
		"settings": map[string]any{"host": to.Host, "port": to.Port, "connectTimeout": 10000, "retryInterval": 10000, "slaveId": 1, "addressOffset": "modbus",
			"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": p.find("/api/scan-modes", "name", "Every second"), "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
			"error":      map[string]any{"retryInterval": 1000, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{map[string]any{"id": "", "transformerId": p.find("/api/transformers/list", "functionName", "time-values-to-modbus"),
			"source": map[string]any{"type": "south", "southId": south, "items": []any{}}, "options": map[string]any{"mapping": mapping}}}}, &struct{}{}))
	written := 0
	group := fmt.Sprintf("%s Modbus registers, read every second, written one by one to another device", measure.Number(float64(registers)))
	rows := p.steady(ctx, group, "writes", registers, ticks, func(values int) bool {
		written += len(to.Writes())
		return written >= values
	})
	p.a.Stop()
	return rows
}

// steady waits for some ticks' worth of registers after the first one's, and says how fast they came.
func (p *plant) steady(ctx context.Context, group, unit string, registers, ticks int, there func(values int) bool) []measure.Row {
	wait := func(values int) {
		if !harness.UntilDone(ctx, func() bool { return there(values) }) {
			p.s.Fatalf("%d %s did not arrive\n%s", values, unit, p.a.Output())
		}
	}
	wait(2 * registers)
	var took time.Duration
	cpu, resident := p.usage(func() {
		start := time.Now()
		wait((2 + ticks) * registers)
		took = time.Since(start)
	})
	rate := measure.Row{Group: group, Name: "steadily", Value: float64(ticks*registers) / took.Seconds(), Unit: unit + "/s", Detail: fmt.Sprintf("over %d ticks", ticks)}
	if registers == registerBudget {
		rate = rate.NotBelow(registerBudget * (1 - lateTicks))
	}
	return []measure.Row{
		rate,
		{Group: group, Name: "processor time of the agent", Value: 100 * cpu.Seconds() / took.Seconds(), Unit: "%", Detail: "of one processor; " + measure.Number(cpu.Seconds()/(float64(ticks*registers)/1e6)) + " s a million " + unit},
		{Group: group, Name: "most resident", Value: float64(resident) / mebibyte, Unit: "MB"},
	}
}
