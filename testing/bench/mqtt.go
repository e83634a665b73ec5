package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	publishers     = 4   // clients that feed a South
	unconfirmed    = 200 // messages that each of them has on their way
	manyTopics     = 10_000
	fewTopics      = 100
	perMessage     = 10 // values, where a message holds several
	mqttWait       = 30 * time.Second
	mosquittoThere = "/usr/sbin/mosquitto"
)

// mqttFlow measures how messages come from a broker and go to one.
func mqttFlow(s *stage, n size) []measure.Row {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = mosquittoThere
		_, err = os.Stat(path)
	}
	if err != nil {
		return []measure.Row{measure.Row{Group: "MQTT", Name: "messages"}.Absent("mosquitto is not installed")}
	}
	messages := n.values / 10
	rows := fromBroker(s, path, fewTopics, messages, 1)
	rows = append(rows, fromBroker(s, path, fewTopics, messages, perMessage)...)
	rows = append(rows, fromBroker(s, path, manyTopics, max(messages, 2*manyTopics), 1)...)
	for _, qos := range []int{0, 1, 2} {
		rows = append(rows, toBroker(s, path, messages, qos)...)
	}
	return rows
}

// mosquittoBroker is a broker that ends with the stage.
func mosquittoBroker(s *stage, path string) (address string) {
	dir := s.TempDir()
	port := harness.FreePort(s)
	text := fmt.Sprintf("user root\nlistener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 10000000\nlog_dest none\n", port)
	file := filepath.Join(dir, "mosquitto.conf")
	s.must(os.WriteFile(file, []byte(text), 0o600))
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	harness.StartPeer(s, harness.PeerOptions{Path: path, Args: []string{"-c", file}, Address: address})
	return address
}

func mqttSettings(address string, qos int) map[string]any {
	return map[string]any{"url": "mqtt://" + address, "qos": strconv.Itoa(qos), "persistent": false, "authentication": map[string]any{"type": "none"},
		"rejectUnauthorized": false, "reconnectPeriod": 1000, "connectTimeout": 10000}
}

// mqttClient is a client of another make.
func mqttClient(s *stage, address, id string) paho.Client {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetOrderMatters(false))
	s.must(confirmed(c.Connect()))
	s.Cleanup(func() { c.Disconnect(100) })
	return c
}

func confirmed(t paho.Token) error {
	if !t.WaitTimeout(mqttWait) {
		return fmt.Errorf("the broker does not answer")
	}
	return t.Error()
}

// fromBroker measures a South that subscribes to topics.
func fromBroker(s *stage, path string, topics, messages, values int) []measure.Row {
	address := mosquittoBroker(s, path)
	p := newReceiver(s, address, topics, values)
	var clients []paho.Client
	for i := range publishers {
		clients = append(clients, mqttClient(s, address, fmt.Sprintf("bench%d", i)))
	}
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	p.flowing(ctx, clients[0], topics, values)
	p.settle()
	before := p.t.values.Load()
	var took, fed time.Duration
	cpu, resident := p.usage(func() {
		start := time.Now()
		feedBroker(s, clients, topics, messages, values)
		fed = time.Since(start)
		p.arrived(ctx, before+int64(messages*values))
		took = time.Since(start)
	})
	p.a.Stop()
	group := fmt.Sprintf("%s MQTT messages of %d values at QoS 1 on %s topics, from a broker to OIAnalytics", measure.Number(float64(messages)), values, measure.Number(float64(topics)))
	return mqttRows(group, messages, values, took, cpu, resident, fmt.Sprintf("the broker had all after %.2f s", fed.Seconds()))
}

func mqttRows(group string, messages, values int, took, cpu time.Duration, resident uint64, detail string) []measure.Row {
	if values > 0 {
		detail = fmt.Sprintf("%s values/s; %s", measure.Number(float64(messages*values)/took.Seconds()), detail)
	}
	return []measure.Row{
		{Group: group, Name: "until all are delivered", Value: float64(messages) / took.Seconds(), Unit: "messages/s", Detail: detail},
		{Group: group, Name: "processor time of the agent", Value: cpu.Seconds() / (float64(messages) / 1e6), Unit: "s", Detail: "a million messages"},
		{Group: group, Name: "most resident", Value: float64(resident) / mebibyte, Unit: "MB"},
	}
}

