package connectors

import (
	"path/filepath"
	"reflect"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// expected is what the reference's REST API and its full configuration say of one data folder.
type expected struct {
	Souths, Norths, ScanModes []tree
	FullConfigMessage         tree `json:"fullConfigMessage"`
}

// siteOf repeats the configuration of the reference's data folder here, and returns what the reference shows of it.
func siteOf(t *testing.T) (*player, expected) {
	t.Helper()
	var e expected
	readJSON(t, filepath.Join(shared(t, "reference-data"), "expected.json"), &e)
	p := &player{newBench(t, manifest.N), map[string]string{}}
	message := e.FullConfigMessage
	if inner, ok := message["body"].(tree); ok {
		message = inner
	}
	p.learn(message)
	descriptions := map[string]tree{}
	for _, m := range e.ScanModes {
		descriptions[m["id"].(string)] = m
	}
	for i := range p.modes {
		m := descriptions[p.modes[i].ID]
		text := m["description"].(string)
		p.modes[i].Description, p.modes[i].Cron = &text, m["cron"].(string)
	}
	for _, kind := range []string{"southConnectors", "northConnectors"} {
		for _, c := range message[kind].([]any) {
			p.bring(c.(tree), kind == "southConnectors")
		}
	}
	e.FullConfigMessage = message
	return p, e
}

// bare is a DTO without what differs between two installations: ids, authors, dates.
func bare(v any) any {
	switch v := v.(type) {
	case tree:
		out := tree{}
		for k, child := range v {
			switch k {
			case "id", "createdAt", "updatedAt":
				out[k] = "there"
			case "createdBy", "updatedBy":
				out[k] = len(child.(tree))
			default:
				out[k] = bare(child)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = bare(child)
		}
		return out
	}
	return v
}

func TestTheRESTAPIShowsConnectorsAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	p, e := siteOf(t)
	transformers := map[string]any{}
	for _, north := range e.Norths {
		for _, link := range north["transformers"].([]any) {
			transformer := link.(tree)["transformer"].(tree)
			transformers[transformer["id"].(string)] = transformer
		}
	}
	views := Views{Service: p.Service, FriendlyName: func(id string) string { return id }, Transformer: func(id string) any { return transformers[id] }}
	for i, want := range e.Souths {
		view, err := views.SouthView(p.Souths()[i].ID)
		p.must(err)
		var got tree
		p.must(unmarshal(body(t, view), &got))
		if !reflect.DeepEqual(bare(got), bare(want)) {
			t.Errorf("South %v is\n%s\nin the reference\n%s", want["name"], body(t, bare(got)), body(t, bare(want)))
		}
	}
	for i, want := range e.Norths {
		view, err := views.NorthView(p.Norths()[i].ID)
		p.must(err)
		var got tree
		p.must(unmarshal(body(t, view), &got))
		if !reflect.DeepEqual(bare(got), bare(want)) {
			t.Errorf("North %v is\n%s\nin the reference\n%s", want["name"], body(t, bare(got)), body(t, bare(want)))
		}
	}
}

func TestTheConfigurationOfAWholeSiteIsThatOfTheReference(t *testing.T) {
	t.Parallel()
	p, e := siteOf(t)
	for _, kind := range []string{"southConnectors", "northConnectors"} {
		ours := p.blocks(kind == "southConnectors")
		for _, c := range e.FullConfigMessage[kind].([]any) {
			name := c.(tree)["settings"].(tree)["name"].(string)
			if got, want := likeness(ours[name]), likeness(c); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is\n%s\nin the reference\n%s", name, body(t, got), body(t, want))
			}
		}
	}
}

func TestListsShowConnectorsWithoutTheirParts(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	if got := string(body(t, []any{k.views().LightSouths(), k.views().LightNorths()})); got != "[[],[]]" {
		t.Errorf("%s", got)
	}
	south, north := k.makeSouth(folder("F")), k.makeNorth(console("C"))
	want := func(c entity.Connector, name string) Light {
		return Light{c.ID, name, c.Type, c.Description, true, viewAudit{who{"u", "name of u"}, who{"u", "name of u"}, c.CreatedAt, c.UpdatedAt}}
	}
	if got := k.views().LightSouths(); len(got) != 1 || got[0] != want(south.Connector, "F") {
		t.Errorf("%+v", got)
	}
	if got := k.views().LightNorths(); len(got) != 1 || got[0] != want(north.Connector, "C") {
		t.Errorf("%+v", got)
	}
}

func TestLinksShowTheirSourcesOnTheWireAndOnThePage(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("i", "scanModeId", "ho")))
	north := k.makeNorth(console("C",
		southLink("", tree{"southId": south.ID, "groupId": south.Groups[0].ID, "items": []any{}}),
		southLink("", tree{"southId": south.ID, "items": []any{tree{"id": south.Items[0].ID, "name": "i"}}})))
	view, err := k.views().NorthView(north.ID)
	k.must(err)
	group, items := view.Transformers[0].Source.(viewSource), view.Transformers[1].Source.(viewSource)
	if group.Group == nil || group.Group.Name != "A" || group.South.Name != "PLC" || len(group.Items) != 0 || items.Group != nil || items.Items[0].Name != "i" {
		t.Errorf("%+v", view.Transformers)
	}
	links := k.blocks(false)
	sources := links["C"]["settings"].(tree)["transformers"].([]any)
	first, second := sources[0].(tree)["source"].(tree), sources[1].(tree)["source"].(tree)
	if first["groupId"] != south.Groups[0].ID || len(first["items"].([]any)) != 0 || second["items"].([]any)[0].(tree)["name"] != "i" {
		t.Errorf("%s", body(t, sources))
	}
	if _, has := second["groupId"]; has {
		t.Error("a link without group names one")
	}
}

func (b *bench) blocks(south bool) map[string]tree { return (&player{b, nil}).blocks(south) }

func TestGroupsAndItemsAreShownAlone(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.R)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{"overlap": 5})}, register("i", "groupId", "temp_a", "syncWithGroup", true)))
	g, err := k.views().GroupView(south.ID, south.Groups[0].ID)
	if err != nil || g.Standard.Name != "A" || string(body(t, g.History)) != `{"maxReadInterval":null,"readDelay":null,"overlap":5}` {
		t.Errorf("%s %v", body(t, g), err)
	}
	_, err = k.views().GroupView(south.ID, "nope")
	k.refused(err, `South item group "nope" not found`)
	items, err := k.views().ItemViews(south.ID, south.Items)
	if err != nil || len(items) != 1 || string(items[0].ScanMode) != "null" || string(items[0].Group) != string(body(t, g)) {
		t.Errorf("%s %v", body(t, items), err)
	}
}
