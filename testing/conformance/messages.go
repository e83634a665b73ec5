package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// messages are the recordings of one message with history queries, without a command.
var messages = []string{"history-queries-filled", "history-queries-after-run"}

// loadMessage reads a recorded message.
func loadMessage(folder, name string) (Exchange, error) {
	var recorded struct {
		Exchange Exchange `json:"exchange"`
	}
	err := loadJSON(folder, name, &recorded)
	if err == nil && len(queriesIn(recorded.Exchange.Body)) == 0 {
		err = fmt.Errorf("%s holds no history queries", name)
	}
	return recorded.Exchange, err
}

// playMessage brings the history queries of our agent to where those of a recorded message are, and compares its next
// message.
func (p *Plant) playMessage(name string) comparison {
	recorded, err := loadMessage(p.folder, name)
	if err != nil {
		return failed(err)
	}
	wrapped := &Recording{Name: name, Requests: []Exchange{recorded}}
	if err := p.unspoiled(wrapped); err != nil {
		return failed(err)
	}
	if err := p.closeWindow(); err != nil {
		return failed(err)
	}
	for _, block := range queriesIn(recorded.Body) {
		if err := p.bringQuery(block["settings"].(map[string]any)); err != nil {
			return failed(fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := p.passPolls(1); err != nil {
		return failed(err)
	}
	ours, err := p.newestMessage()
	if err != nil {
		return failed(err)
	}
	return func() ([]Difference, error) {
		theirs, mine := p.normalisers(&Played{Recording: wrapped})
		return Compare(theirs.Normalise(exchangeView(recorded)), mine.Normalise(exchangeView(ours))), nil
	}
}

// newestMessage is the last message with history queries that our agent sent.
func (p *Plant) newestMessage() (Exchange, error) {
	sent := p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, Endpoint: "E8"})
	if len(sent) == 0 {
		return Exchange{}, fmt.Errorf("no history queries were sent")
	}
	return exchangeOf(slices.MaxFunc(sent, func(a, b cloudsim.Request) int { return int(a.Seq) - int(b.Seq) })), nil
}

// bringQuery makes or changes a history query, and starts or pauses it, unless it is as wanted.
func (p *Plant) bringQuery(wanted map[string]any) error {
	name, status := textAt(wanted, "name"), textAt(wanted, "status")
	newest, err := p.newestMessage()
	if err != nil {
		return err
	}
	have, _ := queryNamed([]Exchange{newest}, name)["settings"].(map[string]any)
	theirs := &Normaliser{Names: p.recorded, Clouds: recordedClouds}
	mine := &Normaliser{Names: p.ourNames(), Clouds: []string{p.sim.URL(), p.front.url}, Paths: map[string]string{p.work: recordedWork}}
	if !alike(theirs.Normalise(unstated(wanted)), mine.Normalise(unstated(have))) {
		if err := p.betweenQueries(p.queryCommand(name, unstated(wanted), have != nil)); err != nil {
			return fmt.Errorf("bringing %s: %w", name, err)
		}
	}
	if status == "PENDING" || status == textAt(have, "status") {
		return nil
	}
	return p.bringStatus(name, status)
}

// queryCommand makes or changes a query.
func (p *Plant) queryCommand(name string, settings map[string]any, known bool) map[string]any {
	content := withSecrets(clone(settings)).(map[string]any)
	items, _ := content["items"].([]any)
	for _, i := range items {
		i.(map[string]any)["id"] = nil
	}
	if known {
		return map[string]any{"type": "update-history-query", "historyId": p.find("historyQueries " + name),
			"commandContent": map[string]any{"resetCache": false, "historyQuery": content}}
	}
	return map[string]any{"type": "create-history-query", "commandContent": content}
}

// bringStatus starts or pauses a query. One that shall have finished runs until it has.
func (p *Plant) bringStatus(name, status string) error {
	ordered := status
	if status == "FINISHED" {
		ordered = "RUNNING"
	}
	if err := p.betweenQueries(map[string]any{"type": "update-history-query-status", "historyId": p.find("historyQueries " + name), "historyQueryStatus": ordered}); err != nil {
		return fmt.Errorf("%s shall be %s: %w", name, status, err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), messageLimit)
	defer cancel()
	if !harness.UntilDone(ctx, func() bool {
		newest, err := p.newestMessage()
		has, _ := queryNamed([]Exchange{newest}, name)["settings"].(map[string]any)
		return err == nil && textAt(has, "status") == status
	}) {
		return fmt.Errorf("no message said that %s is %s", name, status)
	}
	return nil
}

// betweenQueries executes a command that no recording has, and waits for the message that follows.
func (p *Plant) betweenQueries(command map[string]any) error {
	mine, err := p.rewriter().Command(command)
	if err != nil {
		return err
	}
	before := p.lastSeq()
	if err := p.succeed(mine); err != nil {
		return err
	}
	if !p.await("E8", before, 1) {
		return fmt.Errorf("no history queries were sent")
	}
	return nil
}

// unstated are the settings of a query without its status.
func unstated(settings map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range settings {
		if k != "status" {
			out[k] = v
		}
	}
	return out
}

func alike(a, b any) bool { return len(Compare(undated(a), undated(b))) == 0 }

// learnHistoryCache waits until a query has cached what the recorded one had, and notes the ids of the contents in the
// order in which they came.
func (p *Plant) learnHistoryCache() error {
	type cached struct {
		Filename string
		Metadata struct{ ContentFile string }
	}
	var found struct{ Cache []cached }
	path := "/api/history/" + p.find("historyQueries HQ") + "/cache/search"
	ctx, cancel := context.WithTimeout(p.t.Context(), messageLimit)
	defer cancel()
	var err error
	if !harness.UntilDone(ctx, func() bool {
		err = p.agent.JSON(ctx, http.MethodGet, path, nil, &found)
		return err != nil || len(found.Cache) == len(historyCacheIDs)
	}) || err != nil {
		return fmt.Errorf("the history query has cached %v: %w", found.Cache, err)
	}
	slices.SortFunc(found.Cache, func(a, b cached) int { return strings.Compare(a.Metadata.ContentFile, b.Metadata.ContentFile) })
	for i, f := range found.Cache {
		p.extra[f.Filename] = historyContent(i)
	}
	return nil
}

// historyCacheIDs are the contents of the recorded cache in the order in which they came.
var historyCacheIDs = []string{"ZVh1ea4GigFm", "a3dc03CRf7RV", "sKD951UHJEEk", "XNnv4xc5Kygh"}

func historyContent(i int) string { return fmt.Sprintf("content %d", i+1) }
