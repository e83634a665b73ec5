package page

import (
	"net/http"
	"strings"
)

// A view is one page of the admin page: its template is templates/<name>.html, its module assets/js/pages/<name>.js,
// its title the text "<name>.title".
type view struct {
	name, path, icon string
	group            string // heading of the navigation it stands under; "" = not in the navigation
}

// Headings of the navigation, in order. "" stands first, without a heading.
const (
	top         = "top"
	dataFlow    = "data"
	oianalytics = "oianalytics"
	settings    = "settings"
	help        = "help"
)

var groups = []string{top, dataFlow, oianalytics, settings, help}

// views is the table of pages: a new page is one row, one template and one module.
var views = []view{
	{"overview", "/", "gauge", top},
	{"logs", "/logs", "lines", top},
	{"souths", "/souths", "inflow", dataFlow},
	{"south", "/souths/{id}", "inflow", ""},
	{"norths", "/norths", "outflow", dataFlow},
	{"north", "/norths/{id}", "outflow", ""},
	{"histories", "/history", "rewind", dataFlow},
	{"history", "/history/{id}", "rewind", ""},
	{"transformers", "/transformers", "braces", dataFlow},
	{"transformer", "/transformers/{id}", "braces", ""},
	{"registration", "/registration", "cloud", oianalytics},
	{"commands", "/commands", "inbox", oianalytics},
	{"engine", "/settings", "sliders", settings},
	{"scan-modes", "/scan-modes", "clock", settings},
	{"ip-filters", "/ip-filters", "shield", settings},
	{"certificates", "/certificates", "seal", settings},
	{"users", "/users", "people", settings},
	{"versions", "/versions", "download", settings},
	{"about", "/about", "info", help},
	{"account", "/account", "person", ""},
}

// route is the path as http.ServeMux wants it.
func (v view) route() string {
	if v.path == "/" {
		return "/{$}"
	}
	return v.path
}

// under names the page of the navigation that a page without a place there belongs to.
var under = map[string]string{"south": "souths", "north": "norths", "history": "histories", "transformer": "transformers"}

// subject is what the page of one South, North, history query or transformer is about. Types that can run have commas
// between them; "" means all.
type subject struct {
	ID             string // "new" for one that is not made yet
	Installed      string // types of its kind
	Souths, Norths string
}

// show draws v for who is signed in.
func (s *Site) show(v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		souths, norths := s.o.Installed()
		of := subject{ID: r.PathValue("id"), Souths: strings.Join(souths, ","), Norths: strings.Join(norths, ",")}
		if of.Installed = of.Souths; v.name == "north" {
			of.Installed = of.Norths
		}
		s.render(w, r, http.StatusOK, v, of)
	}
}

// navGroup is a heading of the navigation with the pages under it.
type navGroup struct {
	Heading string
	Links   []navLink
}

type navLink struct {
	Name, Path, Icon string
	Current          bool
}

// navigation lists the pages by heading, current being the one shown.
func navigation(current string) []navGroup {
	var nav []navGroup
	for _, g := range groups {
		group := navGroup{Heading: g}
		for _, v := range views {
			if v.group == g {
				group.Links = append(group.Links, navLink{v.name, v.path, v.icon, v.name == current || v.name == under[current]})
			}
		}
		nav = append(nav, group)
	}
	return nav
}
