package page

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"oibus/agent/entity"
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
	"overview.cloud.", "engine.saved.", "engine.session.", "sink.syslog.protocol.", "certificates.keySize.", "users.language.",
	"versions.phase.", "versions.outcome.", "versions.source.",
	"registration.cancel.", "registration.unregister.", "connector.filter.", "connector.state.", "souths.", "norths.", "south.tab.", "north.tab.",
	"south.rate", "items.", "folder.", "cache.", "links.type.", "links.part.", "category.", "type.", "transformer.", "manifest.",
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
