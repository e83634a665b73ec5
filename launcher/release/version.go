package release

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxVersion bounds the text of a version, which names a folder.
const maxVersion = 64

// Version is a version of the product after semantic versioning 2.0. The zero value is 0.0.0.
type Version struct {
	core  [3]uint64
	pre   []string
	build string
}

// ParseVersion reads a text such as 3.9.0, v3.9.0 or 4.0.0-rc.1+linux. What it accepts is safe as the name of a folder.
func ParseVersion(text string) (Version, error) {
	v, err := parseVersion(strings.TrimPrefix(text, "v"))
	if err != nil {
		return Version{}, fmt.Errorf("%q is not a version such as 3.9.0 or 4.0.0-rc.1: %w", shorten(text), err)
	}
	return v, nil
}

func shorten(text string) string {
	if len(text) > maxVersion {
		return text[:maxVersion] + "…"
	}
	return text
}

func parseVersion(text string) (v Version, err error) {
	if len(text) > maxVersion {
		return v, fmt.Errorf("it is longer than the limit of %d characters", maxVersion)
	}
	text, build, hasBuild := strings.Cut(text, "+")
	core, pre, hasPre := strings.Cut(text, "-")
	numbers := strings.Split(core, ".")
	if len(numbers) != len(v.core) {
		return v, fmt.Errorf("it needs %d numbers", len(v.core))
	}
	for i, n := range numbers {
		if v.core[i], err = parseNumber(n); err != nil {
			return v, err
		}
	}
	if hasPre {
		v.pre = strings.Split(pre, ".")
		err = checkIdentifiers(v.pre, true)
	}
	if hasBuild && err == nil {
		v.build = build
		err = checkIdentifiers(strings.Split(build, "."), false)
	}
	return v, err
}

func parseNumber(text string) (uint64, error) {
	if !isNumber(text) || hasLeadingZero(text) {
		return 0, errLeadingZero(text)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large a number", text)
	}
	return n, nil
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func hasLeadingZero(text string) bool { return isNumber(text) && len(text) > 1 && text[0] == '0' }

func errLeadingZero(text string) error {
	return fmt.Errorf("%q is not a number without leading zeros", text)
}

func checkIdentifiers(ids []string, numbersCount bool) error {
	for _, id := range ids {
		for _, c := range []byte(id) {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-') {
				return fmt.Errorf("%q holds something else than letters, digits and -", id)
			}
		}
		if id == "" {
			return fmt.Errorf("a part of it is empty")
		}
		if numbersCount && hasLeadingZero(id) {
			return errLeadingZero(id)
		}
	}
	return nil
}

// String gives the version without a leading v.
func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.core[0], v.core[1], v.core[2])
	if len(v.pre) > 0 {
		text += "-" + strings.Join(v.pre, ".")
	}
	if v.build != "" {
		text += "+" + v.build
	}
	return text
}

// Compare is negative when v comes before w, positive when after, zero when neither does. A pre-release comes before
// its release; what follows a + does not count.
func (v Version) Compare(w Version) int {
	if c := slices.Compare(v.core[:], w.core[:]); c != 0 {
		return c
	}
	if len(v.pre) == 0 || len(w.pre) == 0 {
		return cmp.Compare(len(w.pre), len(v.pre))
	}
	return slices.CompareFunc(v.pre, w.pre, compareIdentifiers)
}

// compareIdentifiers orders numbers by value and before words.
func compareIdentifiers(a, b string) int {
	switch isA, isB := isNumber(a), isNumber(b); {
	case isA && isB:
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case isA:
		return -1
	case isB:
		return 1
	}
	return strings.Compare(a, b)
}

// CompareVersions is Compare for texts.
func CompareVersions(a, b string) (int, error) {
	v, err := ParseVersion(a)
	if err != nil {
		return 0, err
	}
	w, err := ParseVersion(b)
	if err != nil {
		return 0, err
	}
	return v.Compare(w), nil
}
