package rulefile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Version is the engine version that rule files are checked against.
const Version = "0.63.0"

// SemVer is a semantic version without labels: major, minor, patch.
type SemVer [3]uint32

func (v SemVer) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// ParseVersion reads x.y.z as Falco does, by scanf("%u.%u.%u"): blanks and a sign may stand before each number, and what
// follows the third is ignored.
func ParseVersion(s string) (SemVer, bool) {
	var v SemVer
	for i := range v {
		if i > 0 {
			if !strings.HasPrefix(s, ".") {
				return v, false
			}
			s = s[1:]
		}
		s = strings.TrimLeft(s, blanks)
		negative := strings.HasPrefix(s, "-")
		if negative || strings.HasPrefix(s, "+") {
			s = s[1:]
		}
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		if digits == 0 {
			return v, false
		}
		n, err := strconv.ParseUint(s[:digits], 10, 64)
		if err != nil {
			n = math.MaxUint64
		}
		if v[i] = uint32(n); negative {
			v[i] = -v[i]
		}
		s = s[digits:]
	}
	return v, true
}

const blanks = " \t\n\v\f\r"

// parseUint reads a whole number as yaml-cpp does: decimal, 0x… or octal 0…, with blanks around and a plus before it.
func parseUint(s string) (uint32, bool) {
	s = strings.TrimPrefix(strings.Trim(s, blanks), "+")
	base, digits := 10, s
	switch {
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return uint32(n), err == nil && !strings.ContainsRune(digits, '+')
}

// Satisfies tells whether what needs the version need runs with v: same major, and not older.
func (v SemVer) Satisfies(need SemVer) bool {
	return v[0] == need[0] && !v.less(need)
}

func (v SemVer) less(o SemVer) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] < o[i]
		}
	}
	return false
}
