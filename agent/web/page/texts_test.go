package page

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// sources are the templates and modules, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, files := range []fs.FS{templateFiles, assetFiles} {
		err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := fs.ReadFile(files, name)
			all[name] = string(raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func table(t *testing.T) texts {
	t.Helper()
	tx, err := loadTexts(language)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

var (
	templateText = regexp.MustCompile(`\bt "([^"]+)"`)
	moduleText   = regexp.MustCompile(`\b(?:t|plural)\('([^']+)'`)
	fieldText    = regexp.MustCompile(`\(field "\w+" "[\w.]+" "([^"]+)"`)
	anyQuoted    = regexp.MustCompile("[\"'`]([A-Za-z0-9-]+(?:\\.[A-Za-z0-9_-]+)+)[\"'`]")
)

func TestEveryTextThatPagesAskForExists(t *testing.T) {
	t.Parallel()
	tx := table(t)
	for name, source := range sources(t) {
		for _, pattern := range []*regexp.Regexp{templateText, fieldText} {
			for _, m := range pattern.FindAllStringSubmatch(source, -1) {
				if !tx.has(m[1]) {
					t.Errorf("%s asks for the text %q, which does not exist", name, m[1])
				}
			}
		}
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, m := range moduleText.FindAllStringSubmatch(source, -1) {
			if !tx.has(m[1]) && !(tx.has(m[1]+".one") && tx.has(m[1]+".other")) {
				t.Errorf("%s asks for the text %q, which does not exist", name, m[1])
			}
		}
	}
}

// assembled are the beginnings of keys that are put together from parts.
var assembled = []string{
	"nav.", "permission.", "status.", "command.", "level.", "scope.", "range.", "preset.", "unit.", "duration.", "error.", "invalid.",
	"overview.cloud.", "overview.flow.", "engine.saved.", "engine.session.", "sink.syslog.protocol.", "certificates.keySize.", "users.language.",
	"versions.phase.", "versions.outcome.", "versions.source.",
	"registration.cancel.", "registration.unregister.", "connector.filter.", "connector.state.", "souths.", "norths.", "south.tab.", "north.tab.",
	"south.rate", "south.total.", "items.", "folder.", "cache.", "said.", "links.type.", "links.part.", "category.", "type.", "transformer.", "manifest.", "history.", "transformers.kind.", "transformers.language.", "transformers.user.", "content.", "trial.", "guide.",
}

// kinds are the lists whose editor puts its keys together from the kind of thing.
var kinds = []string{"scan-modes", "ip-filters", "certificates", "users"}

func TestEveryTextIsUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, source := range sources(t) {
		for _, pattern := range []*regexp.Regexp{templateText, fieldText, moduleText, anyQuoted} {
			for _, m := range pattern.FindAllStringSubmatch(source, -1) {
				used[m[1]] = true
				used[m[1]+".one"], used[m[1]+".other"] = true, true
				used[m[1]+".hint"] = true
			}
		}
	}
	for _, k := range []string{"login.limited", "login.wrong", "login.failed", "login.ended", "login.out"} {
		used[k] = true // asked for by the handlers
	}
	for _, v := range views {
		used[v.name+".title"] = true
	}
	used["login.title"] = true
	for _, k := range kinds {
		for _, what := range []string{"create", "edit", "saved", "deleted", "delete", "delete.text"} {
			used[k+"."+what] = true
		}
	}
	for key := range table(t) {
		if !used[key] && !slices.ContainsFunc(assembled, func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("the text %q is never shown", key)
		}
	}
}

func TestEditorsHaveAllTheirTexts(t *testing.T) {
	t.Parallel()
	tx := table(t)
	for _, k := range kinds {
		for _, what := range []string{"create", "edit", "saved", "deleted", "delete", "delete.text"} {
			if !tx.has(k + "." + what) {
				t.Errorf("there is no text %q", k+"."+what)
			}
		}
	}
}

func TestEveryPermissionStandsInOneGroupWithALabel(t *testing.T) {
	t.Parallel()
	tx := table(t)
	var grouped []string
	for _, g := range permissionGroups {
		if !tx.has("permission.group." + g.Name) {
			t.Errorf("group %q has no label", g.Name)
		}
		grouped = append(grouped, g.Permissions...)
	}
	for _, p := range grouped {
		if !tx.has("permission." + p) {
			t.Errorf("permission %q has no label", p)
		}
	}
	want := slices.Clone(entity.Permissions)
	slices.Sort(grouped)
	slices.Sort(want)
	if !slices.Equal(grouped, want) {
		t.Errorf("grouped permissions\n%v\nare not those of the protocol\n%v", grouped, want)
	}
}

func TestThereAre48TypesOfCommandsEachWithALabel(t *testing.T) {
	t.Parallel()
	tx := table(t)
	seen := map[string]bool{}
	for _, c := range commandTypes {
		if seen[c] = true; !tx.has("command." + c) {
			t.Errorf("command type %q has no label", c)
		}
	}
	if len(seen) != 48 || len(commandTypes) != 48 {
		t.Errorf("%d types, %d distinct; both dialects together have 48", len(commandTypes), len(seen))
	}
}

func TestNothingOfThePagesIsInlineOrForeign(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+="|javascript:|<style|<script(?:[^>]*)>[^<]`)
	foreign := regexp.MustCompile(`(?:src|href)="(?:https?:)?//([^"/]+)|@import|url\(\s*['"]?(?:https?:)?//`)
	for name, source := range sources(t) {
		if strings.HasSuffix(name, ".html") {
			if m := inline.FindString(source); m != "" {
				t.Errorf("%s has inline code or style: %q", name, m)
			}
		}
		for _, m := range foreign.FindAllStringSubmatch(source, -1) {
			if m[1] != "www.apache.org" { // a link that a person may follow
				t.Errorf("%s refers to another host: %q", name, m[0])
			}
		}
		if strings.HasSuffix(name, ".js") && regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|document\.write`).MatchString(source) {
			t.Errorf("%s makes HTML or code out of text", name)
		}
	}
}

func TestEveryLanguageHasEveryTextWithItsValues(t *testing.T) {
	t.Parallel()
	value := regexp.MustCompile(`\{\w+\}`)
	values := func(text string) []string {
		found := value.FindAllString(text, -1)
		slices.Sort(found)
		return found
	}
	usual := table(t)
	for _, lang := range languages {
		tx, err := loadTexts(lang)
		if err != nil {
			t.Fatal(err)
		}
		same := 0
		for key, text := range usual {
			switch other := tx[key]; {
			case strings.TrimSpace(other) == "":
				t.Errorf("%s has no text %q: %q", lang, key, text)
			case !slices.Equal(values(text), values(other)):
				t.Errorf("the text %q has other values in %s: %q and %q", key, lang, text, other)
			case text == other && strings.Contains(text, " "):
				same++
			}
		}
		for key := range tx {
			if !usual.has(key) {
				t.Errorf("%s has the text %q, which nobody asks for", lang, key)
			}
		}
		if lang != language && same > 40 {
			t.Errorf("%d texts of several words are the same in %s", same, lang)
		}
	}
}

func TestTheLanguageOfABrowserIsTheFirstThatIsKnown(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{"": "en", "fr-CH, fr;q=0.9, en;q=0.8": "fr", "de-DE,de;q=0.9,fr;q=0.5": "fr", "nl": "en", "EN-us,fr": "en", ";;,": "en", "fr": "fr"} {
		if got := preferred(accept); got != want {
			t.Errorf("%q: %s", accept, got)
		}
	}
}

func TestPagesSpeakTheLanguageOfThePerson(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.users[0].Language = "fr"
	page := ask(t, b, "GET", "/scan-modes", "", "Accept-Language", "en").Body.String()
	for _, want := range []string{`<html lang="fr"`, "<h1>Modes de scrutation</h1>", "Se déconnecter"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a French user lacks %q", want)
		}
	}
	script := regexp.MustCompile(`"(/assets/\w+)/js/pages/`).FindStringSubmatch(page)
	if script == nil {
		t.Fatal("the page has no module")
	}
	if module := ask(t, b, "GET", script[1]+"/js/table.js", "").Body.String(); !strings.Contains(module, "Se connecter") {
		t.Error("its modules have another table of texts")
	}
	if none := ask(t, b, "GET", "/nowhere", "", "Accept", "text/html").Body.String(); !strings.Contains(none, "Cette page n’existe pas") {
		t.Errorf("an error says %s", none)
	}
	b.signedIn.Store(false)
	if login := ask(t, b, "GET", "/login", "", "Accept-Language", "fr-FR").Body.String(); !strings.Contains(login, "Se connecter") {
		t.Error("the sign-in page does not ask the browser")
	}
}

// ownName are the values of lists that people say as they are stored.
var ownName = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "0", "1", "2", "3"}

// places are where the texts of a setting are looked for, as labels.js does.
func places(translationKey, key string) []string {
	place := strings.TrimSuffix(strings.TrimPrefix(translationKey, "configuration.oibus.manifest."), ".title")
	names := slices.DeleteFunc(strings.Split(place, "."), func(name string) bool { return name == key })
	part := ""
	if len(names) > 0 {
		part = names[len(names)-1]
	}
	return []string{"manifest.at." + place + "#" + key, "manifest.at." + place, "manifest.part." + part + "." + key, "manifest.key." + key}
}

// TestEverySettingOfEveryManifestHasALabelAndAHelpText looks for them as the forms do, and for the labels of the values
// of lists. What only holds others together needs no help.
func TestEverySettingOfEveryManifestHasALabelAndAHelpText(t *testing.T) {
	t.Parallel()
	tx := table(t)
	missing := map[string]string{}
	var look func(of string, v any)
	look = func(of string, v any) {
		switch x := v.(type) {
		case map[string]any:
			key, named := x["key"].(string)
			place, _ := x["translationKey"].(string)
			kind, typed := x["type"].(string)
			texts := func(more string) bool {
				return slices.ContainsFunc(places(place, key), func(at string) bool { return tx.has(at + more) })
			}
			if named && typed && !texts("") {
				missing[key] = of
			}
			if named && typed && kind != "object" && kind != "array" && !texts(".hint") {
				t.Errorf("the setting %q of %s (%s) has no help text", key, of, place)
			}
			offered, _ := x["selectableValues"].([]any)
			for _, v := range offered {
				if value, _ := v.(string); !slices.Contains(ownName, value) && !texts("."+value) && !tx.has("manifest.value."+value) {
					t.Errorf("the value %q of %q of %s (%s) has no label", value, key, of, place)
				}
			}
			for _, child := range x {
				look(of, child)
			}
		case []any:
			for _, child := range x {
				look(of, child)
			}
		}
	}
	all := map[string]any{}
	for _, dialect := range []manifest.Dialect{manifest.N, manifest.R} {
		for _, s := range manifest.SouthTypes(dialect) {
			all["South "+s.ID], _ = manifest.FindSouth(dialect, s.ID)
		}
		for _, n := range manifest.NorthTypes(dialect) {
			all["North "+n.ID], _ = manifest.FindNorth(dialect, n.ID)
		}
	}
	for _, x := range manifest.Transformers() {
		all["transformer "+x.ID] = x
	}
	for of, form := range all {
		raw, err := json.Marshal(form)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		look(of, v)
	}
	for key, of := range missing {
		t.Errorf("the setting %q of %s has no label", key, of)
	}
}
