package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	block = regexp.MustCompile(`(?s):root(\[data-theme="(\w+)"\])? \{(.*?)\n\s*\}`)
	token = regexp.MustCompile(`(--[\w-]+): ([^;]+);`)
)

// palettes are the tokens of the style sheet: "" the light ones and the scales, "auto" and "dark" the dark ones.
func palettes(t *testing.T) map[string]map[string]string {
	t.Helper()
	raw, err := assetFiles.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, m := range block.FindAllStringSubmatch(string(raw), -1) {
		tokens := map[string]string{}
		for _, v := range token.FindAllStringSubmatch(m[3], -1) {
			tokens[v[1]] = v[2]
		}
		all[m[2]] = tokens
	}
	if len(all) != 3 {
		t.Fatalf("the style sheet has %d palettes, not light, auto and dark", len(all))
	}
	return all
}

func TestTheTwoDarkPalettesAreEqual(t *testing.T) {
	t.Parallel()
	p := palettes(t)
	if fmt.Sprint(p["auto"]) != fmt.Sprint(p["dark"]) {
		t.Errorf("they differ:\n%v\n%v", p["auto"], p["dark"])
	}
}

// readable are the pairs of text and ground that occur, with the least contrast each needs (WCAG 2.1 AA: 4.5 for
// text, 3 for the borders of controls).
var readable = []struct {
	text    string
	grounds []string
	least   float64
}{
	{"--text", []string{"--bg", "--surface", "--sunken", "--accent-soft", "--warn-soft", "--bad-soft", "--info-soft"}, 7},
	{"--text-soft", []string{"--bg", "--surface", "--sunken", "--warn-soft", "--bad-soft", "--info-soft"}, 4.5},
	{"--text-faint", []string{"--bg", "--surface", "--sunken"}, 4.5},
	{"--accent-text", []string{"--bg", "--surface", "--accent-soft"}, 4.5},
	{"--on-accent", []string{"--accent", "--accent-strong"}, 4.5},
	{"--on-bad", []string{"--bad", "--bad-strong"}, 4.5},
	{"--ok", []string{"--surface", "--ok-soft", "--sunken"}, 4.5},
	{"--warn", []string{"--surface", "--warn-soft"}, 4.5},
	{"--bad", []string{"--bg", "--surface", "--bad-soft"}, 4.5},
	{"--info", []string{"--surface", "--info-soft"}, 4.5},
	{"--bg", []string{"--text"}, 7},
	{"--side-text", []string{"--side", "--side-line", "--side-raised"}, 7},
	{"--side-soft", []string{"--side", "--side-line"}, 4.5},
	{"--side-accent", []string{"--side", "--side-raised"}, 4.5},
	{"--line-strong", []string{"--surface", "--bg"}, 3},
	{"--accent", []string{"--surface", "--bg"}, 3},
}

func TestTextsStandOutFromTheirGround(t *testing.T) {
	t.Parallel()
	all := palettes(t)
	for _, theme := range []string{"", "dark"} {
		for _, r := range readable {
			for _, ground := range r.grounds {
				if c := contrast(t, all[theme][r.text], all[theme][ground]); c < r.least {
					t.Errorf("theme %q: %s on %s has a contrast of %.2f, less than %.1f", theme, r.text, ground, c, r.least)
				}
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	v, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		t.Fatalf("%q is not a colour", colour)
	}
	part := func(shift uint) float64 {
		c := float64(v>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}
