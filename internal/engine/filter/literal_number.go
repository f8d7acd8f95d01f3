package filter

import (
	"context"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

// decimal is a number as it is written.
type decimal struct {
	negative  bool
	magnitude uint64
	// tooLarge: the magnitude needs more than 64 bits; it is the greatest number then.
	tooLarge bool
}

// parseDecimal reads a decimal number as scanf(3) does: white space in front, a sign, digits; nothing behind them.
func parseDecimal(text string) (n decimal, ok bool) {
	digits := strings.TrimLeft(text, " \t\n\v\f\r")
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		n.negative = digits[0] == '-'
		digits = digits[1:]
	}
	if digits == "" || strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
		return decimal{}, false
	}
	var err error
	n.magnitude, err = strconv.ParseUint(digits, 10, 64)
	n.tooLarge = err != nil
	return n, true
}

// bits of a number of 64 bits: too large ones saturate, and a negative one wraps around if it is unsigned, as in Falco.
func (n decimal) bits(signed bool) int64 {
	switch {
	case !signed && n.tooLarge:
		return -1
	case signed && n.negative && n.magnitude > 1<<63:
		return math.MinInt64
	case signed && !n.negative && n.magnitude > math.MaxInt64:
		return math.MaxInt64
	case n.negative:
		return -int64(n.magnitude)
	}
	return int64(n.magnitude)
}

// saturates tells whether bits are another number than the one written.
func (n decimal) saturates(signed bool) bool {
	return n.tooLarge || signed && (n.magnitude > 1<<63 || n.magnitude == 1<<63 && !n.negative)
}

// number reads a number of the type of src; the result is the value's bits. A number that the type can't hold is a
// warning; it keeps its value, so that it equals none of the type's, where Falco would take the lowest bits of it.
func (c *compiler) number(src *source, v *Value) (int64, error) {
	if src.kind == field.SigType || src.kind == field.SyscallID {
		return 0, errorAt(v.Pos, "%s is of type %s, which compares with no literal", src.text, src.kind)
	}
	n, ok := parseDecimal(v.Text)
	if src.kind == field.Port && (!ok || !isDigit(v.Text[0])) {
		return servicePort(v)
	}
	if !ok {
		return 0, errorAt(v.Pos, "%q is not a whole number in decimal%s, and %s is of type %s", v.Text, decimalOf(v.Text), src.text, src.kind)
	}
	signed := src.kind.Group() != field.Unsigned
	if src.kind == field.Port && (n.tooLarge || n.magnitude > math.MaxInt32) {
		return 0, errorAt(v.Pos, "%q is too large for a port number", v.Text)
	}
	bits := n.bits(signed)
	width := width(src.kind)
	if width == 64 {
		if n.saturates(signed) {
			c.warn(WarnRange, v.Pos, fmt.Sprintf("%s is outside the range of %s, which is of type %s", v.Text, src.text, src.kind))
		}
		return bits, nil
	}
	lo, hi := int64(0), int64(1)<<width-1
	if signed {
		lo, hi = -1<<(width-1), 1<<(width-1)-1
	} else if n.negative && !n.tooLarge && bits < 0 && bits >= -hi-1 {
		bits &= hi
	}
	if bits < lo || bits > hi {
		c.warn(WarnRange, v.Pos,
			fmt.Sprintf("%s is outside the range of %s, which is of type %s (%d to %d)", v.Text, src.text, src.kind, lo, hi))
	}
	return bits, nil
}

// decimalOf is the remedy for a hexadecimal number, empty for everything else.
func decimalOf(text string) string {
	digits, ok := strings.CutPrefix(strings.ToLower(text), "0x")
	if n, err := strconv.ParseUint(digits, 16, 64); ok && err == nil {
		return fmt.Sprintf(" (write %d)", n)
	}
	return ""
}

// servicePort looks a service up in /etc/services, or in the resolver's short list where there is no such file. Names
// are in lower case there, and Falco tells cases apart. An empty one is port 0, as in Falco.
func servicePort(v *Value) (int64, error) {
	if v.Text == "" {
		return 0, nil
	}
	if !strings.ContainsAny(v.Text[:1], "+- \t\n\v\f\r") && field.Lower(v.Text) == v.Text {
		for _, network := range []string{"tcp", "udp"} {
			if port, err := new(net.Resolver).LookupPort(context.Background(), network, v.Text); err == nil {
				return int64(port), nil
			}
		}
	}
	return 0, errorAt(v.Pos, "%q is neither a port number nor the name of a service", v.Text)
}

// width of a numeric type in bits.
func width(t field.Type) int {
	switch t {
	case field.Int8, field.Uint8, field.Flags8, field.EnumFlags8, field.SigType:
		return 8
	case field.Int16, field.Uint16, field.Flags16, field.EnumFlags16, field.Port, field.SyscallID:
		return 16
	case field.Int32, field.Uint32, field.Flags32, field.EnumFlags32, field.Mode, field.UID, field.GID:
		return 32
	}
	return 64
}