// newReceiver is an agent with a South that subscribes to topics, and a North that sends what comes to the target.
func newReceiver(s *stage, address string, topics, values int) *plant {
	p := &plant{s: s, t: newTarget(s), http: &http.Client{}}
	p.a = harness.Start(s, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})
	items := make([]any, topics)
	for i := range items {
		items[i] = map[string]any{"id": nil, "name": fmt.Sprintf("item%d", i), "enabled": true, "settings": map[string]any{"topic": fmt.Sprintf("bench/%d", i)},
			"scanModeId": "subscription", "scanModeName": nil, "groupId": nil, "groupName": nil, "syncWithGroup": false}
	}
	set := mqttSettings(address, 1)
	set["maxNumberOfMessages"], set["flushMessageTimeout"] = 1000, 1000
	var south, north struct{ ID string }
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/south", map[string]any{"name": "broker", "type": "mqtt", "description": "", "enabled": true,
		"settings": set, "items": items, "groups": []any{}}, &south))
	row, value := "$[*]", "$[*].message.value"
	if values > 1 {
		row, value = "$[*].message.values[*]", "$[*].message.values[*]"
	}
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/north", map[string]any{"name": "target", "type": "oianalytics", "description": "", "enabled": true,
		"settings": map[string]any{"useOiaModule": false, "timeout": 30, "compress": false, "specificSettings": map[string]any{
			"host": p.t.url, "acceptUnauthorized": false, "authentication": "basic", "accessKey": "k", "secretKey": "s", "useProxy": false}},
		"caching": p.caching(),
		"transformers": []any{map[string]any{"id": "", "transformerId": p.find("/api/transformers/list", "functionName", "json-to-oianalytics"),
			"source": map[string]any{"type": "south", "southId": south.ID, "items": []any{}},
			"options": map[string]any{"rowIteratorPath": row, "pointId": "$[*].item.name", "value": value, "timestamp": "$[*].timestamp",
				"datetimeSettings": map[string]any{"inputType": "iso-string", "outputPrecision": "ms"}}}}}, &north))
	p.north = north.ID
	return p
}

func (p *plant) caching() map[string]any {
	return map[string]any{
		"trigger":    map[string]any{"scanModeId": p.find("/api/scan-modes", "name", "Every second"), "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
		"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
		"error":      map[string]any{"retryInterval": 1000, "retryCount": 3, "retentionDuration": 0},
		"archive":    map[string]any{"enabled": false, "retentionDuration": 72}}
}

// mqttPayload is a message with values.
func mqttPayload(i, values int) string {
	if values == 1 {
		return fmt.Sprintf(`{"value":%d.5}`, i)
	}
	return `{"values":[` + strings.TrimSuffix(strings.Repeat(strconv.Itoa(i)+",", values), ",") + `]}`
}

// flowing waits until a message of the last topic arrives: then all are subscribed, and all that arrived was counted.
func (p *plant) flowing(ctx context.Context, c paho.Client, topics, values int) {
	sent := int64(0)
	for p.t.values.Load() == 0 {
		p.s.must(ctx.Err())
		p.s.must(confirmed(c.Publish(fmt.Sprintf("bench/%d", topics-1), 1, false, mqttPayload(0, values))))
		sent += int64(values)
		p.s.pause(100 * time.Millisecond)
	}
	p.s.pause(3 * time.Second) // what was sent before the subscription does not come
}

// feedBroker publishes messages from several clients and returns once the broker has confirmed them all.
func feedBroker(s *stage, clients []paho.Client, topics, messages, values int) {
	var wg sync.WaitGroup
	errs := make([]error, len(clients))
	for k, c := range clients {
		wg.Go(func() {
			var flying []paho.Token
			for i := k; i < messages && errs[k] == nil; i += len(clients) {
				flying = append(flying, c.Publish(fmt.Sprintf("bench/%d", i%topics), 1, false, mqttPayload(i, values)))
				if len(flying) >= unconfirmed {
					errs[k] = confirmed(flying[0])
					flying = flying[1:]
				}
			}
			for _, token := range flying {
				if errs[k] == nil {
					errs[k] = confirmed(token)
				}
			}
		})
	}
	wg.Wait()
	s.must(errors.Join(errs...))
}

// toBroker measures a North that publishes posted CSV.
func toBroker(s *stage, path string, messages, qos int) []measure.Row {
	address := mosquittoBroker(s, path)
	var got atomic.Int64
	listener := mqttClient(s, address, "listener")
	s.must(confirmed(listener.Subscribe("bench/#", byte(min(qos, 1)), func(paho.Client, paho.Message) { got.Add(1) })))
	p := &plant{s: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: posters}}}
	s.Cleanup(p.http.CloseIdleConnections)
	p.a = harness.Start(s, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})
	var north struct{ ID string }
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/north", map[string]any{"name": "broker", "type": "mqtt", "description": "", "enabled": true,
		"settings": mqttSettings(address, qos), "caching": p.caching(),
		"transformers": []any{map[string]any{"id": "", "transformerId": p.find("/api/transformers/list", "functionName", "csv-to-mqtt"),
			"source":  map[string]any{"type": "oibus-api", "dataSourceId": "csv"},
			"options": map[string]any{"delimiter": "SEMI_COLON", "hasHeader": true, "topicColumn": "topic", "payloadType": "string", "valueColumn": "value"}}}}, &north))
	p.north = north.ID
	p.settle()
	var file bytes.Buffer
	file.WriteString("topic;value\n")
	const files = 10
	for i := range messages / files {
		fmt.Fprintf(&file, "bench/%d;%d.5\n", i%fewTopics, i)
	}
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	var took time.Duration
	cpu, resident := p.usage(func() {
		start := time.Now()
		p.postAll(ctx, files, 2, file.Bytes())
		if !harness.UntilDone(ctx, func() bool { return got.Load() >= int64(messages) }) {
			s.Fatalf("%d of %d messages arrived\n%s", got.Load(), messages, p.a.Output())
		}
		took = time.Since(start)
	})
	p.a.Stop()
	group := fmt.Sprintf("%s MQTT messages at QoS %d, posted as CSV, to a broker", measure.Number(float64(messages)), qos)
	return mqttRows(group, messages, 0, took, cpu, resident, "one value each, received by another client")
}
