package yamltree

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// encodings are told by a text's first bytes: a byte order mark, or where an ASCII character has its zeros (YAML 1.2, 5.2).
// Longer ones come first. A '?' stands for any byte but zero.
var encodings = []struct {
	first string
	mark  bool
	width int
	order binary.ByteOrder
}{
	{"\x00\x00\xfe\xff", true, 4, binary.BigEndian},
	{"\xff\xfe\x00\x00", true, 4, binary.LittleEndian},
	{"\x00\x00\x00?", false, 4, binary.BigEndian},
	{"?\x00\x00\x00", false, 4, binary.LittleEndian},
	{"\xfe\xff", true, 2, binary.BigEndian},
	{"\xff\xfe", true, 2, binary.LittleEndian},
	{"\x00?", false, 2, binary.BigEndian},
	{"?\x00", false, 2, binary.LittleEndian},
}

// decode gives a text in UTF-8, without a byte order mark.
func decode(content []byte) []byte {
	for _, e := range encodings {
		if !begins(content, e.first) || len(content)%e.width != 0 {
			continue
		}
		if e.mark {
			content = content[len(e.first):]
		}
		return toUTF8(content, e.width, e.order)
	}
	return bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
}

func begins(content []byte, first string) bool {
	if len(content) < len(first) {
		return false
	}
	for i, c := range []byte(first) {
		if c == '?' && content[i] == 0 || c != '?' && content[i] != c {
			return false
		}
	}
	return true
}

func toUTF8(content []byte, width int, order binary.ByteOrder) []byte {
	var out []byte
	if width == 4 {
		for ; len(content) > 0; content = content[4:] {
			out = utf8.AppendRune(out, rune(order.Uint32(content)))
		}
		return out
	}
	units := make([]uint16, 0, len(content)/2)
	for ; len(content) > 0; content = content[2:] {
		units = append(units, order.Uint16(content))
	}
	return append(out, string(utf16.Decode(units))...)
}
