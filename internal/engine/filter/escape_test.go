package filter

import (
	"encoding/hex"
	"encoding/json"
	"testing"
)

// wrongEscapes are cases of the reference that say something else than Falco's test does.
var wrongEscapes = map[string]string{
	`"a\xffb"`: "the C++ text is in three pieces, of which only the last was taken as the expected one",
}

// TestEscapes takes the reference's cases of quoted texts.
func TestEscapes(t *testing.T) {
	n := 0
	for _, c := range readVectors[struct {
		Function string
		Args     []json.RawMessage
		Expected json.RawMessage
	}](t, "utils.json") {
		if c.Function != "unescape_str" {
			continue
		}
		text, want := escapeCase(t, c.Args[0]), escapeCase(t, c.Expected)
		if why, ok := wrongEscapes[text]; ok {
			t.Logf("%s: left out: %s", text, why)
			continue
		}
		n++
		l := newLexer(text)
		got, err := l.quoted()
		if (err != nil) != (want == "error") || err == nil && got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	if n < 5 {
		t.Errorf("%d cases", n)
	}
}

// escapeCase is a text, or bytes in hexadecimal.
func escapeCase(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var h struct {
		Hex string `json:"latin1_bytes_hex"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(h.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
