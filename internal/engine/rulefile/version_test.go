package rulefile

import "testing"

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"0.26.0": "0.26.0", "0.26.0 ": "0.26.0", "0.26.0.1": "0.26.0", "0.26.0-rc1+x": "0.26.0", " 1. 2. 3": "1.2.3", "+1.+2.+3": "1.2.3",
		"0.0.4294967296": "0.0.0", "0.0.-1": "0.0.4294967295", "0.0.99999999999999999999": "0.0.4294967295",
		"": "", "1": "", "1.2": "", "1.2.": "", "1 .2.3": "", "a.b.c": "", "1..3": "", "- 1.2.3": "",
	} {
		got := ""
		if v, ok := ParseVersion(text); ok {
			got = v.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestParseUint(t *testing.T) {
	for text, want := range map[string]int64{
		"5": 5, "+5": 5, " 5 ": 5, "0": 0, "00": 0, "010": 8, "0x10": 16, "0XfF": 255, "4294967295": 4294967295,
		"": -1, "-5": -1, "08": -1, "0x": -1, "5a": -1, "1_0": -1, "0b1": -1, "0o7": -1, "++5": -1, "4294967296": -1, "5.0": -1,
	} {
		got := int64(-1)
		if n, ok := parseUint(text); ok {
			got = int64(n)
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
