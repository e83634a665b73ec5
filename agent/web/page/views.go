package page

import "net/http"

// A view is one page of the admin page: its template is templates/<name>.html, its module assets/js/pages/<name>.js,
// its title the text "<name>.title".
type view struct {
	name, path, icon string
	group            string // heading of the navigation it stands under; "" = not in the navigation
}

// Headings of the navigation, in order. "" stands first, without a heading.
const (
	top         = "top"
	oianalytics = "oianalytics"
	settings    = "settings"
	help        = "help"
)

var groups = []string{top, oianalytics, settings, help}

// views is the table of pages: a new page is one row, one template and one module.
var views = []view{
	{"overview", "/", "gauge", top},
	{"logs", "/logs", "lines", top},
	{"registration", "/registration", "cloud", oianalytics},
	{"commands", "/commands", "inbox", oianalytics},
	{"engine", "/settings", "sliders", settings},
	{"scan-modes", "/scan-modes", "clock", settings},
	{"ip-filters", "/ip-filters", "shield", settings},
	{"certificates", "/certificates", "seal", settings},
	{"users", "/users", "people", settings},
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

// show draws v for who is signed in.
func (s *Site) show(v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, http.StatusOK, v, nil)
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
				group.Links = append(group.Links, navLink{v.name, v.path, v.icon, v.name == current})
			}
		}
		nav = append(nav, group)
	}
	return nav
}
