package rulefile

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is the engine version that rule files are checked against.
const Version = "0.63.0"

// version is a semantic version without labels.
type SemVer [3]uint32

func (v SemVer) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// ParseVersion reads x.y.z; a label behind the patch number is left out.
func ParseVersion(s string) (SemVer, bool) {
	var v SemVer
	parts := strings.SplitN(s, ".", 3)
	if len(parts) != 3 {
		return v, false
	}
	if i := strings.IndexAny(parts[2], "-+"); i > 0 {
		parts[2] = parts[2][:i]
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || p[0] == '+' {
			return v, false
		}
		v[i] = uint32(n)
	}
	return v, true
}

// satisfies tells whether what needs the version need runs with v: same major, and not older.
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
