package yamltree

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

// encode writes a text in units of 2 or 4 bytes.
func encode(s string, width int, order binary.AppendByteOrder) string {
	var out []byte
	if width == 4 {
		for _, r := range s {
			out = order.AppendUint32(out, uint32(r))
		}
		return string(out)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

func TestEncodings(t *testing.T) {
	const text, mark = "- añb: 𝒳\n", "\ufeff"
	for name, content := range map[string]string{
		"UTF-8":              text,
		"UTF-8 with mark":    mark + text,
		"UTF-16LE":           encode(text, 2, binary.LittleEndian),
		"UTF-16LE with mark": encode(mark+text, 2, binary.LittleEndian),
		"UTF-16BE":           encode(text, 2, binary.BigEndian),
		"UTF-16BE with mark": encode(mark+text, 2, binary.BigEndian),
		"UTF-32LE":           encode(text, 4, binary.LittleEndian),
		"UTF-32LE with mark": encode(mark+text, 4, binary.LittleEndian),
		"UTF-32BE with mark": encode(mark+text, 4, binary.BigEndian),
		"UTF-32BE":           encode(text, 4, binary.BigEndian),
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := Parse(NewFile("f.yaml", []byte(content)))
			if err != nil {
				t.Fatal(err)
			}
			pair := docs[0].Items[0].Pairs[0]
			if pair.Key.Text != "añb" || pair.Value.Text != "𝒳" {
				t.Errorf("read %q: %q", pair.Key.Text, pair.Value.Text)
			}
			if line, col := pair.Value.File.Position(pair.Value.Offset); line != 1 || col != 8 {
				t.Errorf("the value is at %d:%d, want 1:8", line, col)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a: 1\n---\nb: 2\n", ""},
		{"", ""},
		{"a: &x {b: 1}\nc: *x\n", ""},
		{"a: *x\n", "f.yaml:1:4: the requested alias is not defined: x"},
		{"a: &x 1\n---\nb: *x\n", "f.yaml:3:4: the requested alias is not defined: x"},
		{"a: [1\nb: 2\n", "f.yaml:1:4: end of sequence flow not found"},
		{"a: b: c\n", "f.yaml:1:5: illegal map value"},
		{"a: %b\n", "f.yaml:1:4: unexpected directive value. document not started"},
		{"- [a, %b]\n", "f.yaml:1:7: unexpected directive value. document not started"},
		{"a: \x00", "f.yaml:1:4: NUL byte, the file is no text"},
		{strings.Repeat("k", 1024) + ": x\n", ""},
		{strings.Repeat("k", 1025) + ": x\n", "f.yaml:1:1026: illegal map value"},
		{"? " + strings.Repeat("k", 2000) + "\n: x\n", ""},
		{"a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "f.yaml:1:68: collections nest deeper than 64"},
	} {
		t.Run(tt.text[:min(len(tt.text), 40)], func(t *testing.T) {
			_, err := Parse(NewFile("f.yaml", []byte(tt.text)))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
