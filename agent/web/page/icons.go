package page

import (
	"fmt"
	"html/template"
)

// icons are drawn as strokes in a box of 24 by 24, in the colour of the text around them.
var icons = map[string]string{
	"alert":    `<path d="M12 4 2.8 19.5h18.4L12 4Z"/><path d="M12 10v4.2M12 16.9v.1"/>`,
	"arrow":    `<path d="M5 12h14M13 6l6 6-6 6"/>`,
	"back":     `<path d="M19 12H5M11 6l-6 6 6 6"/>`,
	"check":    `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
	"chevron":  `<path d="m6 9.5 6 6 6-6"/>`,
	"clock":    `<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.2 2"/>`,
	"cloud":    `<path d="M7 18.5a4.2 4.2 0 0 1-.6-8.4 5.8 5.8 0 0 1 11.2 1 3.7 3.7 0 0 1-.4 7.4H7Z"/>`,
	"copy":     `<rect x="8.5" y="8.5" width="11" height="11" rx="2"/><path d="M15.5 8.5V6a1.5 1.5 0 0 0-1.5-1.5H6A1.5 1.5 0 0 0 4.5 6v8A1.5 1.5 0 0 0 6 15.5h2.5"/>`,
	"cross":    `<path d="m6 6 12 12M18 6 6 18"/>`,
	"cpu":      `<rect x="6.5" y="6.5" width="11" height="11" rx="1.5"/><path d="M9.5 3v3.5M14.5 3v3.5M9.5 17.5V21M14.5 17.5V21M3 9.5h3.5M3 14.5h3.5M17.5 9.5H21M17.5 14.5H21"/>`,
	"disk":     `<ellipse cx="12" cy="6" rx="7.5" ry="2.8"/><path d="M4.5 6v12c0 1.5 3.4 2.8 7.5 2.8s7.5-1.3 7.5-2.8V6M4.5 12c0 1.5 3.4 2.8 7.5 2.8s7.5-1.3 7.5-2.8"/>`,
	"download": `<path d="M12 4v11M7.5 10.8 12 15.3l4.5-4.5M4.5 19.5h15"/>`,
	"eye":      `<path d="M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="2.8"/>`,
	"gauge":    `<path d="M4.3 18A9 9 0 1 1 19.7 18"/><path d="m12 14 4-5"/><circle cx="12" cy="14.2" r="1.4"/>`,
	"inbox":    `<path d="M3.5 13.5 6 5.5h12l2.5 8v4a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5v-4Z"/><path d="M3.5 13.5h5l1.2 2.3h4.6l1.2-2.3h5"/>`,
	"archive":  `<rect x="3.5" y="4.5" width="17" height="4.5" rx="1"/><path d="M5 9v9.5a1.5 1.5 0 0 0 1.5 1.5h11a1.5 1.5 0 0 0 1.5-1.5V9M9.5 13h5"/>`,
	"bolt":     `<path d="M13 3 5 13.5h5.5L10 21l8.5-11H13l.5-7Z"/>`,
	"folder":   `<path d="M3.5 18V6.5A1.5 1.5 0 0 1 5 5h4.2l2 2.5H19A1.5 1.5 0 0 1 20.5 9v9a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18Z"/>`,
	"inflow":   `<path d="M3.5 12h10M9.5 7.5 14 12l-4.5 4.5M14 4.5h4.5A1.5 1.5 0 0 1 20 6v12a1.5 1.5 0 0 1-1.5 1.5H14"/>`,
	"outflow":  `<path d="M10 4.5H5.5A1.5 1.5 0 0 0 4 6v12a1.5 1.5 0 0 0 1.5 1.5H10M10 12h10.5M16 7.5l4.5 4.5-4.5 4.5"/>`,
	"upload":   `<path d="M12 15.5V4.5M7.5 8.7 12 4.2l4.5 4.5M4.5 19.5h15"/>`,
	"info":     `<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5M12 7.9V8"/>`,
	"key":      `<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8-8M15.5 8l2.5 2.5M18 5.5l1.5 1.5"/>`,
	"lines":    `<path d="M4.5 6h15M4.5 10h10M4.5 14h15M4.5 18h7"/>`,
	"lock":     `<rect x="5" y="10.5" width="14" height="9.5" rx="2"/><path d="M8 10.5V8a4 4 0 0 1 8 0v2.5"/>`,
	"memory":   `<rect x="3" y="7" width="18" height="9" rx="1.5"/><path d="M7 10.5v2M12 10.5v2M17 10.5v2M6 16v2.5M10 16v2.5M14 16v2.5M18 16v2.5"/>`,
	"menu":     `<path d="M4 7h16M4 12h16M4 17h16"/>`,
	"moon":     `<path d="M19.5 14.3A8 8 0 0 1 9.7 4.5a8 8 0 1 0 9.8 9.8Z"/>`,
	"monitor":  `<rect x="3.5" y="5" width="17" height="11.5" rx="1.5"/><path d="M9 20h6M12 16.5V20"/>`,
	"pause":    `<path d="M8.5 5.5v13M15.5 5.5v13"/>`,
	"pencil":   `<path d="m4.5 19.5 1-4.2L16.3 4.5l3.2 3.2L8.7 18.5l-4.2 1Z"/>`,
	"people":   `<circle cx="9" cy="8.5" r="3.3"/><path d="M2.8 19.5a6.2 6.2 0 0 1 12.4 0M15.5 5.5a3.3 3.3 0 0 1 0 6M17.5 14a6.2 6.2 0 0 1 3.7 5.5"/>`,
	"person":   `<circle cx="12" cy="8.2" r="3.7"/><path d="M5 20a7 7 0 0 1 14 0"/>`,
	"play":     `<path d="M8 5.5v13l10.5-6.5L8 5.5Z"/>`,
	"plus":     `<path d="M12 5v14M5 12h14"/>`,
	"printer":  `<path d="M7 8.5V4h10v4.5M7 16.5H5A1.5 1.5 0 0 1 3.5 15v-5A1.5 1.5 0 0 1 5 8.5h14a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5h-2"/><path d="M7 13.5h10V20H7z"/>`,
	"power":    `<path d="M12 3.5v8M7 6.8a7.5 7.5 0 1 0 10 0"/>`,
	"refresh":  `<path d="M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4.2h-4.2"/>`,
	"seal":     `<circle cx="12" cy="9.5" r="5.5"/><path d="m8.5 14-1.5 7 5-2.5 5 2.5-1.5-7M9.8 9.5l1.6 1.6 2.9-3.1"/>`,
	"rewind":   `<path d="M4.5 12a7.5 7.5 0 1 0 2.3-5.4M4.5 3.5v4.2h4.2M12 8v4.3l3 1.8"/>`,
	"braces":   `<path d="M9 4.5H7.5A1.5 1.5 0 0 0 6 6v3.5L4 12l2 2.5V18a1.5 1.5 0 0 0 1.5 1.5H9M15 4.5h1.5A1.5 1.5 0 0 1 18 6v3.5l2 2.5-2 2.5V18a1.5 1.5 0 0 1-1.5 1.5H15"/>`,
	"search":   `<circle cx="10.8" cy="10.8" r="6.3"/><path d="m15.5 15.5 4.5 4.5"/>`,
	"shield":   `<path d="M12 3.5 4.5 6.3V12c0 4.3 3.2 7.3 7.5 8.5 4.3-1.2 7.5-4.2 7.5-8.5V6.3L12 3.5Z"/>`,
	"signout":  `<path d="M14 4.5H6.5A1.5 1.5 0 0 0 5 6v12a1.5 1.5 0 0 0 1.5 1.5H14M10 12h10M16.5 8l4 4-4 4"/>`,
	"sliders":  `<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
	"sun":      `<circle cx="12" cy="12" r="3.8"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4"/>`,
	"trash":    `<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.3 11v5M13.7 11v5"/>`,
	"unplug":   `<path d="m15 9 3.5-3.5M4.5 19.5 8 16M11 7l6 6-2 2a4.2 4.2 0 0 1-6 0l0 0a4.2 4.2 0 0 1 0-6l2-2Z"/>`,
}

// icon is the drawing with this name, hidden from screen readers: the text beside it or an aria-label says what it means.
func icon(name string) (template.HTML, error) {
	strokes, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("cannot find icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + strokes + `</svg>`), nil
}
