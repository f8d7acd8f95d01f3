package field

import (
	"strconv"
	"unicode/utf8"
)

// AppendText appends the value as templates show it: a missing one as <NA>, a list as (a,b). The value is one of
// [Ref.GetPrint].
func (r *Ref) AppendText(dst []byte, v *Value, present bool) []byte {
	if !present {
		return append(dst, na...)
	}
	f := r.format()
	if !r.List {
		return AppendValue(dst, r.Kind, f, v)
	}
	dst = append(dst, '(')
	for i := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendValue(dst, r.Kind, f, &v.List[i])
	}
	return append(dst, ')')
}

// AppendJSON appends the value as JSON: numbers that print in decimal as numbers, bools as bools, a list as an array, a
// missing value as null, all else as text.
func (r *Ref) AppendJSON(dst []byte, v *Value, present bool) []byte {
	f := r.format()
	switch {
	case !present:
		return append(dst, "null"...)
	case r.Flags&JSONNumber != 0:
		return strconv.AppendInt(dst, v.Num, 10)
	case !r.List:
		return appendJSON(dst, r.Kind, f, v)
	}
	dst = append(dst, '[')
	for i := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, r.Kind, f, &v.List[i])
	}
	return append(dst, ']')
}

// format is the field's, or the parameter's for evt.rawarg.
func (r *Ref) format() Format {
	if r.ArgType != nil {
		return paramKinds[r.Args.Text].format
	}
	return r.Format
}

// AppendValue appends one value, not a list, as templates show it.
func AppendValue(dst []byte, t Type, f Format, v *Value) []byte {
	switch t.Group() {
	case Text:
		return append(dst, v.Str...)
	case Bytes:
		return append(dst, dots(v.Str)...)
	case Boolean:
		return strconv.AppendBool(dst, v.Num != 0)
	case Float:
		return strconv.AppendFloat(dst, v.Float, 'f', 1, 64)
	case Address:
		return v.Addr.AppendTo(dst)
	case Network:
		return v.Net.AppendTo(dst)
	}
	switch f {
	case Hex:
		return appendHex(dst, v.Num)
	case Oct:
		return strconv.AppendUint(dst, uint64(v.Num), 8)
	case Padded10:
		return appendPadded(dst, uint64(v.Num))
	}
	if t.Group() == Signed {
		return strconv.AppendInt(dst, v.Num, 10)
	}
	return strconv.AppendUint(dst, uint64(v.Num), 10)
}

func appendJSON(dst []byte, t Type, f Format, v *Value) []byte {
	switch t.Group() {
	case Boolean:
		return AppendValue(dst, t, f, v)
	case Float:
		if f == Dec {
			return strconv.AppendInt(dst, int64(v.Float), 10)
		}
		return strconv.AppendFloat(dst, v.Float, 'g', -1, 64)
	case Signed, Unsigned:
		if f == Plain || f == Dec || f == ID {
			return AppendValue(dst, t, f, v)
		}
	case Text:
		return AppendQuoted(dst, v.Str)
	case Bytes:
		return AppendQuoted(dst, dots(v.Str))
	}
	dst = append(dst, '"')
	dst = AppendValue(dst, t, f, v) // digits or an address, which need no escaping
	return append(dst, '"')
}

const upperHex = "0123456789ABCDEF"

// appendHex appends upper-case hexadecimal digits without a prefix.
func appendHex(dst []byte, n int64) []byte {
	var buf [16]byte
	i := len(buf)
	for u := uint64(n); ; u >>= 4 {
		i--
		buf[i] = upperHex[u&0xf]
		if u < 16 {
			return append(dst, buf[i:]...)
		}
	}
}

// appendPadded appends a number with zeros in front, nine digits at least.
func appendPadded(dst []byte, n uint64) []byte {
	for limit := uint64(100_000_000); limit > 1 && n < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}

const lowerHex = "0123456789abcdef"

// AppendQuoted appends a JSON text in quotes, as Falco escapes it: quotes, backslashes and control characters only, and
// U+FFFD for each piece of broken UTF-8. Unlike Falco it escapes what [steers] too: who reads the text as JSON sees no difference.
func AppendQuoted(dst []byte, s string) []byte {
	return append(AppendEscaped(append(dst, '"'), s), '"')
}

// AppendEscaped is AppendQuoted without the quotes.
func AppendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = appendEscape(append(dst, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if steers(r) {
			dst = append(append(dst, s[start:i]...), '\\', 'u', lowerHex[r>>12], lowerHex[r>>8&0xf], lowerHex[r>>4&0xf], lowerHex[r&0xf])
			i += n
			start = i
			continue
		}
		if r != utf8.RuneError || n > 1 {
			i += n
			continue
		}
		dst = append(append(dst, s[start:i]...), "\uFFFD"...)
		i += BrokenLen(s[i:])
		start = i
	}
	return append(dst, s[start:]...)
}

// steers tells whether a character beyond ASCII may steer the terminal of who reads an alert instead of being shown: the control
// characters of ISO 6429, and the marks that turn the direction of writing around.
func steers(r rune) bool {
	return r >= 0x80 && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&0xf])
}

// BrokenLen is the length of the piece at the start of ill-formed UTF-8 that one U+FFFD stands for: the longest start of
// a valid sequence, at least one byte (Unicode 3.9, substitution of maximal subparts).
func BrokenLen(s string) int {
	// Bounds of the second byte exclude overlong forms, surrogates and what lies past U+10FFFF.
	lo, hi, want := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case c >= 0xC2 && c <= 0xDF:
		want = 1
	case c >= 0xE0 && c <= 0xEF:
		want = 2
		if c == 0xE0 {
			lo = 0xA0
		} else if c == 0xED {
			hi = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		want = 3
		if c == 0xF0 {
			lo = 0x90
		} else if c == 0xF4 {
			hi = 0x8F
		}
	}
	n := 1
	for ; n <= want && n < len(s) && s[n] >= lo && s[n] <= hi; n++ {
		lo, hi = 0x80, 0xBF
	}
	return n
}
